/*
 * store.h - the mail root, and the batch of messages that are made durable together
 *
 * How a message gets into its mailboxes:
 *
 *	stage_begin	a file in tmp/ of the first mailbox, the header in it
 *	stage_body	the body, piece by piece, into that file
 *	stage_finish	the files in tmp/ of the other mailboxes; the message waits in the batch
 *	store_commit	all of the batch: durable, to new/, new/ durable, log, verdict: commit.c
 *
 * stage_abandon takes back what the first two did.
 */
#ifndef POSTERN_DELIVERY_STORE_H
#define POSTERN_DELIVERY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail/fail.h"
#include "common/remember/remember.h"
#include "delivery/durable.h"
#include "delivery/journal.h"
#include "delivery/maildir.h"
#include "delivery/mark.h"
#include "delivery/transaction.h"

/*
 * Bounds of a batch beside the configured number of messages. They bound the
 * memory and the descriptors of delivery: see inbox.h.
 */
#define BATCH_OPEN_MAX 256			  /* files in tmp/ kept open until durable */
#define BATCH_TARGETS_MAX TRANSACTION_TARGETS_MAX /* mailboxes of all its messages */
#define BATCH_ENVELOPES_MAX (4 * 1024 * 1024)	  /* bytes of all its envelopes */
#define STORE_MAILBOXES_OPEN 256

typedef void store_answer(void *owner, uint64_t handle, enum verdict verdict);

struct quotas;

struct store {
	int root;
	bool is_ready;		/* store_make_ready has succeeded */
	bool is_tidy;		/* no file is left that could not be removed */
	struct problem unready; /* why it is not */
	struct mark mark;
	struct journal journal;
	struct maildirs *maildirs;
	struct quotas *quotas;
	struct durable durable;
	const char *hostname;
	char file_host[FILE_HOST_SIZE];
	store_answer *answer;
	struct remember *remember; /* NULL: nothing is remembered */

	struct transaction_list staging; /* whose bodies are coming in */
	size_t batch_max;		 /* messages */
	struct transaction_list batch;
	size_t count;	  /* messages in it */
	size_t open;	  /* their open files */
	size_t open_max;  /* of them; BATCH_OPEN_MAX, fewer where descriptors are scarce */
	size_t round_max; /* mailboxes held at once; ROUND_MAX, or fewer */
	size_t targets;	  /* their mailboxes */
	size_t envelopes; /* bytes */
	size_t lost;	  /* messages whose session has ended already */
};

struct store_settings {
	int root;		   /* the mail root; stays open */
	const char *hostname;	   /* not copied */
	size_t batch;		   /* messages in one group commit at most */
	size_t open_mailboxes;	   /* kept open beside those in use; also bounds the open files */
	bool create_mailboxes;	   /* those that are missing, at delivery */
	store_answer *answer;	   /* called by store_commit; owner is never NULL */
	struct remember *remember; /* of messages whose 250 was not taken; NULL: none. Not closed */
};

/* Nothing can be staged until store_make_ready. False with *problem set: memory is short. */
bool store_open(struct store *store, const struct store_settings *settings,
		struct problem *problem);
/* Messages still in the batch are undone. */
void store_close(struct store *store);

/*
 * Takes hold of the mail root, and finishes what the delivery before has left unfinished
 * (mark.h, recovery.h). MARK_OPEN: the store is ready. Else store->unready says why not,
 * and it may be tried again.
 */
enum mark_result store_make_ready(struct store *store);
/* Whether a file in tmp/ of this name belongs to a message of the store: recovery.h. */
bool store_is_using(const void *store, const char *name);

/*
 * Begins to store a transaction that has its targets. With SUBMISSION_AGAIN
 * mailboxes that hold the message already are found first; each other one must have
 * room for it within its quota. When something fails the transaction has failed, and
 * stage_body only drops.
 */
void stage_begin(struct store *store, struct transaction *transaction);
void stage_body(struct transaction *transaction, const void *bytes, size_t length);
/* The body is complete. The transaction, failed or not, is the store's from now on. */
void stage_finish(struct store *store, struct transaction *transaction);
/* The body will not come: removes what was made, frees the transaction. */
void stage_abandon(struct store *store, struct transaction *transaction);

/* Whether the batch is so big that it is to be committed now. */
bool store_is_due(const struct store *store);
/*
 * Group commit. Answers every message of the batch: VERDICT_STORED only when
 * it is durable in every mailbox.
 */
void store_commit(struct store *store);

/* Tries again to remove what could not be removed; store_commit does, too. */
void store_tidy(struct store *store);

/* Makes the files of the batch durable and closes them, but moves none yet. */
void store_relieve(struct store *store);
/* Removes what a failed message has made. False: some of it is still to be removed (store_tidy). */
bool store_undo(struct store *store, struct transaction *transaction);

/* The owner has gone: its messages are still stored, but nobody is answered. */
void store_forget_owner(struct store *store, const void *owner);
/* Whether a message of this id waits in the batch. */
bool store_has(const struct store *store, const char *id);

#endif
