/*
 * test_chunks_refused.c - the engine: chunks that are refused (RFC 3030 2), and sessions that close
 * within one
 *
 * Covers B-43, B-49, B-50.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/engine_fixture.h"
#include "tests/unit/runner.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define IN_CHUNKS READY "BDAT 5\r\nhello"

#define SEQUENCE "503 5.5.1 Bad sequence of commands: "
#define MAIL_FIRST SEQUENCE "MAIL comes first\r\n"
#define STOPPING "421 4.3.2 mx.example.org is stopping, try again later\r\n"

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

/* ---- where chunks are not wanted ---- */

#define NOT_SERVED "502 5.5.1 Not implemented here\r\n"
#define NEEDS_TLS "530 5.7.0 Must issue a STARTTLS command first\r\n"
#define NO_MEMORY "452 4.3.1 Out of memory, try again later\r\n"

static const struct {
	const char *way, *reply;
	bool disabled, needs_tls, lmtp;
	enum smtp_reply data_answer; /* 0: it is taken */
	enum smtp_state state;	     /* behind it */
} refused[] = {
	{ "", SEQUENCE "a greeting comes first\r\n", false, false, false, 0, SMTP_CONNECTED },
	{ GREETED, MAIL_FIRST, false, false, false, 0, SMTP_GREETED },
	{ "HELO x\r\n", MAIL_FIRST, false, false, false, 0, SMTP_GREETED },
	{ MAILED, SEQUENCE "a recipient must be accepted first, one MAIL at a time\r\n", false,
	  false, false, 0, SMTP_MAIL },
	{ MAILED "RCPT TO:<unknown@d.example>\r\n",
	  SEQUENCE "a recipient must be accepted first, one MAIL at a time\r\n", false, false,
	  false, 0, SMTP_MAIL },
	{ READY "BDAT 0 LAST\r\n", MAIL_FIRST, false, false, false, 0, SMTP_GREETED },
	{ READY "RSET\r\n", MAIL_FIRST, false, false, false, 0, SMTP_GREETED },
	{ IN_CHUNKS "RSET\r\n", MAIL_FIRST, false, false, false, 0, SMTP_GREETED },
	{ "", NOT_SERVED, true, false, false, 0, SMTP_CONNECTED },
	{ GREETED, NOT_SERVED, true, false, false, 0, SMTP_GREETED },
	{ READY, NOT_SERVED, true, false, false, 0, SMTP_RCPT },
	{ "", NEEDS_TLS, false, true, false, 0, SMTP_CONNECTED },
	{ GREETED, NEEDS_TLS, false, true, false, 0, SMTP_GREETED },
	{ READY, NO_MEMORY, false, false, false, SMTP_REPLY_NO_MEMORY, SMTP_GREETED },
	{ "LHLO x\r\n", MAIL_FIRST, false, false, true, 0, SMTP_GREETED },
};

/* How the sizes are said; each with octets that are commands, if anybody reads them. */
static const struct {
	const char *line, *octets;
} unwanted[] = {
	{ "BDAT 12\r\n", "NOOP\r\nQUIT\r\n" },
	{ "BDAT 12 LAST\r\n", "QUIT\r\nNOOP\r\n" },
	{ "BDAT 11\r\n", "BDAT 1\nQUIT" },
	{ "BDAT 0\r\n", "" },
	{ "BDAT 0 LAST\r\n", "" },
	{ "BDAT 5 LAST\r\n", "\r\n.\r\n" },
	{ "BDAT 1\r\n", "\x16" },
};

static struct recorder *refused_recorder(size_t row)
{
	struct recorder *recorder;

	settings_restore();
	settings.lmtp = refused[row].lmtp;
	settings.tls = refused[row].needs_tls ? SMTP_TLS_REQUIRED : SMTP_TLS_NONE;
	settings.disabled = refused[row].disabled ? disable("BDAT") : 0;
	recorder = recorder_new();
	recorder_say(recorder, refused[row].way);
	if (refused[row].data_answer)
		recorder->data_answer = refused[row].data_answer;
	recorder->commands_used = recorder->output_used = 0;
	return recorder;
}

/* Cut behind any of its bytes. */
static void check_refused(size_t row, size_t how, size_t first)
{
	struct recorder *recorder = refused_recorder(row);
	char text[64];

	snprintf(text, sizeof(text), "%s%s", unwanted[how].line, unwanted[how].octets);
	recorder->later = first & 1;
	recorder_feed_in_pieces(recorder, text, strlen(text), first, strlen(text));
	ck_assert_str_eq(recorder->output, refused[row].reply);
	ck_assert_int_eq(smtp_server_state(recorder->server), refused[row].state);
	ck_assert_uint_eq(recorder->commands_used, strlen(unwanted[how].line) - 1);
	ck_assert_int_eq(recorder->rejections, 1 + (strstr(refused[row].way, "unknown") != NULL));
	ck_assert_str_eq(recorder->rejection.command, "BDAT");
	recorder_say(recorder, "NOOP\r\n");
	ck_assert_str_eq(recorder->output, "250 2.0.0 OK\r\n");
	recorder_free(recorder);
}

START_TEST(no_octet_of_a_refused_chunk_is_a_command)
{
	for (size_t how = 0; how < COUNT(unwanted); how++)
		for (size_t first = 0;
		     first <= strlen(unwanted[how].line) + strlen(unwanted[how].octets); first++)
			check_refused(_i, how, first);
}
END_TEST

/* ---- the policy is asked for the first chunk only, and may answer later ---- */

START_TEST(nothing_of_a_chunk_is_taken_before_the_answer)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, READY);
	recorder->later = true;
	ck_assert_uint_eq(recorder_offer(recorder, "BDAT 6\r\nQUIT\r\n"), 8);
	ck_assert(smtp_server_is_waiting(recorder->server));
	ck_assert_uint_eq(recorder_offer(recorder, "QUIT\r\n"), 0);
	recorder_answer(recorder);
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CHUNK);
	ck_assert_uint_eq(recorder_offer(recorder, "QUIT\r\nBDAT 0 LAST\r\n"), 6);
	ck_assert_uint_eq(recorder_offer(recorder, "BDAT 0 LAST\r\nNOOP\r\n"), 13);
	ck_assert_uint_eq(smtp_server_answers_wanted(recorder->server), 1);
	ck_assert_uint_eq(recorder_offer(recorder, "NOOP\r\n"), 0);
	recorder_answer(recorder);
	ck_assert_str_eq(recorder->message, "QUIT\n");
	recorder_free(recorder);
}
END_TEST

START_TEST(the_policy_is_asked_once)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, IN_CHUNKS);
	recorder->data_answer = SMTP_REPLY_NO_MEMORY;
	recorder_say(recorder, "BDAT 0 LAST\r\n");
	ck_assert_str_eq(recorder->output, "250 2.0.0 Stored as id\r\n");
	recorder_free(recorder);
}
END_TEST

/* RFC 2033 4.2: the sender waits for a reply for each recipient behind the last chunk, and one
 * else. */
START_TEST(a_last_chunk_that_the_policy_refuses_in_lmtp)
{
	struct recorder *recorder;

	settings.lmtp = true;
	recorder = recorder_new();
	recorder_say(
		recorder,
		"LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<e@d.example>\r\n");
	recorder->data_answer = SMTP_REPLY_NO_MEMORY;
	recorder_say(recorder, "BDAT 5 LAST\r\nhello");
	ck_assert_str_eq(recorder->output, NO_MEMORY NO_MEMORY);
	recorder_say(recorder,
		     "MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<e@d.example>\r\n");
	recorder_say(recorder, "BDAT 5\r\nhello");
	ck_assert_str_eq(recorder->output, NO_MEMORY);
	recorder_free(recorder);
}
END_TEST

/* 421 is said at once, and nothing more is read. */
START_TEST(a_chunk_that_is_answered_with_421)
{
	struct recorder *recorder = recorder_new();

	recorder_say(recorder, READY);
	recorder->data_answer = SMTP_REPLY_NO_RESOURCES;
	recorder_say(recorder, "BDAT 5\r\nhelloNOOP\r\n");
	ck_assert_str_eq(recorder->output, "421 4.3.2 Out of resources, try again later\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CLOSED);
	recorder_free(recorder);
}
END_TEST

START_TEST(a_session_cut_within_a_chunk)
{
	static const char *const ways[] = { READY "BDAT 5\r\nhel", GREETED "BDAT 5\r\nhel" };

	for (size_t i = 0; i < COUNT(ways); i++) {
		struct recorder *recorder = recorder_new();

		recorder_say(recorder, ways[i]);
		recorder->output_used = 0;
		smtp_server_close(recorder->server, SMTP_REPLY_IDLE_TOO_LONG, NULL, NULL, 0);
		ck_assert_str_eq(recorder->output,
				 "421 4.4.2 Nothing heard for too long, closing\r\n");
		ck_assert_uint_eq(recorder_offer(recorder, "loNOOP\r\n"), 0);
		ck_assert_int_eq(recorder->ends, 0);
		recorder_free(recorder);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("chunks refused");
	TCase *test = tcase_create("chunks refused");

	tcase_add_checked_fixture(test, settings_restore, NULL);
	tcase_add_test(test, a_refused_chunk_is_answered_behind_its_octets);
	tcase_add_test(test, a_chunk_that_the_policy_refuses_ends_the_transaction);
	tcase_add_test(test, chunks_behind_a_failed_one_are_no_faults);
	tcase_add_test(test, octets_that_are_dropped_count);
	tcase_add_test(test, a_faulty_bdat_closes);
	tcase_add_test(test, closing_waits_for_the_last_chunk_or_the_end_of_the_transaction);
	tcase_add_test(test, closing_waits_for_the_reply_to_a_refused_chunk);
	tcase_add_loop_test(test, no_octet_of_a_refused_chunk_is_a_command, 0, COUNT(refused));
	tcase_add_test(test, nothing_of_a_chunk_is_taken_before_the_answer);
	tcase_add_test(test, the_policy_is_asked_once);
	tcase_add_test(test, a_last_chunk_that_the_policy_refuses_in_lmtp);
	tcase_add_test(test, a_chunk_that_is_answered_with_421);
	tcase_add_test(test, a_session_cut_within_a_chunk);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
