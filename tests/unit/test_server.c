/*
 * test_server.c - the engine: every command in every state, sequences, splits, limits
 *
 * Covers, B-18, B-44, B-49, B-52, C-14, C-34, D-05, D-06, D-07, D-09, D-25 to D-28.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/command.h"
#include "common/smtp/server.h"
#include "common/smtp/session.h"

#define LOG_SIZE 65536

/* A policy that accepts all but a few, now or later, and writes down what happens. */
struct recorder {
	struct smtp_server *server;
	bool later; /* leave questions open */
	char output[LOG_SIZE];
	size_t output_used;
	char events[LOG_SIZE];
	size_t events_used;
	char body[LOG_SIZE]; /* joins the events when it was accepted: of a faulty one any part may
				come */
	size_t body_used;
	enum smtp_reply answer; /* to the open question */
	int rejections;
	char last_limit[32];
};

static void note(struct recorder *recorder, const char *text, size_t length)
{
	ck_assert_uint_lt(recorder->events_used + length + 1, LOG_SIZE);
	memcpy(recorder->events + recorder->events_used, text, length);
	recorder->events_used += length;
	recorder->events[recorder->events_used++] = ';';
	recorder->events[recorder->events_used] = '\0';
}

static void reply_with(struct recorder *recorder, enum smtp_reply reply)
{
	recorder->answer = reply;
	if (!recorder->later)
		smtp_server_answer(recorder->server, reply, "id");
}

static bool contains(struct smtp_text text, const char *word)
{
	return memmem(text.bytes, text.length, word, strlen(word)) != NULL;
}

static void on_mail(void *context, const struct smtp_path *sender,
		    const struct smtp_parameters *parameters)
{
	(void)parameters;
	note(context, sender->whole.bytes, sender->whole.length);
	reply_with(context,
		   contains(sender->whole, "nobody") ? SMTP_REPLY_NO_MEMORY : SMTP_REPLY_SENDER_OK);
}

static void on_rcpt(void *context, const struct smtp_path *recipient,
		    const struct smtp_parameters *parameters)
{
	(void)parameters;
	note(context, recipient->whole.bytes, recipient->whole.length);
	reply_with(context, contains(recipient->whole, "unknown") ? SMTP_REPLY_UNKNOWN_USER
								  : SMTP_REPLY_RECIPIENT_OK);
}

static void on_data(void *context)
{
	reply_with(context, SMTP_REPLY_GO_AHEAD);
}

static void on_body(void *context, const char *bytes, size_t length)
{
	struct recorder *recorder = context;

	ck_assert_uint_lt(recorder->body_used + length, LOG_SIZE);
	memcpy(recorder->body + recorder->body_used, bytes, length);
	recorder->body_used += length;
}

static void on_end(void *context, uint64_t size)
{
	struct recorder *recorder = context;

	ck_assert_uint_ge(size, recorder->body_used);
	note(recorder, recorder->body, recorder->body_used);
	note(recorder, "end", 3);
	reply_with(recorder, SMTP_REPLY_STORED);
}

static void on_reset(void *context)
{
	struct recorder *recorder = context;

	recorder->body_used = 0;
	note(recorder, "reset", 5);
}

static void on_output(void *context, const char *bytes, size_t length)
{
	struct recorder *recorder = context;

	ck_assert_uint_lt(recorder->output_used + length, LOG_SIZE);
	memcpy(recorder->output + recorder->output_used, bytes, length);
	recorder->output_used += length;
	recorder->output[recorder->output_used] = '\0';
}

static void on_rejected(void *context, const struct smtp_rejection *rejection)
{
	struct recorder *recorder = context;

	recorder->rejections++;
	if (rejection->limit)
		snprintf(recorder->last_limit, sizeof(recorder->last_limit), "%s",
			 rejection->limit);
	/* Reads every byte the rejection names: stale ones show under ASan. */
	for (size_t i = 0; i < rejection->command.length; i++)
		ck_assert_int_ne(rejection->command.bytes[i], '\n');
	for (size_t i = 0; i < rejection->argument.length; i++)
		ck_assert_int_ne(rejection->argument.bytes[i], '\n');
}

static const struct smtp_policy policy = {
	.mail = on_mail,
	.rcpt = on_rcpt,
	.data = on_data,
	.body = on_body,
	.end = on_end,
	.reset = on_reset,
	.output = on_output,
	.rejected = on_rejected,
};

static struct smtp_settings settings = {
	.hostname = "mx.example.org",
	.greeting = "",
	.command_line = 512,
	.data_line = 1000,
	.message_size = 10000,
	.recipients = 3,
	.errors = 0,
	.unknown_commands = 0,
};

static struct recorder *recorder_new(void)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));

	recorder->server = smtp_server_new(&settings, &policy, recorder);
	return recorder;
}

static void recorder_free(struct recorder *recorder)
{
	smtp_server_free(recorder->server);
	free(recorder);
}

/* Feeds all, answering what was left open, from a copy that ends where the bytes end. */
static void feed(struct recorder *recorder, const char *bytes, size_t length)
{
	while (length && smtp_server_state(recorder->server) != SMTP_CLOSED) {
		char *copy = malloc(length);
		size_t used;

		memcpy(copy, bytes, length);
		used = smtp_server_input(recorder->server, copy, length);
		free(copy);
		bytes += used;
		length -= used;
		if (smtp_server_is_waiting(recorder->server))
			smtp_server_answer(recorder->server, recorder->answer, "id");
	}
}

static void say(struct recorder *recorder, const char *text)
{
	recorder->output_used = 0;
	recorder->output[0] = '\0';
	feed(recorder, text, strlen(text));
}

/* ---- every command in every state ---- */

/* How each state is reached. */
static const struct {
	enum smtp_state state;
	const char *way;
} ways[] = {
	{ SMTP_CONNECTED, "" },
	{ SMTP_GREETED, "EHLO a.example\r\n" },
	{ SMTP_MAIL, "EHLO a.example\r\nMAIL FROM:<a@b.example>\r\n" },
	{ SMTP_RCPT, "EHLO a.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n" },
};

/* A correct line, the reply's code where the command is allowed, and the state after it. */
static const struct {
	const char *verb;
	const char *line;
	int code;
	enum smtp_state after; /* 0: the same as before */
} correct[] = {
	{ "HELO", "HELO a.example\r\n", 250, SMTP_GREETED },
	{ "EHLO", "EHLO a.example\r\n", 250, SMTP_GREETED },
	{ "MAIL", "MAIL FROM:<a@b.example>\r\n", 250, SMTP_MAIL },
	{ "RCPT", "RCPT TO:<c@d.example>\r\n", 250, SMTP_RCPT },
	{ "DATA", "DATA\r\n", 354, SMTP_DATA },
	{ "RSET", "RSET\r\n", 250, SMTP_GREETED },
	{ "NOOP", "NOOP whatever\r\n", 250, 0 },
	{ "QUIT", "QUIT\r\n", 221, SMTP_CLOSED },
	{ "VRFY", "VRFY alice\r\n", 252, 0 },
	{ "HELP", "HELP\r\n", 214, 0 },
	{ "EXPN", "EXPN staff\r\n", 502, 0 },
	{ "AUTH", "AUTH PLAIN\r\n", 502, 0 },
	{ "STARTTLS", "STARTTLS\r\n", 502, 0 },
	{ "BDAT", "BDAT 3 LAST\r\n", 502, 0 },
	{ "ETRN", "ETRN x.example\r\n", 502, 0 },
	{ "TURN", "TURN\r\n", 502, 0 },
	{ "SEND", "SEND FROM:<a@b>\r\n", 502, 0 },
	{ "SOML", "SOML FROM:<a@b>\r\n", 502, 0 },
	{ "SAML", "SAML FROM:<a@b>\r\n", 502, 0 },
	{ "DEBUG", "DEBUG\r\n", 502, 0 },
	{ "WIZ", "WIZ\r\n", 502, 0 },
	{ "SHELL", "SHELL\r\n", 502, 0 },
	{ "KILL", "KILL\r\n", 502, 0 },
};

static enum smtp_state state_after(size_t row, enum smtp_state before)
{
	if (!correct[row].after)
		return before;
	if (strcmp(correct[row].verb, "RSET") == 0 && before == SMTP_CONNECTED)
		return SMTP_CONNECTED;
	return correct[row].after;
}

START_TEST(every_command_in_every_state)
{
	for (const struct smtp_command *command = smtp_commands; command->verb; command++) {
		size_t row = 0;

		while (row < sizeof(correct) / sizeof(correct[0]) &&
		       strcmp(correct[row].verb, command->verb) != 0)
			row++;
		ck_assert_msg(row < sizeof(correct) / sizeof(correct[0]), "no line for %s",
			      command->verb);
		for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
			struct recorder *recorder = recorder_new();
			bool allowed = command->states & ways[i].state;

			say(recorder, ways[i].way);
			ck_assert_int_eq(smtp_server_state(recorder->server), ways[i].state);
			say(recorder, correct[row].line);
			ck_assert_msg(atoi(recorder->output) == (allowed ? correct[row].code : 503),
				      "%s in %s: %s", command->verb, smtp_state_name(ways[i].state),
				      recorder->output);
			ck_assert_int_eq(smtp_server_state(recorder->server),
					 allowed ? state_after(row, ways[i].state) : ways[i].state);
			recorder_free(recorder);
		}
	}
}
END_TEST

START_TEST(which_commands_are_allowed_where)
{
	static const struct {
		const char *verb;
		unsigned states;
	} expected[] = {
		{ "MAIL", SMTP_GREETED },
		{ "RCPT", SMTP_MAIL | SMTP_RCPT },
		{ "DATA", SMTP_RCPT },
		{ "QUIT", SMTP_CONNECTED | SMTP_GREETED | SMTP_MAIL | SMTP_RCPT },
	};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		struct smtp_text verb = { expected[i].verb, strlen(expected[i].verb) };

		ck_assert_uint_eq(smtp_command_find(verb)->states, expected[i].states);
	}
}
END_TEST

/* ---- single lines ---- */

#define GREETED "EHLO a.example\r\n"
#define MAILED GREETED "MAIL FROM:<a@b.example>\r\n"
#define READY MAILED "RCPT TO:<c@d.example>\r\n"

static const struct {
	const char *before;
	const char *line;
	const char *reply; /* how the last reply begins */
} lines[] = {
	{ "", "ehlo A.example\r\n", "250" },
	{ "", "EHLO [192.0.2.1]\r\n", "250" },
	{ "", "EHLO\r\n", "501 5.5.4" },
	{ "", "HELO   \r\n", "501 5.5.4" },
	{ "", "HELO a<b\r\n", "501 5.5.4" },
	{ "", "NOPE\r\n", "500 5.5.1" },
	{ "", "\r\n", "500 5.5.1" },
	{ "", " NOOP\r\n", "500 5.5.1" },
	{ "", "NOOP\n", "500 5.5.2 Bare LF" },
	{ "", "NO\rOP\r\n", "500 5.5.2 Bare CR" },
	{ "", "NOOP\r\r\n", "500 5.5.2 Bare CR" },
	{ "", "noop  \r\n", "250 2.0.0" },
	{ "", "RSET now\r\n", "501 5.5.4" },
	{ "", "RSET  \r\n", "250 2.0.0" },
	{ "", "VRFY\r\n", "501 5.5.4" },
	{ GREETED, "MAIL\r\n", "501 5.5.4" },
	{ GREETED, "MAIL FROM\r\n", "501 5.5.4" },
	{ GREETED, "MAIL TO:<a@b.example>\r\n", "501 5.5.4" },
	{ GREETED, "MAIL FROM:<>\r\n", "250 2.1.0" },
	{ GREETED, "mail from: <a@b.example>\r\n", "250 2.1.0" },
	{ GREETED, "MAIL FROM:<@x.example,@y.example:a@b.example>\r\n", "250 2.1.0" },
	{ GREETED, "MAIL FROM:<\"a b\"@b.example>\r\n", "250 2.1.0" },
	{ GREETED, "MAIL FROM:<a@[192.0.2.1]>\r\n", "250 2.1.0" },
	{ GREETED, "MAIL FROM:<a@@b.example>\r\n", "501 5.1.7" },
	{ GREETED, "MAIL FROM:<a@b..example>\r\n", "501 5.1.7" },
	{ GREETED, "MAIL FROM:<a@b.example> SIZE=10000\r\n", "250 2.1.0" },
	{ GREETED, "MAIL FROM:<a@b.example> SIZE=10001\r\n", "552 5.3.4" },
	{ GREETED, "MAIL FROM:<a@b.example> SIZE=99999999999999999999\r\n", "552 5.3.4" },
	{ GREETED, "MAIL FROM:<a@b.example> SIZE=1x\r\n", "501 5.5.4" },
	{ GREETED, "MAIL FROM:<a@b.example> BODY=8BITMIME\r\n", "250 2.1.0" },
	{ GREETED, "MAIL FROM:<a@b.example> BODY=9BIT\r\n", "501 5.5.4" },
	{ GREETED, "MAIL FROM:<a@b.example> NOSUCH=1\r\n", "555 5.5.4" },
	{ GREETED, "MAIL FROM:<\xc3\xa4@b.example>\r\n", "553 5.6.7" },
	{ GREETED, "MAIL FROM:<\xc3\xa4@b.example> SMTPUTF8\r\n", "250 2.1.0" },
	{ GREETED, "MAIL FROM:<\xff@b.example> SMTPUTF8\r\n", "501 5.1.7" },
	{ GREETED, "MAIL FROM:<nobody@b.example>\r\n", "452 4.3.1" },
	{ MAILED, "RCPT TO:<>\r\n", "501 5.1.3" },
	{ MAILED, "RCPT TO:<Postmaster>\r\n", "250 2.1.5" },
	{ MAILED, "RCPT TO:<unknown@d.example>\r\n", "550 5.1.1" },
	{ MAILED, "RCPT TO:<\xc3\xa4@d.example>\r\n", "553 5.6.7" },
	{ MAILED, "RCPT TO:<c@d.example> SIZE=1\r\n", "555 5.5.4" },
	{ MAILED, "DATA\r\n", "503 5.5.1" },
	{ READY, "DATA now\r\n", "501 5.5.4" },
	{ READY "RCPT TO:<2@d.example>\r\nRCPT TO:<3@d.example>\r\n", "RCPT TO:<4@d.example>\r\n",
	  "452 4.5.3" },
	{ READY "DATA\r\n", "Hello\r\n.\r\n", "250 2.0.0 Stored as id" },
	{ READY "DATA\r\n", "a\nb\r\n.\r\n", "554 5.6.0 Bare LF" },
	{ READY "DATA\r\n", "a\rb\r\n.\r\n", "554 5.6.0 Bare CR" },
};

START_TEST(single_line)
{
	struct recorder *recorder = recorder_new();

	say(recorder, lines[_i].before);
	say(recorder, lines[_i].line);
	ck_assert_msg(strncmp(recorder->output, lines[_i].reply, strlen(lines[_i].reply)) == 0,
		      "%s -> %s", lines[_i].line, recorder->output);
	ck_assert_int_eq(recorder->rejections > 0, atoi(lines[_i].reply) >= 400);
	recorder_free(recorder);
}
END_TEST

START_TEST(nul_in_a_command)
{
	struct recorder *recorder = recorder_new();

	feed(recorder, "NO\0OP\r\n", 7);
	ck_assert_str_eq(recorder->output, "500 5.5.2 NUL in a command line\r\n");
	recorder_free(recorder);
}
END_TEST

START_TEST(ehlo_offers_what_the_table_has)
{
	struct recorder *recorder = recorder_new();

	say(recorder, GREETED);
	ck_assert_str_eq(
		recorder->output,
		"250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 10000\r\n250-8BITMIME\r\n"
		"250-ENHANCEDSTATUSCODES\r\n250-SMTPUTF8\r\n250 HELP\r\n");
	say(recorder, "HELO a.example\r\n");
	ck_assert_str_eq(recorder->output, "250 mx.example.org\r\n");
	recorder_free(recorder);
}
END_TEST

START_TEST(greeting)
{
	struct recorder *recorder = recorder_new();

	smtp_server_greet(recorder->server);
	ck_assert_str_eq(recorder->output, "220 mx.example.org ESMTP\r\n");
	recorder_free(recorder);
}
END_TEST

/* ---- transactions ---- */

START_TEST(a_rejected_command_leaves_nothing)
{
	struct recorder *recorder = recorder_new();

	say(recorder, GREETED "MAIL FROM:<nobody@b.example>\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_GREETED);
	say(recorder, "MAIL FROM:<a@b.example>\r\nRCPT TO:<unknown@d.example>\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_MAIL);
	recorder_free(recorder);
}
END_TEST

START_TEST(two_messages_in_one_session)
{
	struct recorder *recorder = recorder_new();

	say(recorder,
	    READY "DATA\r\nfirst\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<e@d.example>\r\nDATA\r\n"
		  "..second\r\n.\r\nQUIT\r\n");
	ck_assert_str_eq(recorder->events, "a@b.example;c@d.example;first\n;end;reset;;e@d.example;"
					   ".second\n;end;reset;");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CLOSED);
	recorder_free(recorder);
}
END_TEST

START_TEST(rset_and_ehlo_end_the_transaction)
{
	struct recorder *recorder = recorder_new();

	say(recorder, READY "RSET\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_GREETED);
	say(recorder, "MAIL FROM:<x@b.example>\r\nEHLO again.example\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_GREETED);
	ck_assert_str_eq(recorder->events, "a@b.example;c@d.example;reset;x@b.example;reset;");
	recorder_free(recorder);
}
END_TEST

START_TEST(too_big_a_message_is_read_to_its_end)
{
	struct recorder *recorder = recorder_new();
	char block[2001];

	memset(block, 'x', sizeof(block));
	for (int i = 98; i < 2000; i += 100)
		memcpy(block + i, "\r\n", 2);
	block[2000] = '\0';
	say(recorder, READY "DATA\r\n");
	for (int i = 0; i < 6; i++)
		say(recorder, block);
	say(recorder, ".\r\nNOOP\r\n");
	ck_assert_str_eq(recorder->output,
			 "552 5.3.4 Message too big, the limit is 10000 bytes\r\n250 2.0.0 OK\r\n");
	ck_assert_str_eq(recorder->last_limit, "message-size");
	ck_assert_ptr_null(strstr(recorder->events, "end"));
	recorder_free(recorder);
}
END_TEST

START_TEST(protocol_names)
{
	struct recorder *recorder = recorder_new();

	say(recorder, "HELO a.example\r\n");
	ck_assert_str_eq(smtp_server_protocol(recorder->server), "SMTP");
	say(recorder, "EHLO a.example\r\n");
	ck_assert_str_eq(smtp_server_protocol(recorder->server), "ESMTP");
	say(recorder, "MAIL FROM:<a@b.example> SMTPUTF8\r\n");
	ck_assert_str_eq(smtp_server_protocol(recorder->server), "UTF8SMTP");
	recorder_free(recorder);
}
END_TEST

/* ---- limits ---- */

START_TEST(a_line_of_exactly_the_limit)
{
	struct recorder *recorder = recorder_new();
	char line[600];

	memset(line, 'x', sizeof(line));
	memcpy(line, "NOOP ", 5);
	memcpy(line + 510, "\r\n", 3);
	say(recorder, line);
	ck_assert_str_eq(recorder->output, "250 2.0.0 OK\r\n");
	memset(line + 510, 'x', 2);
	memcpy(line + 511, "\r\n", 3);
	say(recorder, line);
	ck_assert_str_eq(recorder->output, "500 5.5.2 Command line too long\r\n");
	say(recorder, "NOOP\r\n");
	ck_assert_str_eq(recorder->output, "250 2.0.0 OK\r\n");
	recorder_free(recorder);
}
END_TEST

START_TEST(an_endless_line_ends_the_session)
{
	struct recorder *recorder;
	char block[512];
	int rounds = 0;

	settings.errors = 5;
	recorder = recorder_new();
	memset(block, 'x', sizeof(block));
	while (smtp_server_state(recorder->server) != SMTP_CLOSED && ++rounds < 100)
		feed(recorder, block, sizeof(block));
	ck_assert_int_eq(rounds, 5);
	ck_assert_str_eq(recorder->output, "500 5.5.2 Command line too long\r\n"
					   "421 4.7.0 Too many errors, closing\r\n");
	recorder_free(recorder);
	settings.errors = 0;
}
END_TEST

START_TEST(too_many_errors)
{
	struct recorder *recorder;

	settings.errors = 3;
	recorder = recorder_new();
	say(recorder, "RSET x\r\nDATA\r\nRCPT TO:<x>\r\nNOOP\r\n");
	ck_assert_ptr_nonnull(strstr(recorder->output, "421 4.7.0 Too many errors"));
	ck_assert_ptr_null(strstr(recorder->output, "250"));
	ck_assert_str_eq(recorder->last_limit, "errors");
	recorder_free(recorder);
	settings.errors = 0;
}
END_TEST

START_TEST(too_many_unknown_commands)
{
	struct recorder *recorder;

	settings.unknown_commands = 2;
	recorder = recorder_new();
	say(recorder, "WIZ\r\nXYZZY\r\nNOOP\r\n");
	ck_assert_str_eq(recorder->output,
			 "502 5.5.1 Not implemented here\r\n500 5.5.1 Unknown command\r\n"
			 "421 4.7.0 Too many unknown commands, closing\r\n");
	ck_assert_str_eq(recorder->last_limit, "unknown-commands");
	recorder_free(recorder);
	settings.unknown_commands = 0;
}
END_TEST

START_TEST(strict_addresses)
{
	static const struct {
		const char *line;
		int strict, lenient;
	} cases[] = {
		{ "MAIL FROM: <a@b.example>\r\n", 501, 250 },
		{ "MAIL FROM:a@b.example\r\n", 501, 250 },
		{ "MAIL FROM:<root>\r\n", 501, 250 },
		{ "MAIL FROM:<a@b.example>\r\n", 250, 250 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int strict = 0; strict < 2; strict++) {
			struct recorder *recorder = recorder_new();

			settings.strict_addresses = strict;
			say(recorder, GREETED);
			say(recorder, cases[i].line);
			ck_assert_msg(atoi(recorder->output) ==
					      (strict ? cases[i].strict : cases[i].lenient),
				      "%d %s", strict, cases[i].line);
			recorder_free(recorder);
		}
	}
	settings.strict_addresses = false;
}
END_TEST

START_TEST(helo_without_a_name)
{
	struct recorder *recorder;

	settings.helo_argument_optional = true;
	recorder = recorder_new();
	say(recorder, "helo\r\n");
	ck_assert_str_eq(recorder->output, "250 mx.example.org\r\n");
	recorder_free(recorder);
	settings.helo_argument_optional = false;
}
END_TEST

/* ---- closing ---- */

START_TEST(closing_waits_for_the_message_in_hand)
{
	struct recorder *recorder = recorder_new();

	say(recorder, READY "DATA\r\nHello\r\n");
	smtp_server_close_after(recorder->server, SMTP_REPLY_STOPPING, settings.hostname);
	say(recorder, "more\r\n.\r\n");
	ck_assert_str_eq(recorder->output,
			 "250 2.0.0 Stored as id\r\n"
			 "421 4.3.2 mx.example.org is stopping, try again later\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CLOSED);
	recorder_free(recorder);
}
END_TEST

START_TEST(closing_an_idle_session)
{
	struct recorder *recorder = recorder_new();

	say(recorder, READY);
	recorder->output_used = 0;
	smtp_server_close_after(recorder->server, SMTP_REPLY_STOPPING, settings.hostname);
	ck_assert_str_eq(recorder->output,
			 "421 4.3.2 mx.example.org is stopping, try again later\r\n");
	ck_assert_str_eq(recorder->events, "a@b.example;c@d.example;reset;");
	ck_assert_uint_eq(smtp_server_input(recorder->server, "NOOP\r\n", 6), 0);
	recorder_free(recorder);
}
END_TEST

START_TEST(closing_forgets_the_open_question)
{
	struct recorder *recorder = recorder_new();

	recorder->later = true;
	ck_assert_uint_eq(smtp_server_input(recorder->server, GREETED, strlen(GREETED)),
			  strlen(GREETED));
	smtp_server_input(recorder->server, "MAIL FROM:<a@b.example>\r\nNOOP\r\n", 31);
	ck_assert(smtp_server_is_waiting(recorder->server));
	smtp_server_close(recorder->server, SMTP_REPLY_IDLE_TOO_LONG, NULL);
	ck_assert(!smtp_server_is_waiting(recorder->server));
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CLOSED);
	recorder_free(recorder);
}
END_TEST

/* ---- property: however the bytes are split, the replies are the same ---- */

static const char *const dialogues[] = {
	READY "DATA\r\nSubject: x\r\n\r\n..dot\r\nline\r\n.\r\nQUIT\r\n",
	READY "DATA\r\nbare\nlf\r\n.\r\nNOOP\r\nMAIL FROM:<>\r\nQUIT\r\n",
	READY "DATA\r\n.\n.\r\nx\r.\r\r\n.\r\nMAIL FROM:<x@y.example>\r\nQUIT\r\n",
	"NOPE\r\nEHLO\r\nHELO x\r\nMAIL FROM:<nobody@x.example>\r\nRCPT TO:<a>\r\nDATA\r\nQUIT\r\n",
	"EHLO x\nMAIL FROM:<a@b.example>\r\n\rNOOP\r\nNO\rOP\n\n\r\n\r\r\nQUIT\r\nNOOP\r\n",
	READY "RCPT TO:<unknown@x.example>\r\nRSET\r\nMAIL FROM:<\xc3\xa4@b.example> SMTPUTF8\r\n"
	      "RCPT TO:<\xc3\xb6@d.example>\r\nDATA\r\n.\r\nHELP\r\nVRFY x\r\nQUIT\r\n",
};

static struct recorder *play(const char *text, size_t piece, size_t first, bool later)
{
	struct recorder *recorder = recorder_new();
	size_t length = strlen(text), used = first < length ? first : length;

	recorder->later = later;
	feed(recorder, text, used);
	while (used < length) {
		size_t next = piece < length - used ? piece : length - used;

		feed(recorder, text + used, next);
		used += next;
	}
	return recorder;
}

static void expect_same(struct recorder *one, struct recorder *other)
{
	ck_assert_str_eq(one->output, other->output);
	ck_assert_str_eq(one->events, other->events);
	ck_assert_int_eq(one->rejections, other->rejections);
	recorder_free(other);
}

START_TEST(the_same_replies_however_split)
{
	const char *text = dialogues[_i];
	size_t length = strlen(text);
	struct recorder *whole = play(text, length, 0, false);

	ck_assert_uint_gt(whole->output_used, 0);
	expect_same(whole, play(text, 1, 0, false));
	expect_same(whole, play(text, 1, 0, true));
	expect_same(whole, play(text, length, 0, true));
	for (size_t split = 1; split < length; split++)
		expect_same(whole, play(text, length, split, split & 1));
	recorder_free(whole);
}
END_TEST

/* ---- the reply table ---- */

START_TEST(every_reply_is_well_formed)
{
	for (int i = 0; i < SMTP_REPLY_COUNT; i++) {
		const struct smtp_reply_description *row = smtp_reply_describe((enum smtp_reply)i);
		char line[SMTP_REPLY_SIZE];
		size_t length = smtp_reply_format((enum smtp_reply)i, "x", false, line);

		ck_assert_int_ge(row->code, 200);
		ck_assert_int_le(row->code, 559);
		if (*row->enhanced)
			ck_assert_int_eq(row->enhanced[0] - '0', row->code / 100);
		ck_assert_uint_gt(strlen(row->text), 0);
		ck_assert_uint_gt(strlen(row->cause), 0);
		ck_assert_uint_eq(length, strlen(line));
		ck_assert_str_eq(line + length - 2, "\r\n");
		ck_assert_ptr_null(strstr(line, "{}"));
	}
}
END_TEST

START_TEST(reply_arguments_are_sanitised_and_cut)
{
	char line[SMTP_REPLY_SIZE], argument[2 * SMTP_REPLY_SIZE];

	smtp_reply_format(SMTP_REPLY_SYNTAX, "a\r\n250 forged\x1b\xe2\x80\xae", false, line);
	ck_assert_str_eq(line, "501 5.5.4 Syntax: a??250 forged????\r\n");
	memset(argument, 'x', sizeof(argument) - 1);
	argument[sizeof(argument) - 1] = '\0';
	ck_assert_uint_lt(smtp_reply_format(SMTP_REPLY_SYNTAX, argument, false, line),
			  SMTP_REPLY_SIZE);
	ck_assert_str_eq(line + strlen(line) - 2, "\r\n");
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("server");
	TCase *test = tcase_create("engine");

	tcase_add_test(test, every_command_in_every_state);
	tcase_add_test(test, which_commands_are_allowed_where);
	tcase_add_loop_test(test, single_line, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(test, nul_in_a_command);
	tcase_add_test(test, ehlo_offers_what_the_table_has);
	tcase_add_test(test, greeting);
	tcase_add_test(test, a_rejected_command_leaves_nothing);
	tcase_add_test(test, two_messages_in_one_session);
	tcase_add_test(test, rset_and_ehlo_end_the_transaction);
	tcase_add_test(test, too_big_a_message_is_read_to_its_end);
	tcase_add_test(test, protocol_names);
	tcase_add_test(test, a_line_of_exactly_the_limit);
	tcase_add_test(test, an_endless_line_ends_the_session);
	tcase_add_test(test, too_many_errors);
	tcase_add_test(test, too_many_unknown_commands);
	tcase_add_test(test, strict_addresses);
	tcase_add_test(test, helo_without_a_name);
	tcase_add_test(test, closing_waits_for_the_message_in_hand);
	tcase_add_test(test, closing_an_idle_session);
	tcase_add_test(test, closing_forgets_the_open_question);
	tcase_add_loop_test(test, the_same_replies_however_split, 0,
			    sizeof(dialogues) / sizeof(dialogues[0]));
	tcase_add_test(test, every_reply_is_well_formed);
	tcase_add_test(test, reply_arguments_are_sanitised_and_cut);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
