/*
 * message.h - one message on its way in: envelope and body
 *
 * Memory is bounded by the limits of the configuration: the recipients
 * (limits.recipients), and what body.h says.
 */
#ifndef POSTERN_WORKER_MESSAGE_H
#define POSTERN_WORKER_MESSAGE_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/frame/message.h"
#include "common/smtp/address.h"
#include "worker/body.h"

struct session;

struct message {
	/* The envelope */
	char id[MESSAGE_ID_SIZE];
	char *sender;	   /* reverse-path as written */
	char *parameters;  /* of MAIL, as written */
	uint32_t flags;	   /* enum submission_flag */
	uint64_t declared; /* SIZE of MAIL; 0: none */
	uint32_t recipient_count;
	struct wire_writer recipients; /* as in the frame */
	size_t last_recipient;	       /* where the one begins that was added last */

	struct body *body;

	/* On its way through the outbox */
	TAILQ_ENTRY(message) next;
	struct session *session; /* who waits for the verdict; NULL: nobody any more */
	unsigned place;		 /* among the messages that this session waits for */
	uint64_t handle;
	int64_t submitted; /* clock_steady() */
	uint8_t *frame;	   /* header and envelope */
	size_t frame_length;
	uint64_t sent; /* bytes of frame and body that are in the pipe */
	bool complete; /* all of them */
};

/* `parameters` are those of MAIL, as written. NULL when memory is short. */
struct message *message_new(const char *id, const struct smtp_path *sender,
			    struct smtp_text parameters, uint32_t flags, struct spool *spool);

/*
 * A message of its own for one of the recipients of `all`; it holds the same body. NULL
 * when memory is short.
 */
struct message *message_for_one(const struct message *all,
				const struct submission_recipient *recipient, const char *id);

void message_free(struct message *message);

/* `parameters` are those of RCPT, as written. False when memory is short. */
bool message_add_recipient(struct message *message, const struct smtp_path *recipient,
			   const char *local, struct smtp_text parameters);
/* The one that was added last; its strings lie in the message until another is added. */
void message_last_recipient(const struct message *message, struct submission_recipient *recipient);
/* Takes it away again; to be called once. */
void message_drop_recipient(struct message *message);

/*
 * Makes the frame: header and envelope. The submission has all that the message does not
 * know itself, and its values. False when memory is short.
 */
bool message_frame(struct message *message, const struct submission *submission);
/*
 * What of the message is not sent yet and can go with one writev(2): the frame, and a body
 * that has no blocks. At most two parts; returns how many.
 */
int message_parts(const struct message *message, struct iovec *parts);
/* Whether the next bytes to send lie in the spool. */
bool message_is_in_blocks(const struct message *message);

#endif
