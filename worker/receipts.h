/*
 * receipts.h - what delivery was told of replies, until it is known to have read it
 *
 * A delivery process that is killed may leave a note unread in its pipe. Each is kept until
 * the verdict of a message has come that was sent behind it, and sent to the next
 * delivery process again; to be told twice does no harm.
 */
#ifndef POSTERN_WORKER_RECEIPTS_H
#define POSTERN_WORKER_RECEIPTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/frame/message.h"
#include "worker/notes.h"

/* Fewer than notes.h has room for. The oldest is dropped for a new one. */
#define RECEIPTS_MAX 2048

/* All zero: none. */
struct receipts {
	size_t first, count;
	struct receipt {
		struct message_replied replied;
		uint64_t behind; /* handle of the last message that was submitted before it */
	} rows[RECEIPTS_MAX];
};

void receipts_add(struct receipts *receipts, const struct message_replied *replied,
		  uint64_t behind);
/* The verdict of a message has come: what was sent before that message was read. */
void receipts_confirm(struct receipts *receipts, uint64_t handle);
/* The one at `place`, from 0 (the oldest) to count - 1. */
const struct message_replied *receipts_at(const struct receipts *receipts, size_t place);

/* Puts one among what is sent to delivery. */
void receipts_note(const struct message_replied *replied, struct notes *notes);
/* All of them, for the next delivery process. */
void receipts_note_again(const struct receipts *receipts, struct notes *notes);

#endif
