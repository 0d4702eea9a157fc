/*
 * message.h - one message on its way in: envelope and body
 *
 * Memory is bounded by the limits of the configuration: the recipients
 * (limits.recipients), and of the body never more than one block of the spool,
 * the rest lies in the spool file.
 */
#ifndef POSTERN_WORKER_MESSAGE_H
#define POSTERN_WORKER_MESSAGE_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/frame/message.h"
#include "common/smtp/address.h"
#include "common/smtp/reply.h"
#include "worker/spool.h"

struct session;

struct message {
	/* The envelope */
	char id[MESSAGE_ID_SIZE];
	char *sender;	/* reverse-path as written */
	uint32_t flags; /* enum submission_flag */
	uint32_t recipient_count;
	struct wire_writer recipients; /* as in the frame */

	/* The body */
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

	/* On its way through the outbox */
	TAILQ_ENTRY(message) next;
	struct session *session; /* who waits for the verdict; NULL: nobody any more */
	uint64_t handle;
	int64_t submitted; /* clock_steady() */
	uint8_t *frame;	   /* header and envelope */
	size_t frame_length;
	uint64_t sent; /* bytes of frame and body that are in the pipe */
	bool complete; /* all of them */
};

/* NULL when memory is short. */
struct message *message_new(const char *id, const struct smtp_path *sender, uint32_t flags);
void message_free(struct message *message, struct spool *spool);

/* False when memory is short. */
bool message_add_recipient(struct message *message, const struct smtp_path *recipient,
			   const char *local);

/* Adds to the body; what goes wrong is kept in `failed` and `fault`, and the rest is dropped. */
void message_add_body(struct message *message, struct spool *spool, const char *bytes,
		      size_t length);

/* Gives back what the body took; nothing is added to it any more. */
void message_drop_body(struct message *message, struct spool *spool);

/* Bytes of the body. */
uint64_t message_body_length(const struct message *message);

#endif
