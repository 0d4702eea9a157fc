/*
 * quota.h - RCPT for a mailbox that has a quota: delivery is asked whether it has room
 */
#ifndef POSTERN_WORKER_QUOTA_H
#define POSTERN_WORKER_QUOTA_H

#include "common/frame/message.h"
#include "common/tables/tables.h"

struct session;

/*
 * Asks about the recipient that was added to session->message last. The answer to RCPT comes
 * later, or, when memory is short, at once.
 */
void quota_ask(struct session *session, const struct recipient_decision *decision);

/* For the outbox: what delivery says to the session's question. */
void quota_answer(struct session *session, enum verdict verdict);
/* The same, when it has said nothing within timeouts.delivery. */
void quota_late(struct session *session);

/* Nobody waits for an answer any more; does nothing where no question is open. */
void quota_forget(struct session *session);

#endif
