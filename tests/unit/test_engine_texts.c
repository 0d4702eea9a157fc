/*
 * test_engine_texts.c - the engine: the texts of its replies, the ids in them, and what a rejected
 * command leaves
 *
 * Covers B-18, B-44, B-49, C-20, D-09, D-28, D-48.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/engine_fixture.h"
#include "tests/unit/runner.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- counts ---- */

START_TEST(faulty_lines_count_as_commands)
{
	struct recorder *recorder;

	settings.command_line = 20;
	recorder = recorder_new();
	recorder_say(recorder, "NOOP\r\nNO\rOP\r\nNOOP 89012345678901234567890\r\nNOPE\r\nNOOP\n");
	ck_assert_uint_eq(smtp_server_commands(recorder->server), 5);
	recorder_free(recorder);
}
END_TEST

/* ---- texts ---- */

START_TEST(help_names_no_command_that_is_not_served)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, "HELP\r\n");
	ck_assert_str_eq(
		recorder->output,
		"214 2.0.0 Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP\r\n");
	recorder_free(recorder);
}
END_TEST

/* ---- a rejected command leaves nothing ---- */

START_TEST(a_rejected_mail_leaves_no_parameter)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, GREETED "MAIL FROM:<nobody@b.example> SMTPUTF8\r\n");
	ck_assert_str_eq(smtp_server_protocol(recorder->server), "ESMTP");
	recorder_free(recorder);
}
END_TEST

/* A STARTTLS that the reply would ask for is not served (RFC 5321 4.1.1.11, RFC 8689 2). */
START_TEST(requiretls_where_tls_is_not_served)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, GREETED "MAIL FROM:<a@b.example> REQUIRETLS\r\n");
	ck_assert_ptr_nonnull(
		strstr(recorder->output, "\r\n555 5.5.4 Unknown parameter: REQUIRETLS\r\n"));
	recorder_free(recorder);
}
END_TEST

/* ---- greeting, HELP and QUIT ---- */

static const struct {
	bool lmtp;
	const char *product, *greeting, *expected;
} greetings[] = {
	{ false, "", "", "220 mx.example.org ESMTP\r\n" },
	{ false, "postern 0.1.0", "", "220 mx.example.org ESMTP postern 0.1.0\r\n" },
	{ false, "", "no spam here", "220 mx.example.org ESMTP no spam here\r\n" },
	{ false, "postern 0.1.0", "no spam here",
	  "220 mx.example.org ESMTP postern 0.1.0 no spam here\r\n" },
	{ true, "postern 0.1.0", "hello", "220 mx.example.org LMTP postern 0.1.0 hello\r\n" },
	{ false, "", "gr\xc3\xbc\xc3\x9f", "220 mx.example.org ESMTP gr????\r\n" },
};

START_TEST(greeting)
{
	struct recorder *recorder;

	settings.lmtp = greetings[_i].lmtp;
	settings.product = greetings[_i].product;
	settings.greeting = greetings[_i].greeting;
	recorder = recorder_new();
	smtp_server_greet(recorder->server);
	ck_assert_str_eq(recorder->output, greetings[_i].expected);
	smtp_server_permit(recorder->server, SMTP_MAY_XCLIENT);
	recorder_say(recorder, "XCLIENT NAME=x.example\r\n");
	ck_assert_str_eq(recorder->output, greetings[_i].expected); /* README: it is said again */
	recorder_free(recorder);
}
END_TEST

START_TEST(help)
{
	struct recorder *recorder = recorder_new();

	settings.product = "postern 0.1.0";
	settings.tls = SMTP_TLS_OPTIONAL;
	settings.disabled = disable("VRFY") | disable("BDAT");
	recorder_say(recorder, "HELP MAIL\r\n");
	ck_assert_str_eq(recorder->output, "214 2.0.0 postern 0.1.0: Commands: HELO EHLO STARTTLS "
					   "MAIL RCPT DATA RSET NOOP QUIT HELP\r\n");
	settings.help = "ask postmaster@example.org";
	recorder_say(recorder, "HELP\r\n");
	ck_assert_str_eq(recorder->output, "214 2.0.0 ask postmaster@example.org\r\n");
	recorder_free(recorder);
}
END_TEST

START_TEST(closing)
{
	struct recorder *recorder = recorder_new();

	settings.closing = "So long!";
	recorder_say(recorder, "QUIT\r\n");
	ck_assert_str_eq(recorder->output, "221 2.0.0 So long!\r\n");
	recorder_free(recorder);
}
END_TEST

/* A reply line has at most 512 bytes (RFC 5321 4.5.3.1.5), whatever the operator writes. */
START_TEST(long_texts_are_cut)
{
	static char text[1000];
	struct recorder *recorder = recorder_named("session-id");

	memset(text, 'x', sizeof(text) - 1);
	settings.greeting = settings.helo = settings.help = settings.closing = settings.product =
		text;
	smtp_server_greet(recorder->server);
	ck_assert_uint_le(recorder->output_used, SMTP_REPLY_SIZE);
	recorder_say(recorder, "HELP\r\n");
	ck_assert_uint_le(recorder->output_used, SMTP_REPLY_SIZE);
	settings.help = "";
	recorder_say(recorder, "HELP\r\n");
	ck_assert_uint_le(recorder->output_used, SMTP_REPLY_SIZE);
	recorder_say(recorder, "QUIT\r\n");
	ck_assert_uint_le(recorder->output_used, SMTP_REPLY_SIZE);
	ck_assert_str_eq(recorder->output + recorder->output_used - 3, "x\r\n");
	recorder_free(recorder);
}
END_TEST

/* ---- the id of the session ---- */

/* Each line of an output: rejections end in it, others do not have it. */
static void check_ids(const char *output, const char *id)
{
	while (*output) {
		const char *end = strstr(output, "\r\n");
		const char *found = strstr(output, id);
		bool has_id = found && found < end;

		ck_assert_int_eq(has_id, atoi(output) >= 400);
		ck_assert(!has_id || found + strlen(id) == end);
		output = end + 2;
	}
}

static const char *const rejected[] = {
	"NOPE\r\nRSET now\r\nDATA\r\nSTARTTLS\r\nEXPN x\r\nNOOP\r\nNO\rOP\r\nEHLO "
	"<\r\nNOOP\n\r\nQUIT\r\n",
	READY "RCPT TO:<unknown@d.example>\r\nRCPT TO:<>\r\nMAIL FROM:<>\r\nDATA\r\na\nb\r\n.\r\n",
	GREETED "MAIL FROM:<nobody@b.example>\r\nMAIL FROM:<> X=1\r\nMAIL FROM:<> SIZE=99999\r\n",
	READY "BDAT 3\r\na\nbBDAT 1 LAST\r\nxBDAT\r\n",
	"GET /\r\n",
	"\x16",
	GREETED "MAIL FROM:<> "
		"SIZE=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaa\r\n",
};

START_TEST(every_rejection_has_the_id)
{
	struct recorder *recorder = recorder_named("1k2v8h2d3q0041ab");

	smtp_server_greet(recorder->server);
	recorder_feed(recorder, rejected[_i], strlen(rejected[_i]));
	ck_assert_int_gt(recorder->rejections, 0);
	check_ids(recorder->output, " [1k2v8h2d3q0041ab]");
	/* The log has the line as it was said. */
	ck_assert_ptr_nonnull(strstr(recorder->output, recorder->rejection.text));
	ck_assert_ptr_null(strchr(recorder->rejection.text, '\r'));
	recorder_free(recorder);
}
END_TEST

/* PRDR sums up by a rejection of its own; a session that is closed from outside has it, too. */
START_TEST(other_rejections_have_the_id)
{
	struct recorder *recorder = recorder_named("id");

	recorder->end_answers[0] = recorder->end_answers[1] = SMTP_REPLY_NO_RELAY;
	recorder_say(recorder, GREETED "MAIL FROM:<> PRDR\r\nRCPT TO:<c@d.example>\r\n"
				       "RCPT TO:<e@d.example>\r\nDATA\r\n.\r\n");
	smtp_server_close(recorder->server, SMTP_REPLY_IDLE_TOO_LONG, NULL, NULL, 0);
	check_ids(recorder->output, " [id]");
	ck_assert_ptr_nonnull(
		strstr(recorder->output, "554 5.0.0 Stored for none of the recipients [id]"));
	recorder_free(recorder);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("engine texts");
	TCase *test = tcase_create("engine texts");

	tcase_add_checked_fixture(test, settings_restore, NULL);
	tcase_add_test(test, faulty_lines_count_as_commands);
	tcase_add_test(test, help_names_no_command_that_is_not_served);
	tcase_add_test(test, a_rejected_mail_leaves_no_parameter);
	tcase_add_test(test, requiretls_where_tls_is_not_served);
	tcase_add_loop_test(test, greeting, 0, COUNT(greetings));
	tcase_add_test(test, help);
	tcase_add_test(test, closing);
	tcase_add_test(test, long_texts_are_cut);
	tcase_add_loop_test(test, every_rejection_has_the_id, 0, COUNT(rejected));
	tcase_add_test(test, other_rejections_have_the_id);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
