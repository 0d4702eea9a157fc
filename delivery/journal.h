/*
 * journal.h - which messages are being moved into several mailboxes: the record of intent
 *
 * One file in delivery's own folder of the mail root holds one record: that of the batch
 * in hand. It is durable before the first file of these messages is moved, and says of
 * each of them where its files are and what is to become of them:
 *
 *	forward	all its files in tmp/ are durable: move what is not yet moved
 *	back	it has failed: remove what is there of it
 *
 * A message for one mailbox needs none: its move is one step.
 */
#ifndef POSTERN_DELIVERY_JOURNAL_H
#define POSTERN_DELIVERY_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/frame/wire.h"
#include "delivery/transaction.h"

struct journal {
	int file;      /* -1: not open */
	bool is_empty; /* the file holds no record, and that is durable */
};

/* Opens the file in `folder`, made durable where it is missing. False with errno set. */
bool journal_open(struct journal *journal, int folder);
void journal_close(struct journal *journal);

/* Whether a message is moved in more than one step, so that it needs a record. */
bool journal_concerns(const struct transaction *transaction);

/*
 * Replaces the record by one of all messages of the batch that it concerns, those that
 * have failed as going back, the others as going forward. Durable when true; else errno
 * is set, and what the file holds is not known. Nothing is done where it concerns none.
 */
bool journal_write(struct journal *journal, const struct transaction_list *batch);

/* Empties the file, durably. Costs nothing when it is empty. False with errno set. */
bool journal_clear(struct journal *journal);

/* ---- for recovery ---- */

struct journal_reader {
	uint8_t *bytes; /* owned; NULL: there is no record */
	struct wire_reader at;
	uint32_t left; /* messages */
};

struct journal_message {
	bool is_forward;
	char name[FILE_BASE_SIZE]; /* of its files in tmp/ */
	uint32_t targets;
};

struct journal_target {
	const char *path;	   /* of the mailbox, below the mail root; in the reader's memory */
	char name[FILE_NAME_SIZE]; /* in new/ */
};

/*
 * Reads the record. One that was not written to its end is none. False with errno set when
 * the file cannot be read.
 */
bool journal_read(const struct journal *journal, struct journal_reader *reader);
/* The next message, then each of its targets. False: there is none, or it is malformed. */
bool journal_next_message(struct journal_reader *reader, struct journal_message *message);
bool journal_next_target(struct journal_reader *reader, const struct journal_message *message,
			 struct journal_target *target);
void journal_reader_free(struct journal_reader *reader);

#endif
