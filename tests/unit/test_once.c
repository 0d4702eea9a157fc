/*
 * test_once.c - a message that is sent again because its 250 was not taken
 *
 * Covers, C-06 (RFC 1047), C-11. The table behind it: test_remember.c.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "delivery/verdicts.h"
#include "tests/unit/delivery_fixture.h"
#include "tests/unit/inbox_fixture.h"
#include "tests/unit/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define OTHER_SERIAL 43

/* ---- what workers say ---- */

struct variant {
	const char *const *recipients; /* NULL: alice and bob */
	const char *sender;	       /* NULL: the usual one, and so on */
	const char *parameters;
	const char *body;
	uint32_t flags;
	bool is_same;
};

static const char *const alice_and_bob[] = { "alice@example.org", "bob@example.org", NULL };

static struct wire_string wire(const char *text)
{
	return (struct wire_string){ text, strlen(text) };
}

static size_t frame(uint8_t *bytes, const char *id, uint64_t handle, const struct variant *variant)
{
	const char *body = variant->body ? variant->body : "hello\n";
	struct submission submission = submission_of(id, handle, body);

	submission.flags = variant->flags;
	if (variant->sender)
		submission.sender = wire(variant->sender);
	if (variant->parameters)
		submission.parameters = wire(variant->parameters);
	return fixture_frame(bytes, &submission,
			     variant->recipients ? variant->recipients : alice_and_bob, body);
}

static void submit(const struct peer *peer, const char *id, uint64_t handle,
		   const struct variant *variant)
{
	static uint8_t bytes[FIXTURE_FRAME_MAX];

	send_bytes(peer, bytes, frame(bytes, id, handle, variant));
}

static const struct variant usual = { .is_same = true };

static void store(const struct peer *peer, const char *id, uint64_t handle, uint32_t flags)
{
	const struct variant variant = { .flags = flags };

	submit(peer, id, handle, &variant);
	expect(peer, handle, VERDICT_STORED);
}

static size_t note(uint8_t *bytes, uint64_t handle, bool taken)
{
	const struct message_replied replied = { .handle = handle, .taken = taken };
	struct wire_writer writer = { bytes + MESSAGE_HEADER_SIZE, 16, 0, false };

	message_put_replied(&writer, &replied);
	message_put_header(bytes, MESSAGE_REPLIED, (uint32_t)writer.used);
	return MESSAGE_HEADER_SIZE + writer.used;
}

static void reply(const struct peer *peer, uint64_t handle, bool taken)
{
	uint8_t bytes[32];

	send_bytes(peer, bytes, note(bytes, handle, taken));
	turn();
}

/* Delivery is killed, and another one takes its place. */
static void replace_delivery(void)
{
	inbox_fixture_close();
	inbox_fixture_open(fixture_root(), 128);
}

static void expect_copies(size_t wanted)
{
	ck_assert_uint_eq(fixture_count(ALICE, "new"), wanted);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	ck_assert_uint_eq(receiving.violations, 0);
}

/* ---- what is the same ---- */

static const struct variant variants[] = {
	{ .is_same = true },
	{ .flags = SUBMISSION_AGAIN, .is_same = true },
	{ .recipients = (const char *const[]){ "bob@example.org", "alice@example.org", NULL },
	  .is_same = true },
	{ .recipients = (const char *const[]){ "alice@example.org", NULL } },
	{ .recipients = (const char *const[]){ "alice@example.org", "carol@example.org", NULL } },
	{ .recipients = (const char *const[]){ "alice@example.org", "BOB@example.org", NULL } },
	{ .recipients = (const char *const[]){ "alice@example.org", "bob@example.org",
					       "carol@example.org", NULL } },
	{ .recipients = (const char *const[]){ "alice@example.org", "bob@example.org",
					       "bob@example.org", NULL } },
	{ .sender = "" },
	{ .sender = "sender@example.con" },
	{ .sender = "Sender@example.com" },
	{ .parameters = "ENVID=1" },
	{ .flags = SUBMISSION_8BITMIME },
	{ .flags = SUBMISSION_SMTPUTF8 },
	{ .body = "hellp\n" },
	{ .body = "hello\n\n" },
	{ .body = "hello" },
	{ .body = "" },
};

START_TEST(what_is_the_same)
{
	const struct variant *variant = &variants[_i];
	struct peer peer = add_peer(SERIAL);

	store(&peer, "s-1", 1, 0);
	reply(&peer, 1, false);
	submit(&peer, "s-2", 2, variant);
	expect(&peer, 2, VERDICT_STORED);
	expect_copies(variant->is_same ? 1 : 2);
	ck_assert(fixture_log_has(" of=s-1") == variant->is_same);
	close_peer(&peer);
}
END_TEST

/* ---- which message it is ---- */

START_TEST(taken)
{
	struct peer peer = add_peer(SERIAL);

	store(&peer, "s-1", 1, 0);
	reply(&peer, 1, true);
	store(&peer, "s-2", 2, 0);
	expect_copies(2);
	close_peer(&peer);
}
END_TEST

START_TEST(not_said_yet)
{
	struct peer peer = add_peer(SERIAL);

	store(&peer, "s-1", 1, 0);
	store(&peer, "s-2", 2, 0);
	expect_copies(2);
	close_peer(&peer);
}
END_TEST

/* A worker speaks of its own messages only. */
START_TEST(of_another_worker)
{
	struct peer peer = add_peer(SERIAL), other = add_peer(OTHER_SERIAL);

	store(&peer, "s-1", 1, 0);
	reply(&other, 1, false);
	store(&other, "s-2", 2, 0);
	expect_copies(2);
	reply(&peer, 1, false);
	reply(&other, 2, true);
	reply(&other, 1, true);
	store(&other, "s-3", 3, 0);
	expect_copies(2);
	close_peer(&peer);
	close_peer(&other);
}
END_TEST

START_TEST(again_and_again)
{
	struct peer peer = add_peer(SERIAL);

	store(&peer, "s-1", 1, 0);
	for (uint64_t handle = 2; handle < 5; handle++) {
		reply(&peer, handle - 1, false);
		store(&peer, "s-2", handle, 0);
	}
	expect_copies(1);
	store(&peer, "s-3", 5, 0);
	expect_copies(2);
	close_peer(&peer);
}
END_TEST

/* Two at once take the place of one: the other of them is a message of its own. */
START_TEST(two_in_one_batch)
{
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	struct peer peer = add_peer(SERIAL);
	size_t length;

	store(&peer, "s-1", 1, 0);
	reply(&peer, 1, false);
	length = frame(bytes, "s-2", 2, &usual);
	length += frame(bytes + length, "s-3", 3, &usual);
	send_bytes(&peer, bytes, length);
	expect(&peer, 2, VERDICT_STORED);
	expect(&peer, 3, VERDICT_STORED);
	expect_copies(2);
	close_peer(&peer);
}
END_TEST

/* Its session ended before it was stored. */
START_TEST(the_first_in_the_batch)
{
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	struct peer peer = add_peer(SERIAL);
	size_t length = frame(bytes, "s-1", 1, &usual);

	length += note(bytes + length, 1, false);
	length += frame(bytes + length, "s-2", 2, &usual);
	send_bytes(&peer, bytes, length);
	expect(&peer, 1, VERDICT_STORED);
	expect(&peer, 2, VERDICT_STORED);
	expect_copies(1);
	close_peer(&peer);
}
END_TEST

/* What was not stored is not remembered. */
START_TEST(the_first_has_failed)
{
	const struct variant unknown = { .recipients = TO("x@example.org") };
	struct peer peer = add_peer(SERIAL);

	for (uint64_t handle = 1; handle < 3; handle++) {
		submit(&peer, "s-1", handle, &unknown);
		expect(&peer, handle, VERDICT_NO_RECIPIENT);
		reply(&peer, handle, false);
	}
	ck_assert_uint_eq(remember_count(receiving.remember), 0);
	close_peer(&peer);
}
END_TEST

/* ---- ends ---- */

/* A worker that has ended takes no reply any more; one that has new pipes does. */
START_TEST(a_worker_ends)
{
	struct peer peer = add_peer(SERIAL), other = add_peer(OTHER_SERIAL);

	store(&peer, "s-1", 1, 0);
	close_peer(&peer);
	turn();
	store(&other, "s-2", 1, 0);
	expect_copies(2);
	reply(&other, 1, true);
	inbox_ended(receiving.inbox, SERIAL);
	store(&other, "s-3", 2, 0);
	expect_copies(2);
	close_peer(&other);
}
END_TEST

/* What its pipe still holds is stored first. */
START_TEST(a_worker_ends_unread)
{
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	size_t length = frame(bytes, "s-1", 1, &usual);
	struct peer peer = add_peer(SERIAL), other = add_peer(OTHER_SERIAL);

	ck_assert_int_eq(write(peer.messages, bytes, length), (ssize_t)length);
	close_peer(&peer);
	inbox_ended(receiving.inbox, SERIAL);
	expect_copies(1);
	ck_assert_uint_eq(inbox_workers(receiving.inbox), 1);
	store(&other, "s-2", 1, 0);
	expect_copies(1);
	close_peer(&other);
}
END_TEST

START_TEST(delivery_ends)
{
	struct peer peer = add_peer(SERIAL);

	store(&peer, "s-1", 1, 0);
	reply(&peer, 1, false);
	replace_delivery();
	close_peer(&peer);
	peer = add_peer(SERIAL);
	store(&peer, "s-2", 2, 0);
	expect_copies(1);
	close_peer(&peer);
}
END_TEST

/* The session goes on while delivery is replaced. */
START_TEST(delivery_ends_worker_lives)
{
	struct peer peer = add_peer(SERIAL);

	store(&peer, "s-1", 1, 0);
	replace_delivery();
	close_peer(&peer);
	peer = add_peer(SERIAL);
	inbox_ended(receiving.inbox, 0);
	store(&peer, "s-2", 2, 0);
	expect_copies(2);
	reply(&peer, 1, true);
	reply(&peer, 2, true);
	ck_assert_uint_eq(remember_count(receiving.remember), 0);
	close_peer(&peer);
}
END_TEST

START_TEST(both_end)
{
	struct peer peer = add_peer(SERIAL);

	store(&peer, "s-1", 1, 0);
	replace_delivery();
	close_peer(&peer);
	peer = add_peer(OTHER_SERIAL);
	inbox_ended(receiving.inbox, 0);
	store(&peer, "s-2", 1, 0);
	expect_copies(1);
	close_peer(&peer);
}
END_TEST

/* Its verdict was lost with delivery, and the owner of the mailbox has removed it meanwhile. */
START_TEST(sent_again_by_the_worker)
{
	struct peer peer = add_peer(SERIAL);
	char text[4096], name[256], path[512];

	store(&peer, "s-1", 1, 0);
	replace_delivery();
	close_peer(&peer);
	ck_assert(fixture_read(ALICE, "new", "", text, sizeof(text), name));
	snprintf(path, sizeof(path), "%s/" ALICE "/new/%s", fixture_root_path(), name);
	ck_assert_int_eq(unlink(path), 0);
	peer = add_peer(SERIAL);
	store(&peer, "s-1", 1, SUBMISSION_AGAIN);
	expect_copies(0);
	/* That of another id is another message. */
	store(&peer, "s-2", 2, SUBMISSION_AGAIN);
	expect_copies(1);
	close_peer(&peer);
}
END_TEST

/* The same of one that took the place of another. */
START_TEST(second_sent_again_by_the_worker)
{
	struct peer peer = add_peer(SERIAL);

	store(&peer, "s-1", 1, 0);
	reply(&peer, 1, false);
	store(&peer, "s-2", 2, 0);
	replace_delivery();
	close_peer(&peer);
	peer = add_peer(SERIAL);
	store(&peer, "s-2", 2, SUBMISSION_AGAIN);
	expect_copies(1);
	close_peer(&peer);
}
END_TEST

/* A body that comes in many pieces, and is copied to others. */
START_TEST(a_long_body)
{
	static char body[60 * 1024 + 1];
	const struct variant variant = { .body = body };
	struct peer peer = add_peer(SERIAL);

	memset(body, 'x', sizeof(body) - 1);
	submit(&peer, "s-1", 1, &variant);
	expect(&peer, 1, VERDICT_STORED);
	reply(&peer, 1, false);
	submit(&peer, "s-2", 2, &variant);
	expect(&peer, 2, VERDICT_STORED);
	expect_copies(1);
	body[sizeof(body) - 2] = 'y';
	reply(&peer, 2, false);
	submit(&peer, "s-3", 3, &variant);
	expect(&peer, 3, VERDICT_STORED);
	expect_copies(2);
	close_peer(&peer);
}
END_TEST

/* `delivery { remember = 0 }` */
START_TEST(nothing_is_remembered)
{
	struct peer peer = add_peer(SERIAL);

	receiving.store.remember = NULL;
	store(&peer, "s-1", 1, 0);
	reply(&peer, 1, false);
	store(&peer, "s-2", 2, 0);
	expect_copies(2);
	ck_assert_uint_eq(remember_count(receiving.remember), 0);
	inbox_ended(receiving.inbox, SERIAL);
	close_peer(&peer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("once");
	TCase *tests = tcase_create("once");

	tcase_add_checked_fixture(tests, inbox_set_up, inbox_tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, what_is_the_same, 0, COUNT(variants));
	tcase_add_test(tests, taken);
	tcase_add_test(tests, not_said_yet);
	tcase_add_test(tests, of_another_worker);
	tcase_add_test(tests, again_and_again);
	tcase_add_test(tests, two_in_one_batch);
	tcase_add_test(tests, the_first_in_the_batch);
	tcase_add_test(tests, the_first_has_failed);
	tcase_add_test(tests, a_worker_ends);
	tcase_add_test(tests, a_worker_ends_unread);
	tcase_add_test(tests, delivery_ends);
	tcase_add_test(tests, delivery_ends_worker_lives);
	tcase_add_test(tests, both_end);
	tcase_add_test(tests, sent_again_by_the_worker);
	tcase_add_test(tests, second_sent_again_by_the_worker);
	tcase_add_test(tests, a_long_body);
	tcase_add_test(tests, nothing_is_remembered);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
