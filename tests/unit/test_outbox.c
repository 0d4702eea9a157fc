/*
 * test_outbox.c - messages that wait for delivery: those that wait too long, and those of sessions
 * that end
 *
 * Covers A-18, C-27 (a session that waits for several messages).
 */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log/log.h"
#include "tests/unit/runner.h"
#include "worker/outbox.h"

#define SESSIONS 3
#define MESSAGES 4 /* of each */

/* Nobody looks into them: their places tell them apart. */
static char sessions[SESSIONS];

static struct worker *worker;
static struct configuration *configuration;
static int verdicts[2], messages[2];
static unsigned answers[SESSIONS];
static int leaving; /* the session that ends at its first answer; -1: none */

static struct session *session_at(int index)
{
	return (struct session *)(void *)&sessions[index];
}

/* As a session that finds its client gone when it would say the answer. */
static void on_answer(struct session *session, const struct message *message, enum smtp_reply reply)
{
	int index = (int)((char *)session - sessions);

	ck_assert_ptr_null(message->session);
	ck_assert_int_eq(reply, SMTP_REPLY_NO_VERDICT);
	answers[index]++;
	if (index == leaving)
		outbox_abandon(worker->outbox, session);
}

/* Delivery that takes nothing more: the pipe to it is full. */
static void fill_pipe(void)
{
	static const char piece[4096];

	ck_assert_int_eq(fcntl(messages[1], F_SETFL, O_NONBLOCK), 0);
	while (write(messages[1], piece, sizeof(piece)) > 0)
		;
}

static void make_outbox(void)
{
	worker = calloc(1, sizeof(*worker));
	configuration = calloc(1, sizeof(*configuration));
	ck_assert(worker && configuration);
	configuration->timeouts.delivery = 3600;
	worker->configuration = configuration;
	worker->loop = event_base_new();
	worker->outbox = outbox_new(worker, on_answer);
	ck_assert_int_eq(pipe(verdicts), 0);
	ck_assert_int_eq(pipe(messages), 0);
	ck_assert_int_eq(fcntl(verdicts[0], F_SETFL, O_NONBLOCK), 0);
	fill_pipe();
	outbox_connect(worker->outbox, verdicts[0], messages[1]);
	memset(answers, 0, sizeof(answers));
	leaving = -1;
}

/* A message of that session, handed over long ago. */
static void submit(int index, int number)
{
	static const char whole[] = "sender@client.example";
	struct smtp_path sender = { .whole = { whole, sizeof(whole) - 1 } };
	struct smtp_text nothing = { "", 0 };
	struct submission submission = { .received = 1 };
	struct message *message;
	char id[32];

	snprintf(id, sizeof(id), "s%d-%d", index, number);
	message = message_new(id, &sender, nothing, 0, NULL);
	ck_assert_ptr_nonnull(message);
	ck_assert(message_add_recipient(message, &sender, "sender", nothing));
	strcpy(submission.protocol, "LMTP");
	ck_assert(outbox_submit(worker->outbox, message, &submission));
	message->session = session_at(index);
	message->submitted = clock_steady() - INT64_C(7200) * 1000000;
}

/* Until the age of all of them was looked at, which happens each second. */
static void run_until_given_up(unsigned wanted)
{
	unsigned sum = 0;

	while (sum < wanted) {
		ck_assert_int_ge(event_base_loop(worker->loop, EVLOOP_ONCE), 0);
		sum = 0;
		for (int i = 0; i < SESSIONS; i++)
			sum += answers[i];
	}
}

START_TEST(each_message_that_waits_too_long_is_answered)
{
	for (int number = 0; number < MESSAGES; number++)
		for (int index = 0; index < SESSIONS; index++)
			submit(index, number);
	run_until_given_up(SESSIONS * MESSAGES);
	for (int index = 0; index < SESSIONS; index++)
		ck_assert_uint_eq(answers[index], MESSAGES);
}
END_TEST

/* Its other messages lie behind the one that is answered, next to it or apart. */
START_TEST(an_answer_may_end_its_session)
{
	leaving = _i % SESSIONS;
	for (int i = 0; i < SESSIONS * MESSAGES; i++)
		_i < SESSIONS ? submit(i % SESSIONS, i / SESSIONS)
			      : submit(i / MESSAGES, i % MESSAGES);
	run_until_given_up((SESSIONS - 1) * MESSAGES + 1);
	for (int index = 0; index < SESSIONS; index++)
		ck_assert_uint_eq(answers[index], index == leaving ? 1 : MESSAGES);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("outbox");
	TCase *test = tcase_create("outbox");

	tcase_set_timeout(test, 60);
	tcase_add_checked_fixture(test, make_outbox, NULL);
	tcase_add_test(test, each_message_that_waits_too_long_is_answered);
	tcase_add_loop_test(test, an_answer_may_end_its_session, 0, 2 * SESSIONS);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
