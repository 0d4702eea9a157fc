/*
 * outbox.h - hands completed messages to delivery and waits for its verdicts
 *
 * A message stays here until its verdict has come. When delivery dies, what
 * had no verdict is sent again, flagged, to the next one.
 */
#ifndef POSTERN_WORKER_OUTBOX_H
#define POSTERN_WORKER_OUTBOX_H

#include "worker/message.h"
#include "worker/questions.h"
#include "worker/worker.h"

/* Tells a session what became of the message it waits for. */
typedef void outbox_answer(struct session *session, const struct message *message,
			   enum smtp_reply reply);

/* Ends the process when memory is short: made once, at the start. */
struct outbox *outbox_new(struct worker *worker, outbox_answer *answer);

/* A pair of pipes to delivery: verdicts to read, messages to write. Takes over both. */
void outbox_connect(struct outbox *outbox, int verdicts, int messages);

/*
 * Takes over a completed message; the answer comes later, never from
 * within. `submission` has what only the session knows (client, helo,
 * protocol, received). False, and the message stays the caller's, when memory
 * is short.
 */
bool outbox_submit(struct outbox *outbox, struct message *message, struct submission *submission);

/*
 * Sends a frame without a body, between two messages: at once, or with the next message
 * and within a second. While delivery is away it waits. It is dropped where too many wait
 * (notes.h).
 */
void outbox_note(struct outbox *outbox, enum message_type type, const struct wire_writer *payload,
		 bool at_once);

/*
 * Asks delivery; the answer comes later (questions.h), never from within. The question stays
 * the caller's, who takes it back by questions_remove.
 */
void outbox_ask(struct outbox *outbox, struct question *question);

/*
 * Whether the client took the 250 of a stored message. That it did not goes at once, that it
 * did with the next message; a delivery process that dies is not the end of it.
 */
void outbox_replied(struct outbox *outbox, uint64_t handle, bool taken);
/* Sends the notes that wait. */
void outbox_hurry(struct outbox *outbox);
/* Whether no note waits to be sent. */
bool outbox_is_quiet(const struct outbox *outbox);

typedef void outbox_visit(const struct session *session, const struct message *message);

/* Calls `visit` for each message that this session waits for. */
void outbox_each(struct outbox *outbox, const struct session *session, outbox_visit *visit);

/*
 * The session does not wait any more. Those of its messages that delivery has
 * seen nothing of are dropped; the others may still be stored.
 */
void outbox_abandon(struct outbox *outbox, const struct session *session);

#endif
