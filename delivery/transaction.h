/*
 * transaction.h - one message on its way into its mailboxes: into all of them or into none
 */
#ifndef POSTERN_DELIVERY_TRANSACTION_H
#define POSTERN_DELIVERY_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <bsd/sys/queue.h>

#include "common/fail/fail.h"
#include "common/frame/message.h"
#include "common/hash/siphash.h"
#include "common/tables/tables.h"
#include "delivery/maildir.h"

struct reservation;

/*
 * Mailboxes of one message, after aliases: as many as one recipient may stand
 * for (tables.h). A message for more is refused (451, the log says why).
 */
#define TRANSACTION_TARGETS_MAX 10000
#define FILE_HOST_SIZE 65  /* the host name in a file name, NUL included */
#define FILE_BASE_SIZE 128 /* "seconds.id.host" */
#define FILE_NAME_SIZE 160 /* the same with ",S=size"; NAME_MAX is 255, readers append flags */

enum target_state {
	TARGET_NOTHING, /* no file of ours */
	TARGET_IN_TMP,
	TARGET_IN_NEW,
	TARGET_WAS_THERE, /* stored by an earlier submission of the same message */
};

/* One mailbox of a message. */
struct target {
	char *address;		       /* "local@domain", and behind its NUL the path; owned */
	const char *path;	       /* below the mail root */
	struct wire_string recipient;  /* the first envelope recipient that led here */
	struct wire_string parameters; /* of its RCPT */
	enum target_state state;
	int descriptor; /* the file in tmp/ as long as it is not durable, else -1 */
	bool is_named;	/* so is its name there */
	dev_t device;	/* it lies on */
	uint64_t size;	/* of the file */
	struct quota quota;
	struct reservation *reservation; /* its place in the mailbox (quota.h), or NULL */
};

struct transaction {
	TAILQ_ENTRY(transaction) entry;
	bool is_staging;   /* it is in store->staging, not in the batch */
	bool is_recorded;  /* the journal says that it goes forward */
	void *owner;	   /* who gets the verdict; NULL when it has gone */
	uint32_t serial;   /* of the worker */
	uint8_t *envelope; /* the frame's payload: the submission's strings lie in it; owned */
	size_t envelope_size;
	struct submission submission;
	struct target *targets;
	size_t target_count;
	char name[FILE_BASE_SIZE]; /* of the files in tmp/; in new/ with ",S=size" */
	int64_t begun;		   /* clock_steady() when its envelope was complete */

	/* The body streams into one file; the others are copied from it. */
	struct target *source; /* NULL: every mailbox has the message already */
	int source_descriptor; /* -1: closed, or handed over to source->descriptor */
	size_t header_length;  /* of the source: where the body begins in it */
	char *pending;	       /* header that waits for the first piece of body; owned */

	/* For what is remembered of it: once.h. */
	bool has_key; /* the hash is being made, or the key is */
	bool is_lost; /* its session has ended without a reply */
	struct siphash hash;
	struct siphash_value key;
	char second_of[MESSAGE_ID_SIZE]; /* the message that is stored in its place; "" : none */

	/* Whether it is stored already cannot be found out now: it must not be answered. */
	bool is_uncertain;
	enum verdict verdict;	     /* anything but VERDICT_STORED: it has failed */
	struct problem reason;	     /* why */
	const struct target *failed; /* which mailbox; NULL: none in particular */
};

/*
 * A transaction for a checked submission. Takes over `envelope` (malloc'd), in
 * which the submission's strings lie. `file_host` is the host name as it
 * stands in file names. NULL when memory is short: then the envelope is still
 * the caller's.
 */
struct transaction *transaction_new(uint8_t *envelope, size_t envelope_size,
				    const struct submission *submission, const char *file_host);
/* Closes its descriptors; removes no file. */
void transaction_free(struct transaction *transaction);

bool transaction_has_failed(const struct transaction *transaction);

/*
 * Notes the first failure: the verdict, which mailbox (or NULL), why.
 * transaction_fail_errno finds the verdict by the error: no room or another.
 */
void transaction_fail(struct transaction *transaction, enum verdict verdict,
		      const struct target *target, const char *reason);
void transaction_fail_errno(struct transaction *transaction, const struct target *target,
			    const char *what, int error);
enum verdict verdict_of_errno(int error);

/* The name in new/: "seconds.id.host,S=size". */
void transaction_new_name(const struct transaction *transaction, const struct target *target,
			  char name[FILE_NAME_SIZE]);

/*
 * Removes every file that this transaction made, in tmp/ and in new/, and
 * closes its descriptors. What was there before it stays: a file that has once
 * been acknowledged is never removed. False when a file may be left.
 */
bool transaction_undo(struct transaction *transaction, struct maildirs *maildirs);

/* The host name for file names: no "/", no ":" (they have a meaning there), cut to fit. */
void file_host_make(const char *hostname, char file_host[FILE_HOST_SIZE]);

/* The lines in the log: one for each mailbox, or the failure. */
void transaction_log_stored(const struct transaction *transaction);
void transaction_log_failed(const struct transaction *transaction);

TAILQ_HEAD(transaction_list, transaction);

#endif
