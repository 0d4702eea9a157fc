/*
 * test_lmtp.c - the engine: LMTP (RFC 2033) and PRDR (draft-hall-prdr-00), a reply for each
 * recipient
 *
 * Covers C-27, D-14, D-18.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/command.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/runner.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define ONE "RCPT TO:<c@d.example>\r\n"
#define TWO ONE "RCPT TO:<unknown@d.example>\r\nRCPT TO:<e@d.example>\r\n"
#define THREE TWO "RCPT TO:<c@d.example>\r\n" /* the first again: it counts as well */
#define LMTP "LHLO a.example\r\nMAIL FROM:<a@b.example>\r\n"
#define PRDR GREETED "MAIL FROM:<a@b.example> PRDR\r\n"

#define STORED "250 2.0.0 Stored as id\r\n"
#define FULL "452 4.2.2 Mailbox is full\r\n"
#define RELAY "550 5.7.1 Relay not permitted\r\n"
#define LATER "451 4.3.0 Cannot store it now, try again later\r\n"
#define FOLLOW "353 A reply for each recipient follows\r\n"
#define SOME "250 2.0.0 Stored for those recipients, session \r\n"
#define NONE_YET "450 4.3.0 Stored for none of the recipients, try again later\r\n"
#define NONE "554 5.0.0 Stored for none of the recipients\r\n"
#define BARE_LF "554 5.6.0 Bare LF in the message: a line ends in CR LF\r\n"
#define TOO_BIG "552 5.3.4 Message too big, the limit is 10000 bytes\r\n"
#define STOPPING "421 4.3.2 mx.example.org is stopping, try again later\r\n"

/* How a message can come to its end. */
static const char *const bodies[] = {
	"DATA\r\nhello\r\n.\r\n",
	"BDAT 7 LAST\r\nhello\r\n",
	"BDAT 7\r\nhello\r\nBDAT 0 LAST\r\n",
};

static const char *const preludes[] = {
	"354 Send the message, end with a dot on a line of its own\r\n",
	"",
	"250 2.0.0 7 bytes taken\r\n",
};

static struct recorder *begin(bool lmtp, const char *envelope)
{
	struct recorder *recorder;

	settings.lmtp = lmtp;
	settings.recipients = 5;
	recorder = recorder_new();
	recorder_say(recorder, envelope);
	return recorder;
}

/* ---- answers ---- */

static const struct {
	bool lmtp;
	const char *envelope;
	enum smtp_reply answers[3];
	const char *replies;
} cases[] = {
	{ true, LMTP ONE, { SMTP_REPLY_STORED }, STORED },
	{ true, LMTP ONE, { SMTP_REPLY_NO_QUOTA }, FULL },
	{ true, LMTP TWO, { SMTP_REPLY_STORED, SMTP_REPLY_STORED }, STORED STORED },
	{ true, LMTP TWO, { SMTP_REPLY_NO_QUOTA, SMTP_REPLY_STORED }, FULL STORED },
	{ true, LMTP TWO, { SMTP_REPLY_STORED, SMTP_REPLY_NO_RELAY }, STORED RELAY },
	{ true,
	  LMTP THREE,
	  { SMTP_REPLY_SYSTEM_ERROR, SMTP_REPLY_STORED, SMTP_REPLY_NO_QUOTA },
	  LATER STORED FULL },
	{ true,
	  LMTP THREE,
	  { SMTP_REPLY_NO_RELAY, SMTP_REPLY_NO_RELAY, SMTP_REPLY_NO_RELAY },
	  RELAY RELAY RELAY },
	/* The parameter of PRDR means nothing here. */
	{ true,
	  "LHLO a\r\nMAIL FROM:<> PRDR\r\n" TWO,
	  { SMTP_REPLY_STORED, SMTP_REPLY_NO_QUOTA },
	  STORED FULL },
	/* draft-hall-prdr-00 4.5: 353, the replies, and one that sums up */
	{ false, PRDR TWO, { SMTP_REPLY_STORED, SMTP_REPLY_STORED }, FOLLOW STORED STORED SOME },
	{ false, PRDR TWO, { SMTP_REPLY_NO_QUOTA, SMTP_REPLY_STORED }, FOLLOW FULL STORED SOME },
	{ false, PRDR TWO, { SMTP_REPLY_STORED, SMTP_REPLY_NO_RELAY }, FOLLOW STORED RELAY SOME },
	{ false,
	  PRDR TWO,
	  { SMTP_REPLY_NO_QUOTA, SMTP_REPLY_NO_RELAY },
	  FOLLOW FULL RELAY NONE_YET },
	{ false,
	  PRDR TWO,
	  { SMTP_REPLY_NO_RELAY, SMTP_REPLY_NO_QUOTA },
	  FOLLOW RELAY FULL NONE_YET },
	{ false, PRDR TWO, { SMTP_REPLY_NO_RELAY, SMTP_REPLY_NO_RELAY }, FOLLOW RELAY RELAY NONE },
	{ false,
	  PRDR THREE,
	  { SMTP_REPLY_NO_RELAY, SMTP_REPLY_NO_QUOTA, SMTP_REPLY_STORED },
	  FOLLOW RELAY FULL STORED SOME },
	/* One recipient has one reply, as has a message without PRDR. */
	{ false, PRDR ONE, { SMTP_REPLY_STORED }, STORED },
	{ false, PRDR ONE, { SMTP_REPLY_NO_QUOTA }, FULL },
	{ false, GREETED "MAIL FROM:<>\r\n" THREE, { SMTP_REPLY_STORED }, STORED },
	/* PRDR is of its message only, and goes with a MAIL that is rejected. */
	{ false, PRDR TWO "RSET\r\nMAIL FROM:<>\r\n" TWO, { SMTP_REPLY_STORED }, STORED },
	{ false,
	  GREETED "MAIL FROM:<nobody@b.example> PRDR\r\nMAIL FROM:<>\r\n" TWO,
	  { SMTP_REPLY_STORED },
	  STORED },
};

/* Answered at once or later: the same, and the transaction is over behind the last one. */
static void check_answers(size_t row, size_t how, bool later)
{
	struct recorder *recorder = begin(cases[row].lmtp, cases[row].envelope);
	size_t prelude = strlen(preludes[how]);

	recorder->later = later;
	memcpy(recorder->end_answers, cases[row].answers, sizeof(cases[row].answers));
	recorder_say(recorder, bodies[how]);
	ck_assert_mem_eq(recorder->output, preludes[how], prelude);
	ck_assert_str_eq(recorder->output + prelude, cases[row].replies);
	ck_assert_str_eq(recorder->message, "hello\n");
	ck_assert_int_eq(recorder->ends, 1);
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_GREETED);
	recorder_say(recorder, "NOOP\r\n");
	ck_assert_str_eq(recorder->output, "250 2.0.0 OK\r\n");
	recorder_free(recorder);
}

START_TEST(answers)
{
	for (size_t how = 0; how < COUNT(bodies); how++) {
		check_answers(_i, how, false);
		check_answers(_i, how, true);
	}
}
END_TEST

/* Each answer is said when it is given; nothing is read meanwhile. */
START_TEST(answers_one_by_one)
{
	static const char *const expected[] = { STORED, STORED FULL, STORED FULL STORED };
	struct recorder *recorder = begin(true, LMTP THREE);

	recorder->later = true;
	recorder->end_answers[1] = SMTP_REPLY_NO_QUOTA;
	recorder_say(recorder, "BDAT 5\r\nhello");
	recorder_offer(recorder, "BDAT 0 LAST\r\nNOOP\r\n");
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(smtp_server_answers_wanted(recorder->server), 3 - i);
		ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CHUNK);
		recorder_answer(recorder);
		ck_assert_str_eq(recorder->output, expected[i]);
		ck_assert_int_eq(recorder->ends, 1);
	}
	ck_assert(!smtp_server_is_waiting(recorder->server));
	ck_assert_uint_eq(smtp_server_answers_wanted(recorder->server), 0);
	recorder_free(recorder);
}
END_TEST

START_TEST(no_input_between_answers)
{
	struct recorder *recorder = begin(false, PRDR TWO "DATA\r\n");

	recorder->later = true;
	ck_assert_uint_eq(recorder_offer(recorder, ".\r\nNOOP\r\n"), 3);
	ck_assert_str_eq(recorder->output, FOLLOW);
	ck_assert_uint_eq(recorder_offer(recorder, "NOOP\r\n"), 0);
	recorder_answer(recorder);
	ck_assert_uint_eq(recorder_offer(recorder, "NOOP\r\n"), 0);
	recorder_answer(recorder);
	ck_assert_str_eq(recorder->output, STORED SOME);
	ck_assert_uint_eq(recorder_offer(recorder, "NOOP\r\n"), 6);
	recorder_free(recorder);
}
END_TEST

/* ---- closing in between ---- */

START_TEST(a_stop_waits_for_the_last_answer)
{
	for (int lmtp = 0; lmtp < 2; lmtp++) {
		struct recorder *recorder = begin(lmtp, lmtp ? LMTP TWO : PRDR TWO);

		recorder_say(recorder, "DATA\r\n");
		recorder->later = true;
		recorder_offer(recorder, ".\r\n");
		recorder_answer(recorder);
		smtp_server_close_after(recorder->server, SMTP_REPLY_STOPPING, settings.hostname);
		ck_assert_ptr_null(strstr(recorder->output, "421"));
		recorder_answer(recorder);
		ck_assert_str_eq(recorder->output, lmtp ? STORED STORED STOPPING
							: FOLLOW STORED STORED SOME STOPPING);
		recorder_free(recorder);
	}
}
END_TEST

START_TEST(a_cut_forgets_the_answers_that_are_left)
{
	struct recorder *recorder = begin(true, LMTP THREE "DATA\r\n");

	recorder->later = true;
	recorder_offer(recorder, ".\r\n");
	recorder_answer(recorder);
	smtp_server_close(recorder->server, SMTP_REPLY_STOPPING, settings.hostname, NULL, 0);
	ck_assert_str_eq(recorder->output, STORED STOPPING);
	ck_assert(!smtp_server_is_waiting(recorder->server));
	ck_assert_uint_eq(smtp_server_answers_wanted(recorder->server), 0);
	ck_assert_str_eq(recorder->rejection.command, "DATA");
	recorder_free(recorder);
}
END_TEST

/* RFC 5321 3.8: 421 closes, whatever is left. */
START_TEST(an_answer_of_421_is_the_last_one)
{
	for (int lmtp = 0; lmtp < 2; lmtp++) {
		struct recorder *recorder = begin(lmtp, lmtp ? LMTP THREE : PRDR THREE);

		recorder->end_answers[1] = SMTP_REPLY_STOPPING;
		recorder_say(recorder, "BDAT 0 LAST\r\n");
		ck_assert_ptr_nonnull(strstr(recorder->output, STORED "421 4.3.2 id is stopping"));
		ck_assert_ptr_null(strstr(strstr(recorder->output, "421"), "\r\n2"));
		ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CLOSED);
		recorder_free(recorder);
	}
}
END_TEST

/* ---- faults of the message itself ---- */

static const struct {
	bool lmtp;
	const char *envelope, *text, *replies;
} faults[] = {
	/* RFC 2033 4.2: each recipient hears of it, where the message has come to its end. */
	{ true, LMTP TWO "DATA\r\n", "a\nb\r\n.\r\n", BARE_LF BARE_LF },
	{ true, LMTP THREE "DATA\r\n", "a\nb\r\n.\r\n", BARE_LF BARE_LF BARE_LF },
	{ true, LMTP ONE "DATA\r\n", "a\nb\r\n.\r\n", BARE_LF },
	{ true, LMTP TWO, "BDAT 3 LAST\r\na\nb", BARE_LF BARE_LF },
	{ true, LMTP TWO, "BDAT 3\r\na\nb", BARE_LF },
	{ true, LMTP TWO, "BDAT 3\r\na\nbBDAT 0 LAST\r\n",
	  BARE_LF "503 5.5.1 Bad sequence of commands: MAIL comes first\r\n" },
	{ true, LMTP TWO "BDAT 1\r\nx", "BDAT 3 LAST\r\na\nb", BARE_LF BARE_LF },
	/* PRDR: one reply of class 5 instead of 353 is for all. */
	{ false, PRDR TWO "DATA\r\n", "a\nb\r\n.\r\n", BARE_LF },
	{ false, PRDR TWO, "BDAT 3 LAST\r\na\nb", BARE_LF },
	/* Before the message comes there is one reply. */
	{ true, LMTP, "DATA\r\n",
	  "503 5.5.1 Bad sequence of commands: a recipient must be accepted first, one MAIL at a "
	  "time\r\n" },
	{ true, LMTP TWO, "DATA now\r\n", "501 5.5.4 Syntax: DATA\r\n" },
};

START_TEST(faults_for_each_recipient)
{
	struct recorder *recorder = begin(faults[_i].lmtp, faults[_i].envelope);
	int replies = 0;

	recorder->rejections = 0;
	recorder_say(recorder, faults[_i].text);
	ck_assert_str_eq(recorder->output, faults[_i].replies);
	for (const char *line = recorder->output; *line; line = strchr(line, '\n') + 1)
		replies++;
	ck_assert_int_eq(recorder->rejections, replies);
	ck_assert_int_eq(recorder->ends, 0);
	recorder_free(recorder);
}
END_TEST

START_TEST(too_big_for_each_recipient)
{
	struct recorder *recorder = begin(true, LMTP TWO "DATA\r\n");

	for (int i = 0; i < 1001; i++)
		recorder_say(recorder, "12345678\r\n");
	recorder_say(recorder, ".\r\n");
	ck_assert_str_eq(recorder->output, TOO_BIG TOO_BIG);
	ck_assert_str_eq(recorder->rejection.limit, "message-size");
	recorder_free(recorder);
}
END_TEST

/* A refusal of DATA itself is one reply, and the recipients stay. */
START_TEST(data_refused_by_the_policy)
{
	struct recorder *recorder = begin(true, LMTP TWO);

	recorder->data_answer = SMTP_REPLY_NO_MEMORY;
	recorder_say(recorder, "DATA\r\n");
	ck_assert_str_eq(recorder->output, "452 4.3.1 Out of memory, try again later\r\n");
	recorder->data_answer = SMTP_REPLY_GO_AHEAD;
	recorder_say(recorder, "BDAT 0 LAST\r\n");
	ck_assert_str_eq(recorder->output, STORED STORED);
	recorder_free(recorder);
}
END_TEST

/* ---- verbs (RFC 2033 4.1) and names (RFC 3848) ---- */

START_TEST(greetings_of_each_protocol)
{
	static const struct {
		const char *line;
		int smtp, lmtp;
	} verbs[] = {
		{ "HELO x\r\n", 250, 500 }, { "EHLO x\r\n", 250, 500 }, { "LHLO x\r\n", 500, 250 },
		{ "lhlo x\r\n", 500, 250 }, { "LHLO\r\n", 500, 501 },	{ "LHLO <\r\n", 500, 501 },
	};

	for (size_t i = 0; i < COUNT(verbs); i++)
		for (int lmtp = 0; lmtp < 2; lmtp++) {
			struct recorder *recorder = begin(lmtp, "");

			recorder_say(recorder, verbs[i].line);
			ck_assert_int_eq(atoi(recorder->output),
					 lmtp ? verbs[i].lmtp : verbs[i].smtp);
			recorder_free(recorder);
		}
}
END_TEST

START_TEST(help_and_greeting_of_lmtp)
{
	struct recorder *recorder = begin(true, "");

	smtp_server_greet(recorder->server);
	ck_assert_str_eq(recorder->output, "220 mx.example.org LMTP\r\n");
	recorder_say(recorder, "HELP\r\n");
	ck_assert_str_eq(
		recorder->output,
		"214 2.0.0 Commands: LHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP\r\n");
	recorder_free(recorder);
}
END_TEST

START_TEST(names_of_lmtp)
{
	struct recorder *recorder = begin(true, LMTP ONE);

	ck_assert_str_eq(smtp_server_protocol(recorder->server), "LMTP");
	recorder_say(recorder, "RSET\r\nMAIL FROM:<> SMTPUTF8\r\n");
	ck_assert_str_eq(smtp_server_protocol(recorder->server), "UTF8LMTP");
	recorder_say(recorder, "RSET\r\n");
	smtp_server_secured(recorder->server);
	recorder_say(recorder, "LHLO x\r\n");
	ck_assert_str_eq(smtp_server_protocol(recorder->server), "LMTPS");
	recorder_say(recorder, "MAIL FROM:<> SMTPUTF8\r\n");
	ck_assert_str_eq(smtp_server_protocol(recorder->server), "UTF8LMTPS");
	recorder_free(recorder);
}
END_TEST

/* One message that was stored for somebody is a message. */
START_TEST(idle_commands_begin_anew_behind_a_stored_message)
{
	struct recorder *recorder;

	settings.idle_commands = 3;
	recorder = begin(true, LMTP TWO);
	recorder->end_answers[0] = SMTP_REPLY_NO_QUOTA;
	recorder_say(recorder, "NOOP\r\nNOOP\r\nBDAT 0 LAST\r\nNOOP\r\nNOOP\r\nNOOP\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_GREETED);
	recorder_say(recorder, "NOOP\r\n");
	ck_assert_int_eq(smtp_server_state(recorder->server), SMTP_CLOSED);
	recorder_free(recorder);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("lmtp");
	TCase *test = tcase_create("lmtp");

	tcase_add_checked_fixture(test, settings_restore, NULL);
	tcase_add_loop_test(test, answers, 0, COUNT(cases));
	tcase_add_test(test, answers_one_by_one);
	tcase_add_test(test, no_input_between_answers);
	tcase_add_test(test, a_stop_waits_for_the_last_answer);
	tcase_add_test(test, a_cut_forgets_the_answers_that_are_left);
	tcase_add_test(test, an_answer_of_421_is_the_last_one);
	tcase_add_loop_test(test, faults_for_each_recipient, 0, COUNT(faults));
	tcase_add_test(test, too_big_for_each_recipient);
	tcase_add_test(test, data_refused_by_the_policy);
	tcase_add_test(test, greetings_of_each_protocol);
	tcase_add_test(test, help_and_greeting_of_lmtp);
	tcase_add_test(test, names_of_lmtp);
	tcase_add_test(test, idle_commands_begin_anew_behind_a_stored_message);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
