/*
 * test_server.c - the engine: every command in every state, every kind of line
 *
 * Covers A-07, B-44, C-14, C-34, D-05, D-07, D-09.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/command.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/runner.h"

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
	{ SMTP_CHUNKS, READY "BDAT 1\r\nx" },
};

/* A correct line, the reply's code where the command is allowed, and the state after it. */
static const struct {
	const char *verb;
	const char *line;
	int code;
	enum smtp_state after; /* 0: the same as before */
} correct[] = {
	{ "HELO", "HELO a.example\r\n", 250, SMTP_GREETED },
	{ "LHLO", "LHLO a.example\r\n", 500, 0 },
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
	{ "BDAT", "BDAT 0 LAST\r\n", 250, SMTP_GREETED },
	{ "XCLIENT", "XCLIENT ADDR=192.0.2.1\r\n", 550, 0 },
	{ "XFORWARD", "XFORWARD ADDR=192.0.2.1\r\n", 550, 0 },
	{ "ETRN", "ETRN x.example\r\n", 502, 0 },
	{ "TURN", "TURN\r\n", 502, 0 },
	{ "SEND", "SEND FROM:<a@b>\r\n", 502, 0 },
	{ "SOML", "SOML FROM:<a@b>\r\n", 502, 0 },
	{ "SAML", "SAML FROM:<a@b>\r\n", 502, 0 },
	{ "DEBUG", "DEBUG\r\n", 502, 0 },
	{ "WIZ", "WIZ\r\n", 502, 0 },
	{ "SHELL", "SHELL\r\n", 502, 0 },
	{ "KILL", "KILL\r\n", 502, 0 },
	{ "GET", "GET / HTTP/1.1\r\n", 554, SMTP_CLOSED },
	{ "HEAD", "HEAD /\r\n", 554, SMTP_CLOSED },
	{ "POST", "POST /\r\n", 554, SMTP_CLOSED },
	{ "PUT", "PUT /\r\n", 554, SMTP_CLOSED },
	{ "DELETE", "DELETE /\r\n", 554, SMTP_CLOSED },
	{ "OPTIONS", "OPTIONS *\r\n", 554, SMTP_CLOSED },
	{ "TRACE", "TRACE /\r\n", 554, SMTP_CLOSED },
	{ "PATCH", "PATCH /\r\n", 554, SMTP_CLOSED },
	{ "CONNECT", "CONNECT mx:25\r\n", 554, SMTP_CLOSED },
	{ "PRI", "PRI * HTTP/2.0\r\n", 554, SMTP_CLOSED },
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

			recorder_say(recorder, ways[i].way);
			ck_assert_int_eq(smtp_server_state(recorder->server), ways[i].state);
			recorder_say(recorder, correct[row].line);
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
		{ "BDAT", SMTP_RCPT | SMTP_CHUNKS },
		{ "STARTTLS", SMTP_GREETED },
		{ "QUIT", SMTP_CONNECTED | SMTP_GREETED | SMTP_MAIL | SMTP_RCPT | SMTP_CHUNKS },
	};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		struct smtp_text verb = { expected[i].verb, strlen(expected[i].verb) };

		ck_assert_uint_eq(smtp_command_find(verb)->states, expected[i].states);
	}
}
END_TEST

/* ---- single lines ---- */

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
	{ "", "VRFY alice\r\n", "252 2.0.0" },
	{ "", "VRFY alice SMTPUTF8\r\n", "252 2.0.0" },
	{ "", "VRFY SMTPUTF8\r\n", "252 2.0.0" },
	{ "", "VRFY Alice B. Example\r\n", "252 2.0.0" },
	{ "", "VRFY \xc3\xa4\r\n", "553 5.6.7" },
	{ "", "VRFY <\xc3\xa4@d.example>\r\n", "553 5.6.7" },
	{ "", "VRFY \xff\r\n", "553 5.6.7" },
	{ "", "VRFY \xc3\xa4 SMTPUTF8=1\r\n", "553 5.6.7" },
	{ "", "VRFY SMTPUTF8 \xc3\xa4\r\n", "553 5.6.7" },
	{ "", "VRFY \xc3\xa4 smtputf8 \r\n", "252 2.0.0" },
	{ "", "VRFY \xc3\xa4 \xc3\xb6 SMTPUTF8\r\n", "252 2.0.0" },
	{ "", "VRFY \xff SMTPUTF8\r\n", "501 5.5.4" },
	{ "", "EXPN \xc3\xa4\r\n", "502 5.5.1" },
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

	recorder_say(recorder, lines[_i].before);
	recorder_say(recorder, lines[_i].line);
	ck_assert_msg(strncmp(recorder->output, lines[_i].reply, strlen(lines[_i].reply)) == 0,
		      "%s -> %s", lines[_i].line, recorder->output);
	ck_assert_int_eq(recorder->rejections > 0, atoi(lines[_i].reply) >= 400);
	recorder_free(recorder);
}
END_TEST

START_TEST(nul_in_a_command)
{
	struct recorder *recorder = recorder_new();

	recorder_feed(recorder, "NO\0OP\r\n", 7);
	ck_assert_str_eq(recorder->output, "500 5.5.2 NUL in a command line\r\n");
	recorder_free(recorder);
}
END_TEST

START_TEST(ehlo_offers_what_the_table_has)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, GREETED);
	ck_assert_str_eq(
		recorder->output,
		"250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 10000\r\n250-8BITMIME\r\n"
		"250-ENHANCEDSTATUSCODES\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n"
		"250-BINARYMIME\r\n250-DSN\r\n250-PRDR\r\n250-LIMITS RCPTMAX=3\r\n"
		"250 HELP\r\n");
	recorder_say(recorder, "HELO a.example\r\n");
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

static Suite *suite(void)
{
	Suite *suite = suite_create("server");
	TCase *test = tcase_create("server");

	tcase_add_test(test, every_command_in_every_state);
	tcase_add_test(test, which_commands_are_allowed_where);
	tcase_add_loop_test(test, single_line, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(test, nul_in_a_command);
	tcase_add_test(test, ehlo_offers_what_the_table_has);
	tcase_add_test(test, greeting);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
