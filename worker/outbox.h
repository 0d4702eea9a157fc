/*
 * outbox.h - hands completed messages to delivery and waits for its verdicts
 *
 * A message stays here until its verdict has come. When delivery dies, what
 * had no verdict is sent again, flagged, to the next one.
 */
#ifndef POSTERN_WORKER_OUTBOX_H
#define POSTERN_WORKER_OUTBOX_H

#include "worker/message.h"
#include "worker/worker.h"

/* Who is told what became of a message that a session waits for. */
struct outbox_listener {
	/* Delivery's verdict. */
	void (*verdict)(struct session *session, const struct message *message,
			enum verdict verdict);
	/* There was none for timeouts.delivery. */
	void (*no_verdict)(struct session *session, const struct message *message);
};

/* Ends the process when memory is short: made once, at the start. */
struct outbox *outbox_new(struct worker *worker, const struct outbox_listener *listener);

/* A pair of pipes to delivery: verdicts to read, messages to write. Takes over both. */
void outbox_connect(struct outbox *outbox, int verdicts, int messages);

/*
 * Takes over a completed message; the listener is called later, never from
 * within. `submission` has what only the session knows (client, helo,
 * protocol, received). False, and the message stays the caller's, when memory
 * is short.
 */
bool outbox_submit(struct outbox *outbox, struct message *message, struct submission *submission);

/* Nobody waits for the verdict of this session's message any more. */
void outbox_abandon(struct outbox *outbox, struct session *session);

#endif
