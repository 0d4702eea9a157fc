/*
 * body.h - the body of a message on its way in
 *
 * Memory holds never more than one block of the spool, the rest lies in the
 * spool file. Where each recipient gets an answer of its own (LMTP, PRDR), there
 * is a message for each, and they hold one body together.
 */
#ifndef POSTERN_WORKER_BODY_H
#define POSTERN_WORKER_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/smtp/reply.h"
#include "worker/spool.h"

struct body {
	struct spool *spool;
	unsigned holders;
	uint32_t *blocks; /* in the spool, each full */
	size_t block_count;
	size_t block_room;
	char *tail; /* what comes behind them; NULL: nothing yet */
	size_t tail_used;
	size_t tail_size;
	bool dropped;	       /* nothing of it is kept any more */
	bool failed;	       /* it cannot be stored; the rest of the body is dropped */
	enum smtp_reply fault; /* then: the reply */
	const char *failed_by; /* then: what was short, for the log */
};

/* With one holder. NULL when memory is short. */
struct body *body_new(struct spool *spool);
/* One more holder. */
struct body *body_hold(struct body *body);
/* The last holder's release frees it, and gives its blocks back. */
void body_release(struct body *body);

/*
 * Adds to the body; what goes wrong is kept in `failed` and `fault`, logged with the
 * message's id, and the rest is dropped.
 */
void body_add(struct body *body, const char *id, const char *bytes, size_t length);

/* Gives back what the body took; nothing is added to it any more. */
void body_drop(struct body *body);

uint64_t body_length(const struct body *body);

#endif
