/*
 * inbox.h - the messages that come in from the workers
 *
 * A worker's pipe brings frames: a SUBMISSION (the envelope), then its body.
 * The envelope is held until the verdict, the body goes straight to the disk.
 *
 * Memory that workers can make delivery use, at most, with W workers:
 *
 *	W x (envelope + 10,000 mailboxes x 0.8 KiB + 74 KiB)	being read
 *	4 MiB + one envelope					envelopes of the batch
 *	20,000 mailboxes x 0.8 KiB				mailboxes of the batch
 *	256 KiB							the read buffer, shared
 *
 * where an envelope has SUBMISSION_ENVELOPE_MAX bytes at most, and a
 * mailbox costs 0.8 KiB only with names of the greatest length (100 bytes
 * are usual); one with a quota costs its path once more. An ordinary message costs under
 * 2 KiB.
 *
 * Descriptors: 3 for each worker (two pipes, the file that its message streams
 * into), 2 x (256 + 128) for mailboxes, 257 for files of the batch, 4 on the way.
 */
#ifndef POSTERN_DELIVERY_INBOX_H
#define POSTERN_DELIVERY_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "common/tables/tables.h"
#include "delivery/condition.h"
#include "delivery/store.h"

/* Priorities of the loop's events: reading first, then the commit, then making mailboxes. */
enum { PRIORITY_READ, PRIORITY_COMMIT, PRIORITY_BACKGROUND, PRIORITY_COUNT };

/* A worker has sent what it may not; its pipes are closed already. */
typedef void inbox_violation(void *context, uint32_t serial, const char *reason);
/* Lines could not be written to the log. */
typedef void inbox_log_lost(void *context);

struct inbox_settings {
	struct event_base *base;     /* with PRIORITY_COUNT priorities */
	struct store *store;	     /* its answer is inbox_answer */
	struct condition *condition; /* NULL: always fine */
	const struct tables *tables;
	const char *template; /* of a mailbox's path below the mail root; not copied */
	uint64_t message_size;
	uint32_t recipients;
	inbox_violation *violation;
	inbox_log_lost *log_lost;
	void *context;
};

struct inbox;

/* NULL when memory is short. */
struct inbox *inbox_new(const struct inbox_settings *settings);
/* Drops what is incomplete; closes all pipes. */
void inbox_free(struct inbox *inbox);

/*
 * Takes over the pipes of a worker (they are closed here also on failure): the
 * one that brings messages, the one for verdicts. Older pipes of the same
 * serial are closed. False when memory is short.
 */
bool inbox_add(struct inbox *inbox, uint32_t serial, int messages, int verdicts);
/*
 * A worker has ended (message_ended; 0: see there): what it had completed is committed, and
 * none of its sessions will take a reply.
 */
void inbox_ended(struct inbox *inbox, uint32_t serial);
size_t inbox_workers(const struct inbox *inbox);

/* store_answer: queues the verdict for the worker. */
store_answer inbox_answer;

/* The condition is another one: the workers will be told. */
void inbox_condition_changed(struct inbox *inbox);

/* Commits what is complete and writes the verdicts. */
void inbox_commit(struct inbox *inbox);

/*
 * For the end: reads what the pipes hold (a worker that goes on writing is cut
 * off after its first pipe full), drops what is incomplete, commits. Then
 * nothing more is read.
 */
void inbox_finish(struct inbox *inbox);
/* Whether all verdicts have been written. */
bool inbox_is_idle(const struct inbox *inbox);

#endif
