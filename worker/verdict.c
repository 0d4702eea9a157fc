/*
 * verdict.c - what became of the messages of a session
 *
 * Runs in: postern-worker.  Privilege: none.
 * Trusts: the outbox.
 *
 * Where each recipient gets an answer of its own (LMTP, PRDR), a message goes to
 * delivery as one for each of them, so that each is stored, or not, by itself.
 * The answers are said in the order of the recipients.
 */
#include "worker/verdict.h"

#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "worker/outbox.h"
#include "worker/replied.h"

struct answer {
	bool is_known;
	enum smtp_reply reply;
	char id[MESSAGE_ID_SIZE];
	unsigned same_as; /* the place of the one whose answer counts, or its own */
};

struct answers {
	unsigned count;
	unsigned said;
	struct answer rows[];
};

/* ---- the log ---- */

static void log_message(const struct session *session, const struct message *message,
			enum smtp_reply reply)
{
	char text[SMTP_REPLY_SIZE];
	struct log_line line;

	smtp_reply_format(reply, message->id, false, NULL, text);
	text[strcspn(text, "\r")] = '\0';
	session_log(session, &line, EVENT_MESSAGE);
	log_text(&line, "message", message->id);
	log_text(&line, "helo", session->helo);
	log_text(&line, "protocol", smtp_server_protocol(session->engine));
	log_text(&line, "from", message->sender);
	log_number(&line, "recipients", message->recipient_count);
	log_number(&line, "size", (long long)body_length(message->body));
	log_number(&line, "code", smtp_reply_describe(reply)->code);
	log_text(&line, "reply", text);
	log_seconds(&line, "took", clock_steady() - message->submitted);
	/* Last: the client chooses its length, and a line is cut. */
	if (*message->parameters)
		log_text(&line, "parameters", message->parameters);
	log_end(&line);
}

void verdict_log_cut(const struct session *session, const struct message *message)
{
	log_message(session, message, SMTP_REPLY_STOPPING);
}

/* ---- answers that are collected ---- */

static void say(struct session *session, enum smtp_reply reply, const char *id)
{
	session->decided = "delivery";
	smtp_server_answer(session->engine, reply, id);
	session->decided = NULL;
}

/* Says those that are known, in their order: up to the first one that is not. */
static void say_collected(struct session *session)
{
	struct answers *answers = session->answers;
	const struct answer *answer;

	for (; answers->said < answers->count; answers->said++) {
		answer = &answers->rows[answers->rows[answers->said].same_as];
		if (!answer->is_known || !smtp_server_answers_wanted(session->engine))
			return;
		say(session, answer->reply, answer->id);
	}
	session->answers = NULL;
	free(answers);
}

static void collect(struct answers *answers, unsigned place, enum smtp_reply reply)
{
	answers->rows[place].reply = reply;
	answers->rows[place].is_known = true;
}

void session_answer(struct session *session, const struct message *message, enum smtp_reply reply)
{
	if (reply == SMTP_REPLY_STORED) {
		session->messages++;
		session->recipients += message->recipient_count;
		replied_add(session, message->handle);
	}
	log_message(session, message, reply);
	if (session->answers) {
		collect(session->answers, message->place, reply);
		say_collected(session);
	} else {
		say(session, reply, message->id);
	}
	session_settle(session);
}

/* ---- questions ---- */

static struct wire_string wire(const char *text)
{
	return (struct wire_string){ text, strlen(text) };
}

static void describe(const struct session *session, struct submission *submission)
{
	*submission = (struct submission){
		.received = clock_now(),
		.client = session->client,
		.client_port = session->port,
		.helo = wire(session->helo ? session->helo : ""),
	};
	strlcpy(submission->protocol, smtp_server_protocol(session->engine),
		sizeof(submission->protocol));
	if (!session->secured)
		return;
	submission->tls_version = wire(session->secured->version);
	submission->tls_cipher = wire(session->secured->cipher);
	submission->tls_name = wire(session->secured->name);
}

/* False when memory is short. */
static bool submit(struct session *session, struct message *message)
{
	struct submission submission;

	describe(session, &submission);
	if (!outbox_submit(session->worker->outbox, message, &submission))
		return false;
	message->session = session;
	return true;
}

/* A recipient, what it stands for, and its place among the others. */
struct recipient {
	struct submission_recipient row;
	struct recipient_identity identity;
	unsigned place;
};

static void identify(const struct session *session, struct recipient *recipient)
{
	char local[ENVELOPE_ADDRESS_MAX + 1] = "", domain[ENVELOPE_ADDRESS_MAX + 1] = "";

	require(recipient->row.local.length < sizeof(local));
	require(recipient->row.domain.length < sizeof(domain));
	memcpy(local, recipient->row.local.bytes, recipient->row.local.length);
	memcpy(domain, recipient->row.domain.bytes, recipient->row.domain.length);
	tables_identify(session->worker->tables, local, domain, &recipient->identity);
}

/* The recipients of the message, which lie in its own bytes. NULL when memory is short. */
static struct recipient *list_recipients(const struct session *session)
{
	const struct message *message = session->message;
	struct recipient *recipients = allocate(message->recipient_count, sizeof(*recipients));
	struct wire_reader reader = {
		message->recipients.bytes,
		message->recipients.used,
		0,
		false,
	};

	for (uint32_t i = 0; recipients && i < message->recipient_count; i++) {
		require(submission_next_recipient(&reader, &recipients[i].row));
		identify(session, &recipients[i]);
		recipients[i].place = i;
	}
	return recipients;
}

static int compare(const void *left, const void *right)
{
	const struct recipient *a = left, *b = right;
	int order = recipient_identity_compare(&a->identity, &b->identity);

	return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

/* One message for the recipient; false when memory is short. */
static bool submit_one(struct session *session, const struct recipient *recipient)
{
	struct answer *answer = &session->answers->rows[recipient->place];
	struct message *message;

	snprintf(answer->id, sizeof(answer->id), "%s-%u", session->id, ++session->transactions);
	message = message_for_one(session->message, &recipient->row, answer->id);
	if (!message)
		return false;
	message->place = recipient->place;
	if (submit(session, message))
		return true;
	message_free(message);
	return false;
}

/*
 * Who stands for the same mailboxes as one before gets the answer of that one, and
 * no second copy: however many names a client finds for a mailbox, it fills it once.
 */
static void submit_all(struct session *session, struct recipient *recipients, unsigned count)
{
	struct answers *answers = session->answers;
	unsigned first = 0;

	qsort(recipients, count, sizeof(*recipients), compare);
	for (unsigned i = 0; i < count; i++) {
		if (recipient_identity_compare(&recipients[first].identity,
					       &recipients[i].identity) != 0)
			first = i;
		answers->rows[recipients[i].place].same_as = recipients[first].place;
		if (first == i && !submit_one(session, &recipients[i]))
			collect(answers, recipients[i].place, SMTP_REPLY_NO_MEMORY);
	}
}

static void ask_each(struct session *session, unsigned count)
{
	struct recipient *recipients = list_recipients(session);
	struct answers *answers = allocate(1, sizeof(*answers) + count * sizeof(struct answer));

	if (!recipients || !answers) {
		free(recipients);
		free(answers);
		for (unsigned i = 0; i < count; i++)
			say(session, SMTP_REPLY_NO_MEMORY, NULL);
		return;
	}
	answers->count = count;
	session->answers = answers;
	submit_all(session, recipients, count);
	free(recipients);
	message_free(session->message);
	session->message = NULL;
	say_collected(session);
}

static void ask_once(struct session *session)
{
	if (submit(session, session->message)) {
		session->message = NULL;
		return;
	}
	session->decided = "memory";
	smtp_server_answer(session->engine, SMTP_REPLY_NO_MEMORY, NULL);
	session->decided = NULL;
}

/* What cannot be stored is not asked: the same answer for all. */
static void answer_failed(struct session *session, const struct body *body)
{
	enum smtp_reply fault = body->fault;
	const char *failed_by = body->failed_by;

	for (unsigned i = smtp_server_answers_wanted(session->engine); i > 0; i--) {
		session->decided = failed_by;
		smtp_server_answer(session->engine, fault, NULL);
	}
	session->decided = NULL;
}

void verdict_ask(struct session *session)
{
	unsigned wanted = smtp_server_answers_wanted(session->engine);

	if (session->message->body->failed)
		answer_failed(session, session->message->body);
	else if (wanted > 1)
		ask_each(session, wanted);
	else
		ask_once(session);
}
