/*
 * test_session.c - the engine: transactions, limits, closing, and bytes however they are split
 *
 * Covers A-08, B-49, B-50, B-52, C-26, C-27, D-06, D-14, D-25 to D-28.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/engine_fixture.h"
#include "tests/unit/runner.h"

/* ---- transactions ---- */

START_TEST(a_rejected_command_leaves_nothing)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, GREETED "MAIL FROM:<nobody@b.example>\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_GREETED);
	recorder_say(recorder, "MAIL FROM:<a@b.example>\r\nRCPT TO:<unknown@d.example>\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_MAIL);
	recorder_free(recorder);
}
END_TEST

START_TEST(two_messages_in_one_session)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder,
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

	recorder_say(recorder, READY "RSET\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_GREETED);
	recorder_say(recorder, "MAIL FROM:<x@b.example>\r\nEHLO again.example\r\n");
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
	recorder_say(recorder, READY "DATA\r\n");
	for (int i = 0; i < 6; i++)
		recorder_say(recorder, block);
	recorder_say(recorder, ".\r\nNOOP\r\n");
	ck_assert_str_eq(recorder->output,
			 "552 5.3.4 Message too big, the limit is 10000 bytes\r\n250 2.0.0 OK\r\n");
	ck_assert_str_eq(recorder->rejection.limit, "message-size");
	ck_assert_ptr_null(strstr(recorder->events, "end"));
	recorder_free(recorder);
}
END_TEST

START_TEST(protocol_names)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, "HELO a.example\r\n");
	ck_assert_str_eq(smtp_server_protocol(recorder->server), "SMTP");
	recorder_say(recorder, "EHLO a.example\r\n");
	ck_assert_str_eq(smtp_server_protocol(recorder->server), "ESMTP");
	recorder_say(recorder, "MAIL FROM:<a@b.example> SMTPUTF8\r\n");
	ck_assert_str_eq(smtp_server_protocol(recorder->server), "UTF8SMTP");
	recorder_free(recorder);
}
END_TEST

/* So that a caller can bound the commands it offers, and with them the replies. */
START_TEST(input_returns_where_a_body_ends)
{
	struct recorder *recorder = recorder_new();
	const char *text = "x\ny\r\n.\r\nNOOP\r\nNOOP\r\n";

	recorder_say(recorder, READY "DATA\r\n");
	ck_assert_uint_eq(smtp_server_input(recorder->server, text, strlen(text)), 8);
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
	recorder_say(recorder, line);
	ck_assert_str_eq(recorder->output, "250 2.0.0 OK\r\n");
	memset(line + 510, 'x', 2);
	memcpy(line + 511, "\r\n", 3);
	recorder_say(recorder, line);
	ck_assert_str_eq(recorder->output, "500 5.5.2 Command line too long\r\n");
	recorder_say(recorder, "NOOP\r\n");
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
		recorder_feed(recorder, block, sizeof(block));
	ck_assert_int_eq(rounds, 5);
	ck_assert_str_eq(recorder->output, "500 5.5.2 Command line too long\r\n"
					   "421 4.7.0 Too many errors, closing\r\n");
	recorder_free(recorder);
	settings.errors = 0;
}
END_TEST

START_TEST(a_bare_lf_ends_no_line)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, "NOOP\nNOOP\nQUIT\r\nNOOP\r\n");
	ck_assert_str_eq(recorder->output,
			 "500 5.5.2 Bare LF: ignored up to the next CR LF\r\n250 2.0.0 OK\r\n");
	recorder_free(recorder);
}
END_TEST

START_TEST(bare_lfs_without_end_end_the_session)
{
	struct recorder *recorder;

	settings.errors = 4;
	recorder = recorder_new();
	recorder_say(recorder, "EHLO x\nNOOP\nNOOP\nNOOP\nNOOP\n");
	ck_assert_str_eq(recorder->output, "500 5.5.2 Bare LF: ignored up to the next CR LF\r\n"
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
	recorder_say(recorder, "RSET x\r\nDATA\r\nRCPT TO:<x>\r\nNOOP\r\n");
	ck_assert_ptr_nonnull(strstr(recorder->output, "421 4.7.0 Too many errors"));
	ck_assert_ptr_null(strstr(recorder->output, "250"));
	ck_assert_str_eq(recorder->rejection.limit, "errors");
	recorder_free(recorder);
	settings.errors = 0;
}
END_TEST

START_TEST(too_many_unknown_commands)
{
	struct recorder *recorder;

	settings.unknown_commands = 2;
	recorder = recorder_new();
	recorder_say(recorder, "WIZ\r\nXYZZY\r\nNOOP\r\n");
	ck_assert_str_eq(recorder->output,
			 "502 5.5.1 Not implemented here\r\n500 5.5.1 Unknown command\r\n"
			 "421 4.7.0 Too many unknown commands, closing\r\n");
	ck_assert_str_eq(recorder->rejection.limit, "unknown-commands");
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
			recorder_say(recorder, GREETED);
			recorder_say(recorder, cases[i].line);
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
	recorder_say(recorder, "helo\r\n");
	ck_assert_str_eq(recorder->output, "250 mx.example.org\r\n");
	recorder_free(recorder);
	settings.helo_argument_optional = false;
}
END_TEST

/* ---- closing ---- */

START_TEST(closing_waits_for_the_message_in_hand)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, READY "DATA\r\nHello\r\n");
	smtp_server_close_after(recorder->server, SMTP_REPLY_STOPPING, settings.hostname);
	recorder_say(recorder, "more\r\n.\r\n");
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

	recorder_say(recorder, READY);
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
	smtp_server_close(recorder->server, SMTP_REPLY_IDLE_TOO_LONG, NULL, NULL, 0);
	ck_assert(!smtp_server_is_waiting(recorder->server));
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CLOSED);
	recorder_free(recorder);
}
END_TEST

/* ---- property: however the bytes are split, the replies are the same ---- */

#define TWO READY "RCPT TO:<e@d.example>\r\n"
#define LMTP "LHLO a.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
#define LMTP_TWO LMTP "RCPT TO:<unknown@d.example>\r\nRCPT TO:<e@d.example>\r\n"
#define PRDR                                                                \
	GREETED "MAIL FROM:<a@b.example> PRDR\r\nRCPT TO:<c@d.example>\r\n" \
		"RCPT TO:<unknown@d.example>\r\nRCPT TO:<e@d.example>\r\n"
#define BINARY GREETED "MAIL FROM:<a@b.example> BODY=BINARYMIME\r\nRCPT TO:<c@d.example>\r\n"

static const struct {
	bool lmtp;
	const char *text;
} dialogues[] = {
	{ false, READY "DATA\r\nSubject: x\r\n\r\n..dot\r\nline\r\n.\r\nQUIT\r\n" },
	{ false, READY "DATA\r\nbare\nlf\r\n.\r\nNOOP\r\nMAIL FROM:<>\r\nQUIT\r\n" },
	{ false, READY "DATA\r\n.\n.\r\nx\r.\r\r\n.\r\nMAIL FROM:<x@y.example>\r\nQUIT\r\n" },
	{ false, "NOPE\r\nEHLO\r\nHELO x\r\nMAIL FROM:<nobody@x.example>\r\nRCPT TO:<a>\r\n"
		 "DATA\r\nQUIT\r\n" },
	{ false, "NOOP\n\n\r\r\nNOOP\r\nNO\nOP\r\nEHLO x\nMAIL FROM:<a@b.example>\r\n"
		 "\rNOOP\r\nNO\rOP\n\n\r\n\r\r\nQUIT\r\nNOOP\r\n" },
	{ false, READY "RCPT TO:<unknown@x.example>\r\nRSET\r\n"
		       "MAIL FROM:<\xc3\xa4@b.example> SMTPUTF8\r\nRCPT TO:<\xc3\xb6@d.example>\r\n"
		       "DATA\r\n.\r\nHELP\r\nVRFY x\r\nVRFY \xc3\xa4\r\nQUIT\r\n" },
	/* BDAT */
	{ false, READY "BDAT 5\r\nhelloBDAT 7\r\n\r\nQUIT\rBDAT 1 LAST\r\n\nNOOP\r\nQUIT\r\n" },
	{ false, READY "BDAT 0\r\nBDAT 0 LAST\r\nBDAT 6 LAST\r\nQUIT\r\nMAIL FROM:<>\r\n"
		       "BDAT 6\r\nQUIT\r\nRCPT TO:<c@d.example>\r\nBDAT 3 LAST\r\n.\r\nNOOP\r\n" },
	{ false,
	  READY "BDAT 3\r\na\nbBDAT 6 LAST\r\nQUIT\r\nNOOP\r\nBDAT 3\r\nxyzBDAT x\r\nNOOP\r\n" },
	{ false, READY "BDAT 2\r\na\rDATA\r\nBDAT 1\r\nbNOOP\r\nRSET\r\nQUIT\r\n" },
	{ false, TWO "BDAT 4 LAST\r\na\r\n\rMAIL FROM:<>\r\nBDAT 5\nhelloNOOP\r\n" },
	{ false, BINARY "DATA\r\nBDAT 9\r\na\nb\rc\r\nd\rBDAT 3 LAST\r\n\r.\nNOOP\r\nQUIT\r\n" },
	/* LMTP */
	{ true, "EHLO a.example\r\nHELO a.example\r\n" LMTP_TWO
		"DATA\r\n..hello\r\n.\r\nMAIL FROM:<>\r\nRCPT "
		"TO:<c@d.example>\r\nDATA\r\n.\r\nQUIT\r\n" },
	{ true, LMTP_TWO "DATA\r\na\nb\r\n.\r\nNOOP\r\nQUIT\r\n" },
	{ true, LMTP_TWO "BDAT 5\r\nhelloBDAT 0 LAST\r\nNOOP\r\nBDAT 4 LAST\r\nNOOPQUIT\r\n" },
	{ true, LMTP_TWO "BDAT 3\r\na\nbBDAT 0 LAST\r\nNOOP\r\n" },
	{ true, LMTP_TWO "BDAT 3 LAST\r\na\nbQUIT\r\n" },
	/* PRDR */
	{ false, PRDR "DATA\r\nhello\r\n.\r\nNOOP\r\nMAIL FROM:<> PRDR\r\nRCPT TO:<c@d.example>\r\n"
		      "DATA\r\n.\r\nQUIT\r\n" },
	{ false, PRDR "BDAT 5\r\nhelloBDAT 6 LAST\r\n\r\n.\r\n\nQUIT\r\n" },
	{ false, PRDR "BDAT 5\r\nhelloBDAT 6 LAST\r\nQUIT\r\nQUIT\r\n" },
	/* XCLIENT, XFORWARD, STARTTLS */
	{ false, "XCLIENT NAME=one.example ADDR=192.0.2.1\r\n" GREETED
		 "XCLIENT NAME=two.example\r\nMAIL FROM:<>\r\n" MAILED
		 "XCLIENT NAME=three.example\r\nRSET\r\nXCLIENT\r\nXCLIENT FOO=bar\r\nQUIT\r\n" },
	{ false, "XFORWARD NAME=one.example\r\n" GREETED
		 "XFORWARD NAME=two.example HELO=x\r\nXFORWARD NAME=\xc3\xa4\r\nMAIL FROM:<>\r\n"
		 "XFORWARD NAME=three.example\r\nQUIT\r\n" },
	{ false, "STARTTLS\r\n" READY
		 "STARTTLS\r\nRSET\r\nSTARTTLS now\r\nSTARTTLS\r\nMAIL FROM:<>\r\n" READY
		 "BDAT 5 LAST\r\nhelloSTARTTLS\r\nQUIT\r\n" },
	{ false, READY "DATA\r\n.\r\nNOOP \x16\r\nN\x16P\r\nGET / HTTP/1.1\r\nNOOP\r\n" },
	{ false, READY "BDAT 0 LAST\r\n\x16\x03\x01\r\nNOOP\r\n" },
};

static struct recorder *play(size_t row, size_t first, size_t piece, bool later)
{
	const char *text = dialogues[row].text;
	struct recorder *recorder = recorder_named("session-id");

	smtp_server_permit(recorder->server, SMTP_MAY_XCLIENT | SMTP_MAY_XFORWARD);
	recorder->end_answers[1] = SMTP_REPLY_NO_QUOTA;
	recorder->later = later;
	recorder_feed_in_pieces(recorder, text, strlen(text), first, piece);
	return recorder;
}

static void expect_same(const struct recorder *one, struct recorder *other)
{
	recorder_compare(one, other);
	recorder_free(other);
}

START_TEST(the_same_replies_however_split)
{
	size_t length = strlen(dialogues[_i].text);
	struct recorder *whole;

	settings.lmtp = dialogues[_i].lmtp;
	settings.tls = SMTP_TLS_OPTIONAL;
	whole = play(_i, length, length, false);
	ck_assert_uint_gt(whole->output_used, 0);
	expect_same(whole, play(_i, 0, 1, false));
	expect_same(whole, play(_i, 0, 1, true));
	expect_same(whole, play(_i, length, length, true));
	for (size_t split = 1; split < length; split++)
		expect_same(whole, play(_i, split, length, split & 1));
	recorder_free(whole);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("session");
	TCase *test = tcase_create("session");

	tcase_add_checked_fixture(test, settings_restore, NULL);
	tcase_add_test(test, a_rejected_command_leaves_nothing);
	tcase_add_test(test, two_messages_in_one_session);
	tcase_add_test(test, rset_and_ehlo_end_the_transaction);
	tcase_add_test(test, too_big_a_message_is_read_to_its_end);
	tcase_add_test(test, protocol_names);
	tcase_add_test(test, input_returns_where_a_body_ends);
	tcase_add_test(test, a_line_of_exactly_the_limit);
	tcase_add_test(test, an_endless_line_ends_the_session);
	tcase_add_test(test, a_bare_lf_ends_no_line);
	tcase_add_test(test, bare_lfs_without_end_end_the_session);
	tcase_add_test(test, too_many_errors);
	tcase_add_test(test, too_many_unknown_commands);
	tcase_add_test(test, strict_addresses);
	tcase_add_test(test, helo_without_a_name);
	tcase_add_test(test, closing_waits_for_the_message_in_hand);
	tcase_add_test(test, closing_an_idle_session);
	tcase_add_test(test, closing_forgets_the_open_question);
	tcase_add_loop_test(test, the_same_replies_however_split, 0,
			    sizeof(dialogues) / sizeof(dialogues[0]));
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
