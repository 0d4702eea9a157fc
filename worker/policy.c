/*
 * policy.c - answers the engine's questions: may this sender, this recipient, this message?
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: addresses, which the engine has parsed and nobody has judged yet.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "worker/condition.h"
#include "worker/peer.h"
#include "worker/quota.h"
#include "worker/session.h"
#include "worker/verdict.h"

static void answer(struct session *session, enum smtp_reply reply)
{
	smtp_server_answer(session->engine, reply, NULL);
	session->decided = NULL;
}

static void on_greeted(void *context, struct smtp_text name)
{
	struct session *session = context;

	free(session->helo);
	session->helo = strndup(name.bytes, name.length);
}

static void on_reset(void *context)
{
	struct session *session = context;

	quota_forget(session);
	if (session->message)
		message_free(session->message);
	session->message = NULL;
}

/* Rejects the sender, and says so, where the tables do. */
static bool reject_sender(struct session *session, const struct smtp_path *sender)
{
	char local[SMTP_LOCAL_MAX + 1], domain[SMTP_DOMAIN_MAX + 1];
	struct sender_decision decision;

	require(smtp_local_unquote(sender, local, sizeof(local)) >= 0);
	require(sender->domain.length < sizeof(domain));
	memcpy(domain, sender->domain.bytes, sender->domain.length);
	domain[sender->domain.length] = '\0';
	if (!tables_reject_sender(session->worker->tables, local, domain, &decision))
		return false;
	session->decided = decision.decided;
	smtp_server_answer(session->engine, SMTP_REPLY_SENDER_REJECTED,
			   *decision.text ? decision.text : "Sender address rejected");
	session->decided = NULL;
	return true;
}

/* Delivery could store nothing: says so before the client sends the message. */
static bool reject_for_now(struct session *session)
{
	const struct condition *condition = session->worker->condition;

	if (!condition)
		return false;
	session->decided = condition->decided;
	session->limit = condition->limit;
	session->limit_value = condition_value(condition, session->worker->configuration);
	answer(session, condition->reply);
	session->limit = NULL;
	return true;
}

static void on_mail(void *context, const struct smtp_path *sender,
		    const struct smtp_parameters *parameters)
{
	struct session *session = context;
	char id[MESSAGE_ID_SIZE];
	uint32_t flags = 0;

	if (reject_sender(session, sender) || reject_for_now(session))
		return;
	if (parameters->body == SMTP_BODY_8BITMIME)
		flags |= SUBMISSION_8BITMIME;
	if (parameters->present & SMTP_HAS_SMTPUTF8)
		flags |= SUBMISSION_SMTPUTF8;
	snprintf(id, sizeof(id), "%s-%u", session->id, ++session->transactions);
	on_reset(session);
	session->message = message_new(id, sender, parameters->raw, flags, session->worker->spool);
	if (session->message)
		session->message->declared = parameters->size;
	session->decided = session->message ? NULL : "memory";
	answer(session, session->message ? SMTP_REPLY_SENDER_OK : SMTP_REPLY_NO_MEMORY);
}

static const enum smtp_reply class_replies[] = {
	[RECIPIENT_UNKNOWN] = SMTP_REPLY_UNKNOWN_USER,
	[RECIPIENT_NOT_OURS] = SMTP_REPLY_NO_RELAY,
};

static void add_recipient(struct session *session, const struct smtp_path *recipient,
			  const char *local, const struct smtp_parameters *parameters,
			  const struct recipient_decision *decision)
{
	if (!message_add_recipient(session->message, recipient, local, parameters->raw)) {
		session->decided = "memory";
		answer(session, SMTP_REPLY_NO_MEMORY);
	} else if (decision->has_quota) {
		quota_ask(session, decision);
	} else {
		answer(session, SMTP_REPLY_RECIPIENT_OK);
	}
}

static void on_rcpt(void *context, const struct smtp_path *recipient,
		    const struct smtp_parameters *parameters)
{
	struct session *session = context;
	char local[SMTP_LOCAL_MAX + 1], domain[SMTP_DOMAIN_MAX + 1];
	struct recipient_decision decision;

	require(smtp_local_unquote(recipient, local, sizeof(local)) >= 0);
	require(recipient->domain.length < sizeof(domain));
	memcpy(domain, recipient->domain.bytes, recipient->domain.length);
	domain[recipient->domain.length] = '\0';
	tables_decide(session->worker->tables, local, domain, &decision);
	session->decided = decision.decided;
	if (decision.class != RECIPIENT_ACCEPTED)
		answer(session, class_replies[decision.class]);
	else
		add_recipient(session, recipient, local, parameters, &decision);
}

static void on_data(void *context)
{
	answer(context, SMTP_REPLY_GO_AHEAD);
}

static void on_body(void *context, const char *bytes, size_t length)
{
	struct session *session = context;

	body_add(session->message->body, session->message->id, bytes, length);
}

static void on_doomed(void *context)
{
	struct session *session = context;

	body_drop(session->message->body);
}

static void on_end(void *context, uint64_t size)
{
	(void)size;
	verdict_ask(context);
}

/* Answered by session_settle, which knows whether anything came behind it. */
static void on_starttls(void *context)
{
	struct session *session = context;

	session->asks_tls = true;
}

static void on_output(void *context, const char *bytes, size_t length)
{
	struct session *session = context;
	struct log_line line;

	if (evbuffer_add(session->output, bytes, length) < 0)
		session->broken = true;
	if (!log_is_verbose())
		return;
	session_log(session, &line, EVENT_REPLY);
	log_bytes(&line, "line", bytes, length >= 2 ? length - 2 : 0);
	log_end(&line);
}

static void on_tolerated(void *context, struct smtp_text verb, struct smtp_text argument)
{
	struct log_line line;

	session_log(context, &line, EVENT_TOLERATED);
	log_bytes(&line, "command", verb.bytes, verb.length);
	log_bytes(&line, "argument", argument.bytes, argument.length);
	log_end(&line);
}

static void on_command(void *context, struct smtp_text text)
{
	struct log_line line;

	if (!log_is_verbose())
		return;
	session_log(context, &line, EVENT_COMMAND);
	log_bytes(&line, "line", text.bytes, text.length);
	log_end(&line);
}

/* What decided: the policy said so, or it was a limit of the engine, the stop, or the protocol. */
static const char *decided(const struct session *session, const struct smtp_rejection *rejection)
{
	if (rejection->reply == SMTP_REPLY_STOPPING && session->stopping)
		return "stop";
	if (session->decided)
		return session->decided;
	return rejection->limit ? "limits" : "protocol";
}

/* One that the policy has met; or the engine's, which knows options of `limits` only. */
static void log_limit(const struct session *session, struct log_line *line,
		      const struct smtp_rejection *rejection)
{
	if (session->limit) {
		log_text(line, "limit", session->limit);
		if (session->limit_value > 0)
			log_number(line, "value", (long long)session->limit_value);
	} else if (rejection->limit) {
		/* What has a dot names its section. */
		log_format(line, "limit", "%s%s", strchr(rejection->limit, '.') ? "" : "limits.",
			   rejection->limit);
		log_number(line, "value", (long long)rejection->value);
	}
}

/* Last, since a client can make them longer than a line of the log, which is cut. */
static void log_rejected_command(struct log_line *line, const struct smtp_rejection *rejection)
{
	if (rejection->command.length)
		log_bytes(line, "command", rejection->command.bytes, rejection->command.length);
	if (rejection->argument.length)
		log_bytes(line, "argument", rejection->argument.bytes, rejection->argument.length);
}

static void log_rejection(const struct session *session, const struct smtp_rejection *rejection,
			  const struct smtp_reply_description *reply)
{
	struct log_line line;

	session_log(session, &line, EVENT_REJECT);
	log_text(&line, "helo", session->helo);
	if (session->message) {
		log_text(&line, "message", session->message->id);
		log_text(&line, "from", session->message->sender);
	}
	log_number(&line, "code", reply->code);
	log_text(&line, "enhanced", reply->enhanced);
	log_text(&line, "reply", rejection->text);
	log_text(&line, "decided", decided(session, rejection));
	log_limit(session, &line, rejection);
	log_rejected_command(&line, rejection);
	log_end(&line);
}

static void on_rejected(void *context, const struct smtp_rejection *rejection)
{
	const struct smtp_reply_description *reply = smtp_reply_describe(rejection->reply);
	struct session *session = context;

	session->rejected++;
	log_rejection(session, rejection, reply);
	if (rejection->closes && !session->reason)
		session->reason = reply->name;
}

const struct smtp_policy worker_policy = {
	.greeted = on_greeted,
	.starttls = on_starttls,
	.xclient = peer_xclient,
	.xforward = peer_xforward,
	.mail = on_mail,
	.rcpt = on_rcpt,
	.data = on_data,
	.body = on_body,
	.doomed = on_doomed,
	.end = on_end,
	.reset = on_reset,
	.output = on_output,
	.rejected = on_rejected,
	.tolerated = on_tolerated,
	.command = on_command,
};
