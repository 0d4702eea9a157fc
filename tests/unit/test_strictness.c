/*
 * test_strictness.c - the engine: what is refused though it could be understood
 *
 * Covers B-09, B-47, B-49, C-22, C-28, C-34, D-08.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/command.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/runner.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define BAD_PIPELINING "554 5.5.1 You did not wait for a reply, closing\r\n"
#define FOREIGN "554 5.5.1 This is a mail server, closing\r\n"
#define OK "250 2.0.0 OK\r\n"

static bool is_in(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

/* ---- pipelining = refuse (RFC 2920 3.1) ---- */

/* Those that end a group: RFC 2920 3.1, RFC 3207 4, RFC 4954 4; by XCLIENT the session begins anew.
 */
static const char *const last_ones[] = { "HELO", "EHLO", "DATA", "VRFY",     "EXPN",   "TURN",
					 "QUIT", "NOOP", "AUTH", "STARTTLS", "XCLIENT" };

/* Where what follows may follow, if the command itself allows it. */
static const struct {
	const char *way;
	bool is_offered, hides, is_little;
} modes[] = {
	{ "", false, false, false },
	{ "HELO x\r\n", false, false, false },
	{ GREETED, true, false, false },
	{ GREETED "HELO x\r\n", false, false, false },
	{ GREETED, false, true, false },
	{ GREETED, false, false, true }, /* only STARTTLS is offered so far */
};

static struct recorder *in_mode(size_t mode, bool refuse)
{
	struct recorder *recorder;

	settings_restore();
	settings.refuse_pipelining = refuse;
	settings.hidden = modes[mode].hides ? hide("PIPELINING") : 0;
	settings.tls = modes[mode].is_little ? SMTP_TLS_OPTIONAL : SMTP_TLS_NONE;
	settings.little_before_tls = modes[mode].is_little;
	recorder = recorder_new();
	recorder_feed_in_pieces(recorder, modes[mode].way, strlen(modes[mode].way), 0, 1);
	recorder->output_used = 0;
	recorder->output[0] = '\0';
	return recorder;
}

static void check_followed(const char *verb, size_t mode, bool refuse)
{
	bool may_go_on = modes[mode].is_offered && !is_in(verb, last_ones, COUNT(last_ones));
	struct recorder *recorder = in_mode(mode, refuse);
	char text[64];

	snprintf(text, sizeof(text), "%s%s\r\nNOOP\r", verb,
		 strcmp(verb, "BDAT") == 0 ? " 0 LAST" : "");
	recorder_say(recorder, text);
	ck_assert_msg((strcmp(recorder->output, BAD_PIPELINING) == 0) == (refuse && !may_go_on),
		      "%s in %zu: %s", verb, mode, recorder->output);
	recorder_free(recorder);
}

/* LHLO is unknown to SMTP, and has no row there. */
START_TEST(every_command_followed_by_more)
{
	for (const struct smtp_command *row = smtp_commands; row->verb; row++) {
		if (row->flags & SMTP_LMTP_ONLY)
			continue;
		check_followed(row->verb, _i, true);
		check_followed(row->verb, _i, false);
	}
}
END_TEST

START_TEST(no_command_alone_is_refused)
{
	for (const struct smtp_command *row = smtp_commands; row->verb; row++) {
		struct recorder *recorder = in_mode(_i, true);
		char text[64];

		snprintf(text, sizeof(text), "%s%s\r\n", row->verb,
			 row->grammar == SMTP_CHUNK_SIZE ? " 3 LAST" : "");
		recorder_feed_in_pieces(recorder, text, strlen(text), 1, strlen(text));
		ck_assert_str_ne(recorder->output, BAD_PIPELINING);
		recorder_free(recorder);
	}
}
END_TEST

/* The octets of a chunk and the lines of a message belong to their command. */
START_TEST(pipelining_as_it_is_allowed)
{
	static const char group[] =
		"MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nBDAT 5\r\nhelloBDAT 0 LAST\r\nRSET\r\n"
		"MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n";
	struct recorder *recorder = in_mode(2, true);

	recorder_say(recorder, group);
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_DATA);
	recorder_say(recorder, "x\r\n.\r\nMAIL FROM:<>\r\nRSET\r\nNOOP\r\n");
	ck_assert_str_eq(recorder->output,
			 "250 2.0.0 Stored as id\r\n250 2.1.0 Sender OK\r\n" OK OK);
	recorder_free(recorder);
}
END_TEST

START_TEST(a_chunk_does_not_follow_its_command)
{
	struct recorder *recorder = in_mode(1, true);

	recorder_say(recorder, "MAIL FROM:<>\r\n");
	recorder_say(recorder, "RCPT TO:<c@d.example>\r\n");
	recorder_say(recorder, "BDAT 5 LAST\r\nhello");
	ck_assert_str_eq(recorder->output, "250 2.0.0 Stored as id\r\n");
	recorder_free(recorder);
}
END_TEST

/* ---- commands without effect ---- */

static const char *const idle_ones[] = { "HELO", "EHLO", "LHLO", "RSET", "NOOP", "VRFY", "HELP" };

#define TOO_MANY_IDLE "421 4.7.0 Too many commands without a message, closing\r\n"

static void check_idle(const struct smtp_command *row)
{
	bool is_idle = is_in(row->verb, idle_ones, COUNT(idle_ones));
	struct recorder *recorder;
	char text[64];

	settings.lmtp = row->flags & SMTP_LMTP_ONLY;
	recorder = recorder_new();
	snprintf(text, sizeof(text), "%s%s\r\n", row->verb,
		 row->grammar == SMTP_CHUNK_SIZE ? " 0 LAST" : "");
	for (int i = 0; i < 3; i++)
		recorder_feed(recorder, text, strlen(text));
	ck_assert_msg(strstr(recorder->output, "421") == NULL, "%s: %s", text, recorder->output);
	recorder_say(recorder, text);
	ck_assert_msg((strcmp(recorder->output, TOO_MANY_IDLE) == 0) == is_idle, "%s: %s", text,
		      recorder->output);
	recorder_free(recorder);
}

START_TEST(which_commands_are_idle)
{
	settings.idle_commands = 3;
	for (const struct smtp_command *row = smtp_commands; row->verb; row++)
		check_idle(row);
}
END_TEST

START_TEST(chunks_of_nothing_are_idle)
{
	struct recorder *recorder;

	settings.idle_commands = 3;
	recorder = recorder_new();
	recorder_say(recorder, READY "BDAT 0\r\nBDAT 0\r\nBDAT 1\r\nx");
	ck_assert_ptr_null(strstr(recorder->output, "421"));
	recorder_say(recorder, "BDAT 0\r\n");
	ck_assert_str_eq(recorder->output, TOO_MANY_IDLE);
	recorder_free(recorder);
}
END_TEST

/* Only a message that was stored is one. */
START_TEST(idle_commands_between_messages)
{
	struct recorder *recorder;

	settings.idle_commands = 3;
	recorder = recorder_new();
	recorder_say(recorder, READY "NOOP\r\nNOOP\r\nBDAT 0 LAST\r\n");
	recorder_say(recorder, "MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nNOOP\r\nNOOP\r\nNOOP\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_RCPT);
	recorder->end_answers[0] = SMTP_REPLY_NO_QUOTA;
	recorder_say(recorder, "BDAT 0 LAST\r\nNOOP\r\nNOOP\r\n");
	ck_assert_str_eq(recorder->output, "452 4.2.2 Mailbox is full\r\n" TOO_MANY_IDLE);
	ck_assert_str_eq(recorder->rejection.limit, "idle-commands");
	ck_assert_uint_eq(recorder->rejection.value, 3);
	recorder_free(recorder);
}
END_TEST

START_TEST(no_limit_of_idle_commands)
{
	struct recorder *recorder = recorder_new();

	for (int i = 0; i < 2000; i++)
		recorder_say(recorder, "NOOP\r\n");
	ck_assert_str_eq(recorder->output, OK);
	recorder_free(recorder);
}
END_TEST

/* ---- loops (RFC 5321 6.3) ---- */

static const struct {
	unsigned limit;
	int fields;
	const char *field, *before;
	bool loops;
} loops[] = {
	{ 50, 50, "Received: x\r\n", "", false },
	{ 50, 51, "Received: x\r\n", "", true },
	{ 50, 51, "rEcEiVeD:\r\n", "Subject: x\r\n", true },
	{ 50, 51, "Received : x\r\n\tid y;\r\n", "", true },
	{ 50, 51, "Received-SPF: x\r\n", "", false },
	{ 50, 51, "Received: x\r\n", "\r\n", false },
	{ 50, 51, "X: y\r\n Received: x\r\n", "", false },
	{ 1, 1, "Received: x\r\n", "", false },
	{ 1, 2, "Received: x\r\n", "", true },
	{ 0, 200, "Received: x\r\n", "", false },
};

START_TEST(received_fields)
{
	struct recorder *recorder;

	settings.received_fields = loops[_i].limit;
	recorder = recorder_new();
	recorder_say(recorder, READY "DATA\r\n");
	recorder_say(recorder, loops[_i].before);
	for (int i = 0; i < loops[_i].fields; i++)
		recorder_say(recorder, loops[_i].field);
	recorder_say(recorder, "\r\nReceived: x\r\n.\r\n");
	ck_assert_str_eq(recorder->output,
			 loops[_i].loops
				 ? "554 5.4.6 Too many Received fields, the message loops\r\n"
				 : "250 2.0.0 Stored as id\r\n");
	ck_assert_str_eq(recorder->rejection.limit, loops[_i].loops ? "received-fields" : "");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_GREETED);
	recorder_free(recorder);
}
END_TEST

/* ---- other protocols ---- */

static const struct {
	const char *before, *text, *reply;
} foreign[] = {
	{ "", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", FOREIGN },
	{ "", "get / http/1.1\r\n", FOREIGN },
	{ "", "GET\r\n", FOREIGN },
	{ "", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FOREIGN },
	{ GREETED, "POST / HTTP/1.0\r\n", FOREIGN },
	{ READY, "PUT /x\r\n", FOREIGN },
	{ READY "BDAT 1\r\nx", "OPTIONS *\r\n", FOREIGN },
	{ "", "GETX\r\n", "500 5.5.1 Unknown command\r\n" },
	{ "", "XGET /\r\n", "500 5.5.1 Unknown command\r\n" },
	{ "", "GET/ HTTP/1.1\r\n", "500 5.5.1 Unknown command\r\n" },
	/* A TLS handshake, at the start of any line and nowhere else */
	{ "", "\x16", FOREIGN },
	{ "", "\x16\x03\x01\x02\r\nNOOP\r\n", FOREIGN },
	{ GREETED, "\x16\x03\x01", FOREIGN },
	{ READY, "NOOP\r\n\x16\x03\x01", OK FOREIGN },
	{ READY "BDAT 1\r\nx", "\x16", FOREIGN },
	{ READY, "BDAT 1 LAST\r\n\x16", "250 2.0.0 Stored as id\r\n" },
	{ READY "DATA\r\n", "\x16\x03\r\n.\r\n", "250 2.0.0 Stored as id\r\n" },
	{ "", "NOOP \x16\r\n", OK },
	{ "", "N\x16\r\n", "500 5.5.1 Unknown command\r\n" },
	{ "", "NOOP\n\x16\r\nNOOP\r\n", "500 5.5.2 Bare LF: ignored up to the next CR LF\r\n" OK },
	{ "", "\x15\x03\x01\r\n", "500 5.5.1 Unknown command\r\n" },
};

START_TEST(other_protocols)
{
	bool closes = strstr(foreign[_i].reply, FOREIGN) != NULL;

	for (int under_tls = 0; under_tls < 2; under_tls++) {
		struct recorder *recorder = recorder_new();

		if (under_tls)
			smtp_server_secured(recorder->server);
		recorder_say(recorder, foreign[_i].before);
		recorder_say(recorder, foreign[_i].text);
		ck_assert_str_eq(recorder->output, foreign[_i].reply);
		ck_assert_int_eq(smtp_server_state(recorder->server) == SMTP_CLOSED, closes);
		ck_assert_int_eq(recorder->rejection.closes, closes);
		recorder_free(recorder);
	}
}
END_TEST

/* ---- line endings that are normalised ---- */

/* The rest of a line that is too long ends where a line ends. */
START_TEST(a_bare_lf_ends_too_long_a_line_where_it_ends_others)
{
	struct recorder *recorder;

	settings.line_endings = SMTP_LINES_NORMALISE;
	settings.command_line = 20;
	recorder = recorder_new();
	recorder_say(recorder, "NOOP 89012345678901234567890\nNOOP\nNOOP 890123456789\nNOOP\n");
	ck_assert_str_eq(recorder->output,
			 "500 5.5.2 Command line too long\r\n250 2.0.0 OK\r\n250 2.0.0 OK\r\n"
			 "250 2.0.0 OK\r\n");
	recorder_free(recorder);
}
END_TEST

static const struct {
	const char *text, *replies;
} normalised[] = {
	{ "NOOP\nNOOP\r\nNOOP\n", OK OK OK },
	{ "NO\rOP\n", "500 5.5.2 Bare CR: a line ends in CR LF\r\n" },
	{ "NOOP\r\r\n", "500 5.5.2 Bare CR: a line ends in CR LF\r\n" },
	{ "\n", "500 5.5.1 Unknown command\r\n" },
	{ "NOOP x \n", OK },
	{ "BDAT 6\nQUIT\r\nNOOP\n",
	  "503 5.5.1 Bad sequence of commands: a greeting comes first\r\n" OK },
};

START_TEST(commands_that_end_in_lf)
{
	struct recorder *recorder;

	settings.line_endings = SMTP_LINES_NORMALISE;
	recorder = recorder_new();
	recorder_say(recorder, normalised[_i].text);
	ck_assert_str_eq(recorder->output, normalised[_i].replies);
	recorder_free(recorder);
}
END_TEST

/* Commands may end in LF, the message does not: CR LF . CR LF only. */
START_TEST(no_lf_ends_a_message)
{
	struct recorder *recorder;

	settings.line_endings = SMTP_LINES_NORMALISE;
	recorder = recorder_new();
	recorder_say(recorder, "EHLO x\nMAIL FROM:<>\nRCPT TO:<c@d.example>\nDATA\n");
	recorder_say(recorder, "a\n.\nRSET\n\r.\r\n.\n\r\n.\r\nNOOP\n");
	ck_assert_str_eq(recorder->output, "250 2.0.0 Stored as id\r\n" OK);
	ck_assert_str_eq(recorder->message, "a\n.\nRSET\n\n.\n\n\n");
	recorder_free(recorder);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("strictness");
	TCase *test = tcase_create("strictness");

	tcase_add_checked_fixture(test, settings_restore, NULL);
	tcase_add_test(test, a_bare_lf_ends_too_long_a_line_where_it_ends_others);
	tcase_add_loop_test(test, every_command_followed_by_more, 0, COUNT(modes));
	tcase_add_loop_test(test, no_command_alone_is_refused, 0, COUNT(modes));
	tcase_add_test(test, pipelining_as_it_is_allowed);
	tcase_add_test(test, a_chunk_does_not_follow_its_command);
	tcase_add_test(test, which_commands_are_idle);
	tcase_add_test(test, chunks_of_nothing_are_idle);
	tcase_add_test(test, idle_commands_between_messages);
	tcase_add_test(test, no_limit_of_idle_commands);
	tcase_add_loop_test(test, received_fields, 0, COUNT(loops));
	tcase_add_loop_test(test, other_protocols, 0, COUNT(foreign));
	tcase_add_loop_test(test, commands_that_end_in_lf, 0, COUNT(normalised));
	tcase_add_test(test, no_lf_ends_a_message);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
