/*
 * test_secure.c - the engine: STARTTLS (RFC 3207), and what is refused without TLS
 *
 * Covers B-06, B-12, C-15, C-16.
 */
#include <check.h>
#include <stdio.h>
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

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define READY_FOR_TLS "220 2.0.0 Ready for the TLS handshake\r\n"
#define NOT_SERVED "502 5.5.1 Not implemented here\r\n"
#define SEQUENCE "503 5.5.1 Bad sequence of commands: "
#define NEEDS_TLS "530 5.7.0 Must issue a STARTTLS command first\r\n"

/* ---- STARTTLS in every state and setting ---- */

static const struct {
	const char *way;
	enum smtp_tls tls;
	bool secured, lmtp;
	const char *reply;
} states[] = {
	{ "", SMTP_TLS_OPTIONAL, false, false, SEQUENCE "a greeting comes first\r\n" },
	{ "", SMTP_TLS_REQUIRED, false, false, SEQUENCE "a greeting comes first\r\n" },
	{ "", SMTP_TLS_NONE, false, false, SEQUENCE "a greeting comes first\r\n" },
	{ GREETED, SMTP_TLS_OPTIONAL, false, false, READY_FOR_TLS },
	{ GREETED, SMTP_TLS_REQUIRED, false, false, READY_FOR_TLS },
	{ GREETED, SMTP_TLS_NONE, false, false, NOT_SERVED },
	{ "HELO x\r\n", SMTP_TLS_OPTIONAL, false, false, READY_FOR_TLS },
	{ "LHLO x\r\n", SMTP_TLS_OPTIONAL, false, true, READY_FOR_TLS },
	{ READY "RSET\r\n", SMTP_TLS_OPTIONAL, false, false, READY_FOR_TLS },
	{ READY "BDAT 0 LAST\r\n", SMTP_TLS_OPTIONAL, false, false, READY_FOR_TLS },
	{ MAILED, SMTP_TLS_OPTIONAL, false, false,
	  SEQUENCE "a recipient must be accepted first, one MAIL at a time\r\n" },
	{ READY, SMTP_TLS_OPTIONAL, false, false, SEQUENCE "one MAIL at a time\r\n" },
	{ READY "BDAT 1\r\nx", SMTP_TLS_OPTIONAL, false, false,
	  SEQUENCE "the rest of the message comes first, by BDAT\r\n" },
	/* RFC 3207 4.2: not twice. */
	{ GREETED, SMTP_TLS_OPTIONAL, true, false,
	  SEQUENCE "the session is under TLS already\r\n" },
	{ GREETED, SMTP_TLS_NONE, true, false, SEQUENCE "the session is under TLS already\r\n" },
	{ "", SMTP_TLS_REQUIRED, true, false, SEQUENCE "a greeting comes first\r\n" },
};

START_TEST(starttls_in_every_state)
{
	bool is_taken = strcmp(states[_i].reply, READY_FOR_TLS) == 0;
	struct recorder *recorder;

	settings.tls = states[_i].tls;
	settings.lmtp = states[_i].lmtp;
	recorder = recorder_new();
	if (states[_i].secured)
		smtp_server_secured(recorder->server);
	recorder_say(recorder, states[_i].way);
	recorder_offer(recorder, "starttls\r\n");
	ck_assert_str_eq(recorder->output, states[_i].reply);
	ck_assert_int_eq(smtp_server_state(recorder->server) == SMTP_SECURING, is_taken);
	ck_assert_int_eq(smtp_server_is_secured(recorder->server), states[_i].secured);
	recorder_free(recorder);
}
END_TEST

START_TEST(starttls_has_no_argument)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, GREETED);
	recorder_say(recorder, "STARTTLS now\r\nSTARTTLS \x01\r\nSTARTTLS SMTPUTF8\r\n");
	ck_assert_str_eq(recorder->output,
			 "501 5.5.4 Syntax: STARTTLS\r\n501 5.5.4 Syntax: STARTTLS\r\n"
			 "501 5.5.4 Syntax: STARTTLS\r\n");
	recorder_say(recorder, "STARTTLS \t \r\n");
	ck_assert_str_eq(recorder->output, READY_FOR_TLS);
	recorder_free(recorder);
}
END_TEST

START_TEST(starttls_that_cannot_be)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, GREETED);
	recorder->tls_answer = SMTP_REPLY_NO_TLS;
	recorder_say(recorder, "STARTTLS\r\nMAIL FROM:<>\r\n");
	ck_assert_str_eq(recorder->output,
			 "454 4.7.0 TLS is not available now\r\n250 2.1.0 Sender OK\r\n");
	ck_assert_int_eq(recorder->rejection.reply, SMTP_REPLY_NO_TLS);
	recorder->tls_answer = SMTP_REPLY_NO_RESOURCES;
	recorder_say(recorder, "RSET\r\nSTARTTLS\r\nMAIL FROM:<>\r\n");
	ck_assert_str_eq(recorder->output,
			 "250 2.0.0 OK\r\n421 4.3.2 Out of resources, try again later\r\n");
	recorder_free(recorder);
}
END_TEST

/* ---- nothing in between (RFC 3207 4, 6) ---- */

START_TEST(no_input_while_securing)
{
	for (int later = 0; later < 2; later++) {
		struct recorder *recorder = recorder_new();

		recorder_say(recorder, GREETED);
		recorder->commands_used = 0;
		recorder->later = later;
		ck_assert_uint_eq(recorder_offer(recorder, "STARTTLS\r\nNOOP\r\nQUIT\r\n"), 10);
		if (later)
			recorder_answer(recorder);
		ck_assert_str_eq(recorder->output, READY_FOR_TLS);
		for (int i = 0; i < 3; i++)
			ck_assert_uint_eq(recorder_offer(recorder, "NOOP\r\nQUIT\r\n"), 0);
		ck_assert_str_eq(recorder->output, "");
		ck_assert_str_eq(recorder->commands, "STARTTLS;");
		ck_assert(!smtp_server_expects_body(recorder->server));
		ck_assert(!smtp_server_is_secured(recorder->server));
		recorder_free(recorder);
	}
}
END_TEST

START_TEST(a_session_cut_within_the_handshake)
{
	struct recorder *recorder = recorder_new();

	recorder_offer(recorder, GREETED);
	recorder_offer(recorder, "STARTTLS\r\n");
	smtp_server_close(recorder->server, SMTP_REPLY_BEHIND_STARTTLS, NULL, NULL, 0);
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CLOSED);
	ck_assert(recorder->rejection.closes);
	recorder_free(recorder);
}
END_TEST

/* ---- the state behind it (RFC 3207 4.2) ---- */

START_TEST(everything_begins_anew_under_tls)
{
	struct recorder *recorder = recorder_new();

	smtp_server_permit(recorder->server, SMTP_MAY_XCLIENT);
	recorder_say(recorder, GREETED "STARTTLS\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CONNECTED);
	ck_assert(smtp_server_is_secured(recorder->server));
	ck_assert_str_eq(smtp_server_protocol(recorder->server), "SMTP");
	recorder_say(recorder, "MAIL FROM:<>\r\n");
	ck_assert_str_eq(recorder->output, SEQUENCE "a greeting comes first\r\n");
	recorder_say(recorder, GREETED);
	ck_assert_ptr_null(strstr(recorder->output, "STARTTLS"));
	ck_assert_ptr_nonnull(strstr(recorder->output, "REQUIRETLS"));
	ck_assert_ptr_nonnull(strstr(recorder->output, "XCLIENT")); /* where it comes from stays */
	ck_assert_str_eq(smtp_server_protocol(recorder->server), "ESMTPS");
	recorder_free(recorder);
}
END_TEST

START_TEST(faults_are_not_forgotten_under_tls)
{
	struct recorder *recorder;

	settings.errors = 3;
	recorder = recorder_new();
	recorder_say(recorder, "NOPE\r\nNOPE\r\n" GREETED "STARTTLS\r\nNOPE\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CLOSED);
	recorder_free(recorder);
}
END_TEST

/* From the first byte, by the listener or the proxy in front. */
START_TEST(secured_from_the_start)
{
	struct recorder *recorder = recorder_new();

	smtp_server_secured(recorder->server);
	smtp_server_greet(recorder->server);
	ck_assert_str_eq(recorder->output, "220 mx.example.org ESMTP\r\n");
	recorder_say(recorder, READY "BDAT 2 LAST\r\nhi");
	ck_assert_ptr_nonnull(strstr(recorder->output, "250 2.0.0 Stored as id\r\n"));
	recorder_free(recorder);
}
END_TEST

/* XCLIENT speaks for another client, but of this connection (its own TLS). */
START_TEST(xclient_keeps_tls)
{
	struct recorder *recorder = recorder_new();

	smtp_server_permit(recorder->server, SMTP_MAY_XCLIENT);
	recorder_say(recorder, GREETED "STARTTLS\r\nEHLO x\r\nXCLIENT NAME=x.example\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CONNECTED);
	ck_assert(smtp_server_is_secured(recorder->server));
	recorder_free(recorder);
}
END_TEST

/* ---- TLS required: 530 for all but what leads to TLS or out (RFC 3207 4) ---- */

/* What is not 530, and its reply; in every state before TLS, which are two. */
static const struct {
	const char *verb;
	int connected, greeted;
} before_tls[] = {
	{ "EHLO", 250, 250 },	{ "LHLO", 500, 500 },	 { "STARTTLS", 503, 220 },
	{ "NOOP", 250, 250 },	{ "QUIT", 221, 221 },	 { "GET", 554, 554 },
	{ "HEAD", 554, 554 },	{ "POST", 554, 554 },	 { "PUT", 554, 554 },
	{ "DELETE", 554, 554 }, { "OPTIONS", 554, 554 }, { "TRACE", 554, 554 },
	{ "PATCH", 554, 554 },	{ "CONNECT", 554, 554 }, { "PRI", 554, 554 },
};

static int expected_code(const char *verb, bool greeted)
{
	for (size_t i = 0; i < COUNT(before_tls); i++)
		if (strcmp(before_tls[i].verb, verb) == 0)
			return greeted ? before_tls[i].greeted : before_tls[i].connected;
	return 530;
}

/* What stands behind the verb where it has to be correct, so that the reply is not 501. */
static const char *tail_of(const char *verb)
{
	if (strcmp(verb, "HELO") == 0 || strcmp(verb, "EHLO") == 0)
		return " x\r\n";
	return strcmp(verb, "BDAT") == 0 ? " 6\r\nQUIT\r\n" : "\r\n";
}

static void check_before_tls(const char *verb, bool greeted)
{
	struct recorder *recorder = recorder_new();
	char line[64];

	recorder_say(recorder, greeted ? GREETED : "");
	snprintf(line, sizeof(line), "%s%s", verb, tail_of(verb));
	recorder_say(recorder, line);
	ck_assert_msg(atoi(recorder->output) == expected_code(verb, greeted), "%s%s", line,
		      recorder->output);
	ck_assert(atoi(recorder->output) != 530 || strcmp(recorder->output, NEEDS_TLS) == 0);
	recorder_free(recorder);
}

START_TEST(every_command_before_tls)
{
	settings.tls = SMTP_TLS_REQUIRED;
	for (const struct smtp_command *row = smtp_commands; row->verb; row++) {
		check_before_tls(row->verb, false);
		check_before_tls(row->verb, true);
	}
	check_before_tls("mail", true);
}
END_TEST

START_TEST(no_command_is_530_under_tls)
{
	settings.tls = SMTP_TLS_REQUIRED;
	for (const struct smtp_command *row = smtp_commands; row->verb; row++) {
		struct recorder *recorder = recorder_new();
		char line[64];

		smtp_server_secured(recorder->server);
		recorder_say(recorder, READY);
		ck_assert_ptr_null(strstr(recorder->output, "530"));
		snprintf(line, sizeof(line), "%s%s", row->verb, tail_of(row->verb));
		recorder_say(recorder, line);
		ck_assert_int_ne(atoi(recorder->output), 530);
		recorder_free(recorder);
	}
}
END_TEST

/* RFC 8689 2 */
START_TEST(requiretls)
{
	for (int tls = SMTP_TLS_OPTIONAL; tls <= SMTP_TLS_REQUIRED; tls++) {
		struct recorder *recorder;

		settings.tls = (enum smtp_tls)tls;
		recorder = recorder_new();
		recorder_say(recorder, GREETED);
		recorder_say(recorder, "MAIL FROM:<a@b.example> REQUIRETLS\r\n");
		ck_assert_str_eq(recorder->output, NEEDS_TLS);
		recorder_say(recorder, "STARTTLS\r\nEHLO x\r\n");
		recorder_say(recorder, "MAIL FROM:<a@b.example> REQUIRETLS\r\n");
		ck_assert_str_eq(recorder->output, "250 2.1.0 Sender OK\r\n");
		recorder_free(recorder);
	}
}
END_TEST

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
	tcase_add_loop_test(test, starttls_in_every_state, 0, COUNT(states));
	tcase_add_test(test, starttls_has_no_argument);
	tcase_add_test(test, starttls_that_cannot_be);
	tcase_add_test(test, no_input_while_securing);
	tcase_add_test(test, a_session_cut_within_the_handshake);
	tcase_add_test(test, everything_begins_anew_under_tls);
	tcase_add_test(test, faults_are_not_forgotten_under_tls);
	tcase_add_test(test, secured_from_the_start);
	tcase_add_test(test, xclient_keeps_tls);
	tcase_add_test(test, every_command_before_tls);
	tcase_add_test(test, no_command_is_530_under_tls);
	tcase_add_test(test, requiretls);
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
