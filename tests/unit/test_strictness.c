/*
 * test_strictness.c - the engine: what is refused though it could be understood, and its texts
 *
 * Covers B-44, B-49, C-20, C-22, C-23, D-08, D-09.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/command.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/runner.h"

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

static Suite *suite(void)
{
	Suite *suite = suite_create("strictness");
	TCase *test = tcase_create("strictness");

	tcase_add_checked_fixture(test, settings_restore, NULL);
	tcase_add_test(test, a_bare_lf_ends_too_long_a_line_where_it_ends_others);
	tcase_add_test(test, faulty_lines_count_as_commands);
	tcase_add_test(test, help_names_no_command_that_is_not_served);
	tcase_add_test(test, a_rejected_mail_leaves_no_parameter);
	tcase_add_test(test, requiretls_where_tls_is_not_served);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
