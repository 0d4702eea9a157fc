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
#include "common/smtp/session.h"

/* Which states may follow which; staying is always allowed. */
static const struct {
	enum smtp_state state;
	const char *name;
	unsigned next;
} states[] = {
	{ SMTP_CONNECTED, "connected", SMTP_GREETED | SMTP_CLOSED },
	{ SMTP_GREETED, "greeted", SMTP_MAIL | SMTP_CLOSED },
	{ SMTP_MAIL, "mail", SMTP_RCPT | SMTP_GREETED | SMTP_CLOSED },
	{ SMTP_RCPT, "rcpt", SMTP_DATA | SMTP_GREETED | SMTP_CLOSED },
	{ SMTP_DATA, "data", SMTP_GREETED | SMTP_CLOSED },
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

void smtp_end_transaction(struct smtp_server *server)
{
	if (!(server->state & (SMTP_MAIL | SMTP_RCPT | SMTP_DATA)))
		return;
	smtp_enter(server, SMTP_GREETED);
	server->recipients = 0;
	server->utf8 = false;
	server->too_big = false;
	server->doomed = false;
	if (server->policy->reset)
		server->policy->reset(server->context);
}

struct smtp_server *smtp_server_new(const struct smtp_settings *settings,
				    const struct smtp_policy *policy, void *context)
{
	struct smtp_server *server = allocate(1, sizeof(*server));

	if (!server)
		return NULL;
	server->settings = settings;
	server->policy = policy;
	server->context = context;
	server->state = SMTP_CONNECTED;
	server->verb = server->argument = (struct smtp_text){ "", 0 };
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
	size_t length = smtp_reply_format(reply, argument, more, line);

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

static void close_for(struct smtp_server *server, enum smtp_reply reply, const char *argument,
		      const char *limit, unsigned long long value)
{
	server->question = QUESTION_NONE;
	smtp_end_transaction(server);
	smtp_say_limit(server, reply, argument, limit, value);
	smtp_enter(server, SMTP_CLOSED);
}

void smtp_count_fault(struct smtp_server *server)
{
	const struct smtp_settings *settings = server->settings;

	server->errors++;
	if (server->state != SMTP_CLOSED && settings->errors && server->errors >= settings->errors)
		close_for(server, SMTP_REPLY_TOO_MANY_ERRORS, NULL, "errors", settings->errors);
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
	if (server->state != SMTP_CLOSED && limit && server->unknown_commands >= limit)
		close_for(server, SMTP_REPLY_TOO_MANY_UNKNOWN, NULL, "unknown-commands", limit);
}

void smtp_server_greet(struct smtp_server *server)
{
	const struct smtp_settings *settings = server->settings;
	char text[SMTP_REPLY_SIZE];

	/* RFC 5321 4.2: the first word of the greeting is the host's name. */
	snprintf(text, sizeof(text), "%s ESMTP%s%s", settings->hostname,
		 *settings->greeting ? " " : "", settings->greeting);
	smtp_say(server, SMTP_REPLY_GREETING, text);
}

/* ---- answers ---- */

static void begin_data(struct smtp_server *server)
{
	const struct smtp_data_settings settings = {
		.format = SMTP_FORMAT_DOTTED,
		.endings = SMTP_LINES_STRICT,
		.newline = SMTP_NEWLINE_LF,
		.line_limit = server->settings->data_line,
	};

	smtp_data_begin(&server->data, &settings);
}

static void carry_out(struct smtp_server *server, enum smtp_question question)
{
	switch (question) {
	case QUESTION_MAIL:
		smtp_enter(server, SMTP_MAIL);
		break;
	case QUESTION_RCPT:
		smtp_enter(server, SMTP_RCPT);
		server->recipients++;
		break;
	case QUESTION_DATA:
		smtp_enter(server, SMTP_DATA);
		begin_data(server);
		break;
	case QUESTION_END:
	case QUESTION_NONE:
		break;
	}
}

void smtp_close_if_due(struct smtp_server *server)
{
	if (server->closing && server->state != SMTP_CLOSED && server->state != SMTP_DATA &&
	    server->question == QUESTION_NONE)
		close_for(server, server->closing_reply, server->closing_argument, NULL, 0);
}

void smtp_server_answer(struct smtp_server *server, enum smtp_reply reply, const char *argument)
{
	enum smtp_question question = server->question;
	int code = smtp_reply_describe(reply)->code;

	require(question != QUESTION_NONE);
	server->question = QUESTION_NONE;
	if (code < 400)
		carry_out(server, question);
	smtp_say(server, reply, argument);
	if (question == QUESTION_END)
		smtp_end_transaction(server);
	if (code == 421) {
		smtp_end_transaction(server);
		smtp_enter(server, SMTP_CLOSED);
	}
	smtp_close_if_due(server);
}

void smtp_server_close(struct smtp_server *server, enum smtp_reply reply, const char *argument)
{
	if (server->state == SMTP_CLOSED)
		return;
	close_for(server, reply, argument, NULL, 0);
}

void smtp_server_close_after(struct smtp_server *server, enum smtp_reply reply,
			     const char *argument)
{
	server->closing = true;
	server->closing_reply = reply;
	server->closing_argument = argument;
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

bool smtp_server_is_waiting(const struct smtp_server *server)
{
	return server->question != QUESTION_NONE;
}

const char *smtp_server_protocol(const struct smtp_server *server)
{
	if (server->utf8)
		return "UTF8SMTP";
	return server->extended ? "ESMTP" : "SMTP";
}
