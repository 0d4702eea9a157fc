/*
 * test_chunks.c - the engine: messages that come by BDAT (RFC 3030)
 *
 * Covers B-43, B-49, C-14.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/engine_fixture.h"
#include "tests/unit/runner.h"

#define IN_CHUNKS READY "BDAT 5\r\nhello"

/* ---- chunks that are refused ---- */

/* RFC 3030 2: its octets are read and dropped before anything is said. */
START_TEST(a_refused_chunk_is_answered_behind_its_octets)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, "BDAT 12 LAST\r\nNOOP\r\nQUIT\r");
	ck_assert_str_eq(recorder->output, "");
	recorder_say(recorder, "\n");
	ck_assert_str_eq(recorder->output,
			 "503 5.5.1 Bad sequence of commands: a greeting comes first\r\n");
	ck_assert_str_eq(recorder->rejection.command, "BDAT");
	ck_assert_str_eq(recorder->commands, "BDAT 12 LAST;");
	recorder_free(recorder);
}
END_TEST

/* Else the second chunk would be taken for all of the message. */
START_TEST(a_chunk_that_the_policy_refuses_ends_the_transaction)
{
	struct recorder *recorder = recorder_new();

	recorder->data_answer = SMTP_REPLY_NO_MEMORY;
	recorder_say(recorder, READY "BDAT 5\r\nhel");
	ck_assert_ptr_null(strstr(recorder->output, "452"));
	recorder_say(recorder, "lo");
	ck_assert_str_eq(recorder->output, "452 4.3.1 Out of memory, try again later\r\n");
	recorder->data_answer = SMTP_REPLY_GO_AHEAD;
	recorder_say(recorder, "BDAT 5 LAST\r\nworld");
	ck_assert_str_eq(recorder->output,
			 "503 5.5.1 Bad sequence of commands: MAIL comes first\r\n");
	ck_assert_int_eq(recorder->ends, 0);
	ck_assert_str_eq(recorder->events, "a@b.example;c@d.example;reset;");
	recorder_free(recorder);
}
END_TEST

/* RFC 3030 2: further ones that were on their way are to be expected, and no fault. */
START_TEST(chunks_behind_a_failed_one_are_no_faults)
{
	struct recorder *recorder;

	settings.errors = 2;
	recorder = recorder_new();
	recorder_say(recorder, READY "BDAT 3\r\na\nb");
	for (int i = 0; i < 10; i++)
		recorder_say(recorder, "BDAT 5\r\nhello");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_GREETED);
	recorder_say(recorder, "BDAT 0 LAST\r\nNOOP\r\nBDAT 1\r\nx");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_GREETED);
	recorder_say(recorder, "NOOP\r\nBDAT 1\r\nx");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CLOSED);
	recorder_free(recorder);
}
END_TEST

/* The time for a body is measured by it. */
START_TEST(octets_that_are_dropped_count)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, "BDAT 12 LAST\r\nNOOP\r\n");
	ck_assert_uint_eq(smtp_server_body_bytes(recorder->server), 6);
	ck_assert(smtp_server_expects_body(recorder->server));
	recorder_free(recorder);
}
END_TEST

/* Lines whose verb is BDAT, and whose size is not known: what follows could be a chunk. */
START_TEST(a_faulty_bdat_closes)
{
	static const struct {
		const char *line;
		size_t length;
	} cases[] = {
		{ "BDAT 12\n", 8 },
		{ "BDAT\n", 5 },
		{ "bdat 12 LAST\n", 13 },
		{ "BDAT 12\r LAST\r\n", 15 },
		{ "BDAT\r12\r\n", 9 },
		{ "BDAT 12\0\r\n", 10 },
		{ "BDAT\0 12\r\n", 10 },
		{ "BDAT 0000000000000000000000000000000000000000000000000000012\r\n", 63 },
	};

	settings.command_line = 60;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct recorder *recorder = recorder_new();

		recorder_feed(recorder, cases[i].line, cases[i].length);
		recorder_feed(recorder, "NOOP\r\nNOOP\r\n", 12);
		ck_assert_str_eq(recorder->output, "501 5.5.4 Bad size of a chunk, closing\r\n");
		ck_assert_str_eq(recorder->commands, "");
		recorder_free(recorder);
	}
}
END_TEST

/* ---- closing ---- */

#define STOPPING "421 4.3.2 mx.example.org is stopping, try again later\r\n"

/* Whatever ends the message that the closing waits for. */
START_TEST(closing_waits_for_the_last_chunk_or_the_end_of_the_transaction)
{
	static const struct {
		const char *line, *reply;
	} cases[] = {
		{ "BDAT 5\r\nworldBDAT 0 LAST\r\n",
		  "250 2.0.0 5 bytes taken\r\n250 2.0.0 Stored as id\r\n" STOPPING },
		{ "BDAT 3\r\na\nb",
		  "554 5.6.0 Bare LF in the message: a line ends in CR LF\r\n" STOPPING },
		{ "RSET\r\n", "250 2.0.0 OK\r\n" STOPPING },
		{ "HELO a.example\r\n", "250 mx.example.org\r\n" STOPPING },
		{ "NOOP\r\n", "250 2.0.0 OK\r\n" },
		{ "QUIT\r\n", "221 2.0.0 Bye\r\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct recorder *recorder = recorder_new();

		recorder_say(recorder, IN_CHUNKS);
		smtp_server_close_after(recorder->server, SMTP_REPLY_STOPPING, settings.hostname);
		recorder_say(recorder, cases[i].line);
		ck_assert_str_eq(recorder->output, cases[i].reply);
		recorder_free(recorder);
	}
}
END_TEST

START_TEST(closing_waits_for_the_reply_to_a_refused_chunk)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, GREETED "BDAT 5\r\nhel");
	smtp_server_close_after(recorder->server, SMTP_REPLY_STOPPING, settings.hostname);
	recorder_say(recorder, "lo");
	ck_assert_str_eq(recorder->output,
			 "503 5.5.1 Bad sequence of commands: MAIL comes first\r\n" STOPPING);
	recorder_free(recorder);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("chunks");
	TCase *test = tcase_create("chunks");

	tcase_add_checked_fixture(test, settings_restore, NULL);
	tcase_add_test(test, a_refused_chunk_is_answered_behind_its_octets);
	tcase_add_test(test, a_chunk_that_the_policy_refuses_ends_the_transaction);
	tcase_add_test(test, chunks_behind_a_failed_one_are_no_faults);
	tcase_add_test(test, octets_that_are_dropped_count);
	tcase_add_test(test, a_faulty_bdat_closes);
	tcase_add_test(test, closing_waits_for_the_last_chunk_or_the_end_of_the_transaction);
	tcase_add_test(test, closing_waits_for_the_reply_to_a_refused_chunk);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
