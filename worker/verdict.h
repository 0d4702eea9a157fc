/*
 * verdict.h - what became of the messages of a session
 */
#ifndef POSTERN_WORKER_VERDICT_H
#define POSTERN_WORKER_VERDICT_H

#include "worker/session.h"

/*
 * Hands the message of the session to delivery; where the engine wants an answer for
 * each recipient, as one message for each of them. What fails is answered at once.
 */
void verdict_ask(struct session *session);

/* Logs that a session was cut off while this message of its waited for its verdict. */
void verdict_log_cut(const struct session *session, const struct message *message);

#endif
