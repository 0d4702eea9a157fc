/*
 * test_receipts.c - what delivery is told of replies, again after its death, until it has read it
 *
 * Covers A-18, C-06.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/smtp/replies.h"
#include "tests/unit/runner.h"
#include "worker/outbox.h"
#include "worker/receipts.h"

/* ---- the list ---- */

static struct receipts receipts;

static void add(uint64_t handle, uint64_t behind)
{
	const struct message_replied replied = { .handle = handle };

	receipts_add(&receipts, &replied, behind);
}

START_TEST(confirmed_by_what_was_sent_behind)
{
	memset(&receipts, 0, sizeof(receipts));
	add(1, 5);
	add(2, 5);
	add(3, 6);
	receipts_confirm(&receipts, 5);
	ck_assert_uint_eq(receipts.count, 3);
	receipts_confirm(&receipts, 6);
	ck_assert_uint_eq(receipts.count, 1);
	ck_assert_uint_eq(receipts_at(&receipts, 0)->handle, 3);
	receipts_confirm(&receipts, 9);
	ck_assert_uint_eq(receipts.count, 0);
}
END_TEST

START_TEST(the_oldest_is_dropped)
{
	memset(&receipts, 0, sizeof(receipts));
	for (uint64_t handle = 0; handle < RECEIPTS_MAX + 3; handle++)
		add(handle, handle);
	ck_assert_uint_eq(receipts.count, RECEIPTS_MAX);
	ck_assert_uint_eq(receipts_at(&receipts, 0)->handle, 3);
	ck_assert_uint_eq(receipts_at(&receipts, RECEIPTS_MAX - 1)->handle, RECEIPTS_MAX + 2);
}
END_TEST

/* ---- the outbox ---- */

struct pipes {
	int verdicts[2], messages[2];
};

static struct worker *worker;
static struct configuration *configuration;

static void on_answer(struct session *session, const struct message *message, enum smtp_reply reply)
{
	(void)session;
	(void)message;
	(void)reply;
}

static void make_outbox(void)
{
	signal(SIGPIPE, SIG_IGN);
	worker = calloc(1, sizeof(*worker));
	configuration = calloc(1, sizeof(*configuration));
	ck_assert(worker && configuration);
	configuration->timeouts.delivery = 3600;
	configuration->delivery.remember = 3600;
	worker->configuration = configuration;
	worker->loop = event_base_new();
	worker->outbox = outbox_new(worker, on_answer);
}

static void turn(void)
{
	ck_assert_int_ge(event_base_loop(worker->loop, EVLOOP_NONBLOCK), 0);
}

static struct pipes connect_outbox(void)
{
	struct pipes pipes;

	ck_assert_int_eq(pipe2(pipes.verdicts, O_NONBLOCK), 0);
	ck_assert_int_eq(pipe2(pipes.messages, O_NONBLOCK), 0);
	outbox_connect(worker->outbox, pipes.verdicts[0], pipes.messages[1]);
	turn();
	return pipes;
}

/* The next frame that delivery reads is such a note. */
static void expect_note(const struct pipes *pipes, uint64_t handle, bool taken)
{
	uint8_t bytes[MESSAGE_HEADER_SIZE + 9];
	struct wire_reader reader = { bytes + MESSAGE_HEADER_SIZE, 9, 0, false };
	struct message_header header;
	struct message_replied replied;
	struct problem problem;

	ck_assert_int_eq(read(pipes->messages[0], bytes, sizeof(bytes)), sizeof(bytes));
	ck_assert(message_get_header(bytes, FROM_WORKER, TO_DELIVERY, WAY_PIPE, &header, &problem));
	ck_assert_int_eq(header.type, MESSAGE_REPLIED);
	ck_assert(message_get_replied(&reader, &replied));
	ck_assert_uint_eq(replied.handle, handle);
	ck_assert(replied.taken == taken);
}

static void expect_nothing(const struct pipes *pipes)
{
	uint8_t byte;

	turn();
	ck_assert_int_lt(read(pipes->messages[0], &byte, 1), 0);
}

START_TEST(not_taken_at_once_taken_later)
{
	struct pipes pipes = connect_outbox();

	outbox_replied(worker->outbox, 1, true);
	expect_nothing(&pipes);
	ck_assert(!outbox_is_quiet(worker->outbox));
	outbox_replied(worker->outbox, 2, false);
	turn();
	expect_note(&pipes, 1, true);
	expect_note(&pipes, 2, false);
	ck_assert(outbox_is_quiet(worker->outbox));
	outbox_replied(worker->outbox, 3, true);
	outbox_hurry(worker->outbox);
	turn();
	expect_note(&pipes, 3, true);
}
END_TEST

static struct message *submit(const char *id)
{
	static const char whole[] = "sender@client.example";
	struct smtp_path sender = { .whole = { whole, sizeof(whole) - 1 } };
	struct smtp_text nothing = { "", 0 };
	struct submission submission = { .received = 1 };
	struct message *message = message_new(id, &sender, nothing, 0, NULL);

	ck_assert_ptr_nonnull(message);
	ck_assert(message_add_recipient(message, &sender, "sender", nothing));
	strcpy(submission.protocol, "SMTP");
	ck_assert(outbox_submit(worker->outbox, message, &submission));
	turn();
	return message;
}

static void answer(const struct pipes *pipes, uint64_t handle)
{
	const struct message_verdict verdict = { .handle = handle, .verdict = VERDICT_NO_ROOM };
	uint8_t bytes[MESSAGE_HEADER_SIZE + 9];
	struct wire_writer writer = { bytes + MESSAGE_HEADER_SIZE, 9, 0, false };

	message_put_verdict(&writer, &verdict);
	message_put_header(bytes, MESSAGE_VERDICT, 9);
	ck_assert_int_eq(write(pipes->verdicts[1], bytes, sizeof(bytes)), sizeof(bytes));
	turn();
}

START_TEST(told_again)
{
	struct pipes pipes = connect_outbox();

	outbox_replied(worker->outbox, 7, false);
	turn();
	expect_note(&pipes, 7, false);
	pipes = connect_outbox(); /* delivery was killed, and may not have read it */
	expect_note(&pipes, 7, false);
	answer(&pipes, submit("s-1")->handle);
	pipes = connect_outbox(); /* now it has */
	expect_nothing(&pipes);
}
END_TEST

/* Delivery is away: what is said waits for the next one. */
START_TEST(told_later)
{
	struct pipes pipes;

	outbox_replied(worker->outbox, 7, true);
	turn();
	pipes = connect_outbox();
	expect_note(&pipes, 7, true);
}
END_TEST

/* The verdict of a message whose session has gone: nobody will take its 250. */
START_TEST(nobody_waits)
{
	static char session;
	struct pipes pipes = connect_outbox();
	struct message *message = submit("s-1");
	uint8_t bytes[4096];

	message->session = (struct session *)(void *)&session;
	ck_assert_int_gt(read(pipes.messages[0], bytes, sizeof(bytes)), 0);
	outbox_abandon(worker->outbox, message->session);
	turn();
	expect_note(&pipes, message->handle, false);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("receipts");
	TCase *list = tcase_create("receipts"), *box = tcase_create("outbox");

	tcase_add_test(list, confirmed_by_what_was_sent_behind);
	tcase_add_test(list, the_oldest_is_dropped);
	tcase_add_checked_fixture(box, make_outbox, NULL);
	tcase_add_test(box, not_taken_at_once_taken_later);
	tcase_add_test(box, told_again);
	tcase_add_test(box, told_later);
	tcase_add_test(box, nobody_waits);
	suite_add_tcase(suite, list);
	suite_add_tcase(suite, box);
	return run_suite(suite);
}
