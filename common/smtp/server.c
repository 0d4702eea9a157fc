/*
 * server.c - the server side of SMTP, without I/O: states, questions and answers
 *
 * Runs in: postern-worker, tests, fuzzers.  Privilege: none needed.
 * Distrusts: every byte of the client.  Trusts: the policy to answer once.
 */
#include "common/smtp/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail/fail.h"
#include "common/smtp/body.h"
#include "common/smtp/session.h"

/* Which states may follow which; staying is always allowed. */
static const struct {
	enum smtp_state state;
	const char *name;
	unsigned next;
} states[] = {
	{ SMTP_CONNECTED, "connected", SMTP_GREETED | SMTP_CLOSED },
	{ SMTP_GREETED, "greeted", SMTP_MAIL | SMTP_SECURING | SMTP_CONNECTED | SMTP_CLOSED },
	{ SMTP_MAIL, "mail", SMTP_RCPT | SMTP_GREETED | SMTP_CLOSED },
	{ SMTP_RCPT, "rcpt", SMTP_DATA | SMTP_CHUNK | SMTP_GREETED | SMTP_CLOSED },
	{ SMTP_DATA, "data", SMTP_GREETED | SMTP_CLOSED },
	{ SMTP_CHUNK, "chunk", SMTP_CHUNKS | SMTP_GREETED | SMTP_CLOSED },
	{ SMTP_CHUNKS, "chunks", SMTP_CHUNK | SMTP_GREETED | SMTP_CLOSED },
	{ SMTP_SECURING, "securing", SMTP_CONNECTED | SMTP_CLOSED },
	{ SMTP_CLOSED, "closed", 0 },
};

static size_t state_index(enum smtp_state state)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (states[i].state == state)
			return i;
	impossible("no such state");
}

const char *smtp_state_name(enum smtp_state state)
{
	return states[state_index(state)].name;
}

void smtp_enter(struct smtp_server *server, enum smtp_state state)
{
	require(state == server->state || states[state_index(server->state)].next & state);
	server->state = state;
}

#define IN_BODY (SMTP_DATA | SMTP_CHUNK | SMTP_CHUNKS)

static void forget_message(struct smtp_server *server)
{
	server->recipients = 0;
	server->body = SMTP_BODY_7BIT;
	server->utf8 = server->each = false;
	server->too_big = false;
	server->doomed = false;
}

void smtp_end_transaction(struct smtp_server *server)
{
	if (!(server->state & (SMTP_MAIL | SMTP_RCPT | IN_BODY)))
		return;
	smtp_enter(server, SMTP_GREETED);
	forget_message(server);
	if (server->policy->reset)
		server->policy->reset(server->context);
}

void smtp_forget_command(struct smtp_server *server)
{
	server->verb = server->argument = (struct smtp_text){ "", 0 };
}

struct smtp_server *smtp_server_new(const struct smtp_settings *settings,
				    const struct smtp_policy *policy, void *context,
				    const char *session)
{
	struct smtp_server *server = allocate(1, sizeof(*server));

	if (!server)
		return NULL;
	server->settings = settings;
	server->policy = policy;
	server->context = context;
	server->session = session;
	server->state = SMTP_CONNECTED;
	smtp_forget_command(server);
	return server;
}

void smtp_server_free(struct smtp_server *server)
{
	if (!server)
		return;
	free(server->line);
	free(server);
}

/* ---- replies ---- */

static void tell_rejected(struct smtp_server *server, enum smtp_reply reply, char *line,
			  size_t length, const char *limit, unsigned long long value)
{
	struct smtp_rejection rejection = {
		.reply = reply,
		.text = line,
		.command = server->verb,
		.argument = server->argument,
		.closes = server->is_parting || smtp_reply_describe(reply)->code == 421,
		.limit = limit,
		.value = value,
	};

	if (smtp_reply_describe(reply)->code < 400 || !server->policy->rejected)
		return;
	line[length - 2] = '\0';
	server->policy->rejected(server->context, &rejection);
}

static void say(struct smtp_server *server, enum smtp_reply reply, const char *argument, bool more,
		const char *limit, unsigned long long value)
{
	char line[SMTP_REPLY_SIZE];
	size_t length = smtp_reply_format(reply, argument, more, server->session, line);

	server->policy->output(server->context, line, length);
	tell_rejected(server, reply, line, length, limit, value);
}

void smtp_say(struct smtp_server *server, enum smtp_reply reply, const char *argument)
{
	say(server, reply, argument, false, NULL, 0);
}

void smtp_say_line(struct smtp_server *server, enum smtp_reply reply, const char *argument,
		   bool more)
{
	say(server, reply, argument, more, NULL, 0);
}

void smtp_say_limit(struct smtp_server *server, enum smtp_reply reply, const char *argument,
		    const char *limit, unsigned long long value)
{
	say(server, reply, argument, false, limit, value);
}

void smtp_server_close(struct smtp_server *server, enum smtp_reply reply, const char *argument,
		       const char *limit, unsigned long long value)
{
	if (server->state == SMTP_CLOSED)
		return;
	server->question = QUESTION_NONE;
	smtp_end_transaction(server);
	server->is_parting = true;
	smtp_say_limit(server, reply, argument, limit, value);
	smtp_enter(server, SMTP_CLOSED);
}

void smtp_count_fault(struct smtp_server *server)
{
	const struct smtp_settings *settings = server->settings;

	server->errors++;
	if (settings->errors && server->errors >= settings->errors)
		smtp_server_close(server, SMTP_REPLY_TOO_MANY_ERRORS, NULL, "errors",
				  settings->errors);
}

void smtp_fault(struct smtp_server *server, enum smtp_reply reply, const char *argument)
{
	smtp_say(server, reply, argument);
	smtp_count_fault(server);
}

void smtp_count_unknown(struct smtp_server *server)
{
	unsigned limit = server->settings->unknown_commands;

	server->unknown_commands++;
	if (limit && server->unknown_commands >= limit)
		smtp_server_close(server, SMTP_REPLY_TOO_MANY_UNKNOWN, NULL, "unknown-commands",
				  limit);
}

void smtp_server_greet(struct smtp_server *server)
{
	const struct smtp_settings *settings = server->settings;
	char text[SMTP_REPLY_SIZE];

	/* RFC 5321 4.2: the first word of the greeting is the host's name. RFC 2033 4.1: LMTP. */
	snprintf(text, sizeof(text), "%s %s%s%s%s%s", settings->hostname,
		 settings->lmtp ? "LMTP" : "ESMTP", *settings->product ? " " : "",
		 settings->product, *settings->greeting ? " " : "", settings->greeting);
	smtp_say(server, SMTP_REPLY_GREETING, text);
}

/* ---- answers ---- */

static void carry_out_nothing(struct smtp_server *server)
{
	(void)server;
}

static void carry_out_tls(struct smtp_server *server)
{
	smtp_enter(server, SMTP_SECURING);
}

static void carry_out_xclient(struct smtp_server *server)
{
	server->extended = false;
	smtp_enter(server, SMTP_CONNECTED);
	smtp_server_greet(server);
}

static void carry_out_mail(struct smtp_server *server)
{
	smtp_enter(server, SMTP_MAIL);
}

static void carry_out_rcpt(struct smtp_server *server)
{
	smtp_enter(server, SMTP_RCPT);
	server->recipients++;
}

static void carry_out_data(struct smtp_server *server)
{
	smtp_enter(server, SMTP_DATA);
	smtp_body_begin(server, false);
}

static void carry_out_chunk(struct smtp_server *server)
{
	smtp_enter(server, SMTP_CHUNK);
	smtp_body_begin(server, true);
	if (server->chunk_left == 0)
		smtp_chunk_complete(server);
}

/* What an answer of class 2 or 3 leads to, and whether that answer is not said as it is. */
static const struct {
	void (*carry_out)(struct smtp_server *server);
	bool is_silent;
} questions[QUESTION_COUNT] = {
	[QUESTION_TLS] = { carry_out_tls, false },
	[QUESTION_XCLIENT] = { carry_out_xclient, true },
	[QUESTION_XFORWARD] = { carry_out_nothing, false },
	[QUESTION_MAIL] = { carry_out_mail, false },
	[QUESTION_RCPT] = { carry_out_rcpt, false },
	[QUESTION_DATA] = { carry_out_data, false },
	[QUESTION_CHUNK] = { carry_out_chunk, true },
};

void smtp_close_if_due(struct smtp_server *server)
{
	if (server->closing && !(server->state & (IN_BODY | SMTP_SECURING)) &&
	    server->chunk_left == 0 && server->question == QUESTION_NONE)
		smtp_server_close(server, server->closing_reply, server->closing_argument, NULL, 0);
}

/* 421 closes, whatever was asked (RFC 5321 3.8). */
static bool close_after(struct smtp_server *server, int code)
{
	if (code != 421)
		return false;
	server->question = QUESTION_NONE;
	smtp_end_transaction(server);
	smtp_enter(server, SMTP_CLOSED);
	return true;
}

void smtp_ask_end(struct smtp_server *server)
{
	bool each = server->each && server->recipients > 1 && !server->settings->lmtp;

	server->question = QUESTION_END;
	server->stored = server->delayed = 0;
	server->answers_wanted = each || server->settings->lmtp ? server->recipients : 1;
	server->each = each;
	if (each) /* draft-hall-prdr-00 4.5 */
		smtp_say(server, SMTP_REPLY_EACH_FOLLOWS, NULL);
	server->policy->end(server->context, server->data.size);
}

/* draft-hall-prdr-00 4.5: behind the replies for each recipient, one for all. */
static void sum_up(struct smtp_server *server)
{
	enum smtp_reply reply = server->stored	  ? SMTP_REPLY_SOME_STORED
				: server->delayed ? SMTP_REPLY_NONE_STORED_YET
						  : SMTP_REPLY_NONE_STORED;

	if (server->each)
		smtp_say(server, reply, server->session);
}

static void answer_end(struct smtp_server *server, enum smtp_reply reply, const char *argument)
{
	int code = smtp_reply_describe(reply)->code;

	server->answers_wanted--;
	server->stored += code < 400;
	server->delayed += code >= 400 && code < 500;
	smtp_say(server, reply, argument);
	if (close_after(server, code) || server->answers_wanted > 0)
		return;
	sum_up(server);
	server->question = QUESTION_NONE;
	if (server->stored)
		server->idle_commands = 0;
	smtp_end_transaction(server);
	smtp_close_if_due(server);
}

static void answer_other(struct smtp_server *server, enum smtp_question question,
			 enum smtp_reply reply, const char *argument)
{
	int code = smtp_reply_describe(reply)->code;

	server->question = QUESTION_NONE;
	if (question == QUESTION_CHUNK && code >= 400 && code != 421) {
		smtp_chunk_refuse(server, CHUNK_REJECTED, reply, argument);
		return;
	}
	if (code >= 400 || !questions[question].is_silent)
		smtp_say(server, reply, argument);
	if (code < 400)
		questions[question].carry_out(server);
	else if (question == QUESTION_MAIL)
		forget_message(server);
	if (!close_after(server, code))
		smtp_close_if_due(server);
}

void smtp_server_answer(struct smtp_server *server, enum smtp_reply reply, const char *argument)
{
	require(server->question != QUESTION_NONE);
	if (server->question == QUESTION_END)
		answer_end(server, reply, argument);
	else
		answer_other(server, server->question, reply, argument);
	/* The copy of the command for an answer that came late goes with the next input. */
	if (server->question == QUESTION_NONE)
		smtp_forget_command(server);
}

unsigned smtp_server_answers_wanted(const struct smtp_server *server)
{
	return server->question == QUESTION_END ? server->answers_wanted : 0;
}

void smtp_server_close_after(struct smtp_server *server, enum smtp_reply reply,
			     const char *argument)
{
	server->closing = true;
	server->closing_reply = reply;
	server->closing_argument = argument;
	smtp_close_if_due(server);
}

void smtp_server_permit(struct smtp_server *server, unsigned privileges)
{
	server->privileges = privileges;
}

void smtp_server_secured(struct smtp_server *server)
{
	server->secured = true;
	server->extended = false;
	smtp_enter(server, SMTP_CONNECTED);
	smtp_close_if_due(server);
}

enum smtp_state smtp_server_state(const struct smtp_server *server)
{
	return server->state;
}

unsigned long smtp_server_commands(const struct smtp_server *server)
{
	return server->commands;
}

bool smtp_server_expects_body(const struct smtp_server *server)
{
	return server->state == SMTP_DATA || server->chunk_left > 0;
}

uint64_t smtp_server_body_bytes(const struct smtp_server *server)
{
	return server->body_bytes;
}

bool smtp_server_is_secured(const struct smtp_server *server)
{
	return server->secured;
}

bool smtp_server_is_waiting(const struct smtp_server *server)
{
	return server->question != QUESTION_NONE;
}

/* RFC 3848 knows no name for HELO under TLS. */
const char *smtp_server_protocol(const struct smtp_server *server)
{
	static const char *const names[2][2][2] = {
		{ { "ESMTP", "ESMTPS" }, { "UTF8SMTP", "UTF8SMTPS" } },
		{ { "LMTP", "LMTPS" }, { "UTF8LMTP", "UTF8LMTPS" } },
	};

	if (!server->extended)
		return "SMTP";
	return names[server->settings->lmtp][server->utf8][server->secured];
}
