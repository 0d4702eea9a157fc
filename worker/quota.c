/*
 * quota.c - RCPT for a mailbox that has a quota: delivery is asked whether it has room
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: the size that the client declares.  Trusts: the engine's parsing.
 */
#include "worker/quota.h"

#include <stdlib.h>
#include <string.h>

#include "worker/outbox.h"
#include "worker/questions.h"
#include "worker/session.h"

/* The question, and what the log says of it when it is answered. */
struct quota_question {
	struct question question;
	struct recipient_decision decision;
};

static const char bytes_limit[] = "quota";
static const char messages_limit[] = "quota-messages";

static const struct {
	enum smtp_reply reply;
	const char *limit; /* that it met */
} answers[VERDICT_COUNT] = {
	[VERDICT_STORED] = { SMTP_REPLY_RECIPIENT_OK, NULL },
	[VERDICT_NO_ROOM] = { SMTP_REPLY_NO_ROOM, NULL },
	[VERDICT_NO_QUOTA] = { SMTP_REPLY_NO_QUOTA, bytes_limit },
	[VERDICT_NO_QUOTA_MESSAGES] = { SMTP_REPLY_NO_QUOTA, messages_limit },
	[VERDICT_OVER_QUOTA] = { SMTP_REPLY_OVER_QUOTA, bytes_limit },
	[VERDICT_SYSTEM_ERROR] = { SMTP_REPLY_SYSTEM_ERROR, NULL },
	[VERDICT_NO_RECIPIENT] = { SMTP_REPLY_UNKNOWN_USER, NULL },
};

void quota_ask(struct session *session, const struct recipient_decision *decision)
{
	struct quota_question *asked = allocate(1, sizeof(*asked));
	struct submission_recipient recipient;

	if (!asked) {
		message_drop_recipient(session->message);
		session->decided = "memory";
		smtp_server_answer(session->engine, SMTP_REPLY_NO_MEMORY, NULL);
		session->decided = NULL;
		return;
	}
	message_last_recipient(session->message, &recipient);
	asked->decision = *decision;
	asked->question.session = session;
	asked->question.frame = (struct message_quota){
		.size = session->message->declared,
		.local = recipient.local,
		.domain = recipient.domain,
	};
	session->asked = asked;
	outbox_ask(session->worker->outbox, &asked->question);
}

/* Takes the question away from all who have it; the caller frees it. */
static struct quota_question *take(struct session *session)
{
	struct quota_question *asked = session->asked;

	session->asked = NULL;
	questions_remove(&asked->question);
	return asked;
}

void quota_forget(struct session *session)
{
	if (session->asked)
		free(take(session));
}

static void answer(struct session *session, enum smtp_reply reply)
{
	if (reply != SMTP_REPLY_RECIPIENT_OK)
		message_drop_recipient(session->message);
	smtp_server_answer(session->engine, reply, NULL);
	session->decided = session->limit = NULL;
}

void quota_answer(struct session *session, enum verdict verdict)
{
	struct quota_question *asked = take(session);
	const struct quota *quota = &asked->decision.quota;

	session->decided = asked->decision.decided;
	session->limit = answers[verdict].limit;
	session->limit_value = session->limit == messages_limit ? quota->messages : quota->bytes;
	answer(session, answers[verdict].reply);
	free(asked);
	session_settle(session);
}

void quota_late(struct session *session)
{
	free(take(session));
	session->decided = "delivery";
	session->limit = "timeouts.delivery";
	session->limit_value =
		(unsigned long long)session->worker->configuration->timeouts.delivery;
	answer(session, SMTP_REPLY_NO_VERDICT);
	session_settle(session);
}
