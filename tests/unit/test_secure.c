/*
 * test_secure.c - the engine: STARTTLS (RFC 3207), and what is refused without TLS
 *
 * Covers B-06, B-12, C-15, C-16.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/command.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/runner.h"

static void setup(void)
{
	settings_restore();
	settings.tls = SMTP_TLS_OPTIONAL;
}

/* ---- the bytes behind an answer that came later ---- */

/* The copy of the command that was kept for as long has gone by then. */
START_TEST(a_rejection_behind_a_late_answer_names_no_command)
{
	struct recorder *recorder = recorder_new();

	recorder->later = true;
	recorder_say(recorder, GREETED "STARTTLS\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CONNECTED);
	recorder_say(recorder, "\x16\x03\x01");
	ck_assert_int_eq(recorder->rejection.reply, SMTP_REPLY_FOREIGN_PROTOCOL);
	ck_assert_str_eq(recorder->rejection.command, "");
	recorder_free(recorder);
}
END_TEST

START_TEST(a_session_closed_behind_a_late_answer_names_no_command)
{
	struct recorder *recorder = recorder_new();

	recorder->later = true;
	recorder_say(recorder, MAILED);
	smtp_server_close(recorder->server, SMTP_REPLY_IDLE_TOO_LONG, NULL, NULL, 0);
	ck_assert_str_eq(recorder->rejection.command, "");
	recorder_free(recorder);
}
END_TEST

/* ---- closing meanwhile ---- */

/* 421 in the clear where the client begins its handshake would be no reply to it. */
START_TEST(closing_waits_for_the_handshake)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, GREETED);
	recorder->later = true;
	recorder_offer(recorder, "STARTTLS\r\n");
	smtp_server_close_after(recorder->server, SMTP_REPLY_STOPPING, settings.hostname);
	recorder_answer(recorder);
	ck_assert_str_eq(recorder->output, "220 2.0.0 Ready for the TLS handshake\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_SECURING);
	recorder_offer(recorder, "");
	smtp_server_secured(recorder->server);
	ck_assert_str_eq(recorder->output,
			 "421 4.3.2 mx.example.org is stopping, try again later\r\n");
	recorder_free(recorder);
}
END_TEST

START_TEST(closing_within_the_handshake_waits_for_it)
{
	struct recorder *recorder = recorder_new();

	recorder_offer(recorder, GREETED);
	recorder_offer(recorder, "STARTTLS\r\n");
	recorder_offer(recorder, "");
	smtp_server_close_after(recorder->server, SMTP_REPLY_STOPPING, settings.hostname);
	ck_assert_str_eq(recorder->output, "");
	smtp_server_secured(recorder->server);
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CLOSED);
	recorder_free(recorder);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("secure");
	TCase *test = tcase_create("secure");

	tcase_add_checked_fixture(test, setup, NULL);
	tcase_add_test(test, a_rejection_behind_a_late_answer_names_no_command);
	tcase_add_test(test, a_session_closed_behind_a_late_answer_names_no_command);
	tcase_add_test(test, closing_waits_for_the_handshake);
	tcase_add_test(test, closing_within_the_handshake_waits_for_it);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
