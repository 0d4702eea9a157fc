/*
 * test_inbox.c - messages from the workers, however they are split
 *
 * Covers A-16 (the body is streamed), A-18, B-52 (a read is not a message), D-06 (several
 * messages in one stream). Malformed frames: test_inbox_malformed.c.
 */
#include <check.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "delivery/verdicts.h"
#include "tests/unit/delivery_fixture.h"
#include "tests/unit/inbox_fixture.h"
#include "tests/unit/runner.h"

/* ---- what is right ---- */

START_TEST(test_one)
{
	struct peer peer = add_peer(SERIAL);
	char text[4096], name[256];

	send_message(&peer, "s-1", 5, TO("alice@example.org"), "hello\n");
	expect(&peer, 5, VERDICT_STORED);
	ck_assert(fixture_read(ALICE, "new", "", text, sizeof(text), name));
	ck_assert_str_eq(strstr(text, "+0000\n"), "+0000\nhello\n");
	close_peer(&peer);
	turn();
	ck_assert_uint_eq(inbox_workers(receiving.inbox), 0);
	ck_assert_uint_eq(receiving.violations, 0);
}
END_TEST

/* Answered at once and in order, in the middle of a message that another worker sends. */
START_TEST(test_questions)
{
	struct peer peer = add_peer(SERIAL), other = add_peer(SERIAL + 1);
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	struct submission submission = submission_of("s-1", 5, "hello\n");
	size_t length = fixture_frame(bytes, &submission, TO("carol@example.org"), "hello\n");
	struct message_verdict answer;

	send_bytes(&other, bytes, length - 1);
	for (int round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < 20; i++)
			send_question(&peer, i, TO("carol", "bob", "nobody", "all")[i % 4], i);
		turn();
		for (uint64_t i = 0; i < 20; i++) {
			ck_assert(next_frame(&peer, MESSAGE_ROOM, &answer));
			ck_assert_uint_eq(answer.handle, i);
			ck_assert_int_eq(answer.verdict,
					 i % 4 == 2 ? VERDICT_NO_RECIPIENT : VERDICT_STORED);
		}
	}
	send_bytes(&other, bytes + length - 1, 1);
	expect(&other, 5, VERDICT_STORED);
	close_peer(&peer);
	close_peer(&other);
}
END_TEST

/* A worker that asks and never reads the answers is not read from, and the answers not lost. */
START_TEST(test_unread_answers)
{
	struct peer peer = add_peer(SERIAL);
	struct message_verdict answer;
	uint64_t asked = 0, answered = 0;

	for (; asked < 4 * VERDICTS_MAX; asked++) {
		send_question(&peer, asked, "carol", 0);
		while (asked % 1000 == 999 && next_frame(&peer, MESSAGE_ROOM, &answer))
			ck_assert_uint_eq(answer.handle, answered++);
	}
	turn();
	while (next_frame(&peer, MESSAGE_ROOM, &answer)) {
		ck_assert_uint_eq(answer.handle, answered++);
		turn();
	}
	ck_assert_uint_eq(answered, asked);
	ck_assert_uint_eq(receiving.violations, 0);
	close_peer(&peer);
}
END_TEST

START_TEST(test_split_everywhere)
{
	struct peer peer = add_peer(SERIAL);
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	struct submission submission;
	char id[MESSAGE_ID_SIZE];
	size_t length = 1;

	for (size_t split = 0; split < length; split++) {
		snprintf(id, sizeof(id), "%04zu-1", split);
		submission = submission_of(id, split, "hello\n");
		length = fixture_frame(bytes, &submission, TO("alice@example.org"), "hello\n");
		send_bytes(&peer, bytes, split);
		turn();
		send_bytes(&peer, bytes + split, length - split);
		expect(&peer, split, VERDICT_STORED);
	}
	ck_assert_uint_eq(fixture_count(ALICE, "new"), length);
	ck_assert_uint_eq(receiving.violations, 0);
	close_peer(&peer);
}
END_TEST

START_TEST(test_byte_by_byte)
{
	struct peer peer = add_peer(SERIAL);
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	struct submission submission = submission_of("s-1", 9, "hello\nworld\n");
	size_t length = fixture_frame(bytes, &submission, TO("all@example.org"), "hello\nworld\n");
	char text[4096], name[256];

	for (size_t i = 0; i < length; i++) {
		ck_assert_uint_eq(fixture_count_all("new"), 0);
		send_bytes(&peer, bytes + i, 1);
		turn();
	}
	expect(&peer, 9, VERDICT_STORED);
	ck_assert_uint_eq(fixture_count_all("new"), 3);
	ck_assert(fixture_read("example.org/bob", "new", "", text, sizeof(text), name));
	ck_assert_str_eq(strstr(text, "+0000\n"), "+0000\nhello\nworld\n");
	close_peer(&peer);
}
END_TEST

/*
 * A worker of an older generation may have accepted what is beyond the limits
 * of today: it is refused, the worker goes on.
 */
START_TEST(test_beyond_the_limits)
{
	static char body[MESSAGE_SIZE_MAX + 2];
	const char *recipients[RECIPIENTS_MAX + 2] = { NULL };
	struct submission submission;
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	struct peer peer = add_peer(SERIAL);

	memset(body, 'x', sizeof(body) - 1);
	submission = submission_of("s-1", 1, body);
	send_bytes(&peer, bytes, fixture_frame(bytes, &submission, TO("alice@example.org"), ""));
	send_bytes(&peer, body, sizeof(body) - 1);
	expect(&peer, 1, VERDICT_SYSTEM_ERROR);
	ck_assert(fixture_log_has("limits.message-size"));
	for (int i = 0; i < RECIPIENTS_MAX + 1; i++)
		recipients[i] = "alice@example.org";
	send_message(&peer, "s-2", 2, recipients, "hello\n");
	expect(&peer, 2, VERDICT_SYSTEM_ERROR);
	ck_assert(fixture_log_has("limits.recipients"));
	ck_assert_uint_eq(fixture_count_all("tmp") + fixture_count_all("new"), 0);
	send_message(&peer, "s-3", 3, TO("alice@example.org"), "hello\n");
	expect(&peer, 3, VERDICT_STORED);
	ck_assert_uint_eq(receiving.violations, 0);
	close_peer(&peer);
}
END_TEST

/* A new pair of pipes for the same worker, while the batch holds what came by the old one. */
START_TEST(test_again_by_new_pipes)
{
	struct peer old = add_peer(SERIAL), new;
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	struct submission submission = submission_of("s-1", 1, "hello\n");
	size_t length = fixture_frame(bytes, &submission, TO("all@example.org"), "hello\n");

	ck_assert_int_eq(write(old.messages, bytes, length), (ssize_t)length);
	event_base_loop(receiving.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	new = add_peer(SERIAL);
	bytes[MESSAGE_HEADER_SIZE + SUBMISSION_FLAGS_OFFSET] |= SUBMISSION_AGAIN;
	ck_assert_int_eq(write(new.messages, bytes, length), (ssize_t)length);
	expect(&new, 1, VERDICT_STORED);
	ck_assert_uint_eq(fixture_count_all("new"), 3);
	ck_assert_uint_eq(receiving.violations, 0);
	close_peer(&old);
	close_peer(&new);
}
END_TEST

/* A batch that is full in the middle of a read is committed there. */
START_TEST(test_many_in_one_read)
{
	enum { MESSAGES = 100 };
	struct peer peer;
	char id[MESSAGE_ID_SIZE];

	inbox_fixture_close();
	inbox_fixture_open(fixture_root(), 8);
	peer = add_peer(SERIAL);
	for (unsigned i = 0; i < MESSAGES; i++) {
		snprintf(id, sizeof(id), "s-%u", i);
		send_message(&peer, id, i, i % 3 ? TO("alice@example.org") : TO("x@example.org"),
			     i % 2 ? "" : "hello\n");
	}
	for (unsigned i = 0; i < MESSAGES; i++)
		expect(&peer, i, i % 3 ? VERDICT_STORED : VERDICT_NO_RECIPIENT);
	ck_assert_uint_eq(fixture_count(ALICE, "new"), 66);
	close_peer(&peer);
}
END_TEST

START_TEST(test_interleaved)
{
	enum { PEERS = 3, PIECE = 1000 };
	static uint8_t bytes[PEERS][FIXTURE_FRAME_MAX];
	static char bodies[PEERS][32 * 1024 + 1];
	struct peer peers[PEERS];
	size_t lengths[PEERS], longest = 0;
	char id[MESSAGE_ID_SIZE], text[40 * 1024], name[256];

	for (int i = 0; i < PEERS; i++) {
		struct submission submission;

		memset(bodies[i], 'a' + i, (size_t)(i + 1) * 10 * 1024);
		snprintf(id, sizeof(id), "s%d-1", i);
		submission = submission_of(id, (uint64_t)i, bodies[i]);
		lengths[i] = fixture_frame(bytes[i], &submission, TO("all@example.org"), bodies[i]);
		longest = lengths[i] > longest ? lengths[i] : longest;
		peers[i] = add_peer((uint32_t)i + 1);
	}
	for (size_t at = 0; at < longest; at += PIECE) {
		for (int i = 0; i < PEERS; i++)
			if (at < lengths[i])
				send_bytes(&peers[i], bytes[i] + at,
					   lengths[i] - at < PIECE ? lengths[i] - at : PIECE);
		turn();
	}
	for (int i = 0; i < PEERS; i++) {
		expect(&peers[i], (uint64_t)i, VERDICT_STORED);
		snprintf(id, sizeof(id), "1700000000.s%d-", i);
		ck_assert(fixture_read("example.org/carol", "new", id, text, sizeof(text), name));
		ck_assert_str_eq(strstr(text, "+0000\n") + strlen("+0000\n"), bodies[i]);
		close_peer(&peers[i]);
	}
}
END_TEST

/* ---- ends ---- */

START_TEST(test_worker_dies)
{
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	struct submission submission = submission_of("s-2", 2, "hello\n");
	size_t length = fixture_frame(bytes, &submission, TO("alice@example.org"), "hello\n");

	for (size_t part = 0; part < length; part++) {
		struct peer peer = add_peer(SERIAL);

		send_bytes(&peer, bytes, part);
		turn();
		close_peer(&peer);
		turn();
		ck_assert_uint_eq(inbox_workers(receiving.inbox), 0);
		ck_assert_uint_eq(fixture_count_all("tmp") + fixture_count_all("new"), 0);
	}
	ck_assert_uint_eq(receiving.violations, 0);
}
END_TEST

/* Complete messages are stored and answered, the incomplete one leaves nothing. */
START_TEST(test_finish)
{
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	struct peer peer = add_peer(SERIAL);
	struct submission submission = submission_of("s-2", 2, "hello\n");
	struct message_verdict verdict;
	size_t length;

	send_message(&peer, "s-1", 1, TO("all@example.org"), "hello\n");
	length = fixture_frame(bytes, &submission, TO("all@example.org"), "hello\n");
	send_bytes(&peer, bytes, length - 1);
	inbox_finish(receiving.inbox);
	ck_assert(inbox_is_idle(receiving.inbox));
	ck_assert(next_verdict(&peer, &verdict));
	ck_assert_uint_eq(verdict.handle, 1);
	ck_assert_int_eq(verdict.verdict, VERDICT_STORED);
	ck_assert(!next_verdict(&peer, &verdict));
	ck_assert_uint_eq(fixture_count_all("new"), 3);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	/* nothing more is read */
	send_bytes(&peer, "\n", 1);
	turn();
	ck_assert(!next_verdict(&peer, &verdict));
	close_peer(&peer);
}
END_TEST

/* Whether it is stored cannot be said before the mail root is ready: its worker is to come again.
 */
START_TEST(test_again_while_unready)
{
	static const char *const alice[] = { "alice@example.org", NULL };
	uint8_t bytes[FIXTURE_FRAME_MAX];
	struct submission submission = submission_of("s-1", 1, "x\n");
	struct peer peer = add_peer(1), other = add_peer(2);
	size_t length;

	submission.flags = SUBMISSION_AGAIN;
	length = fixture_frame(bytes, &submission, alice, "x\n");
	receiving.store.is_ready = false;
	send_bytes(&peer, bytes, length);
	turn();
	ck_assert(is_closed(&peer));
	ck_assert_uint_eq(receiving.violations, 0);
	send_message(&other, "s-2", 2, alice, "y\n");
	expect(&other, 2, VERDICT_SYSTEM_ERROR);
	receiving.store.is_ready = true;
	close_peer(&peer);
	peer = add_peer(1);
	send_bytes(&peer, bytes, length);
	expect(&peer, 1, VERDICT_STORED);
	close_peer(&peer);
	close_peer(&other);
}
END_TEST

START_TEST(test_same_serial_again)
{
	struct peer old = add_peer(SERIAL), new = add_peer(SERIAL);

	ck_assert_uint_eq(inbox_workers(receiving.inbox), 1);
	ck_assert(is_closed(&old));
	send_message(&new, "s-1", 1, TO("alice@example.org"), "hello\n");
	expect(&new, 1, VERDICT_STORED);
	close_peer(&old);
	close_peer(&new);
}
END_TEST

/* Writes until the receiving.inbox reads no more; returns how much was written. */
static size_t send_until_stuck(const struct peer *peer, const uint8_t *bytes, size_t length)
{
	size_t at = 0;
	ssize_t written;

	while (at < length) {
		written = write(peer->messages, bytes + at, length - at);
		turn();
		if (written < 0)
			written = write(peer->messages, bytes + at, length - at);
		if (written < 0)
			break;
		at += (size_t)written;
	}
	return at;
}

/* A worker that reads no verdict is not read from; once it does, none is missing. */
START_TEST(test_verdicts_not_read)
{
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	struct peer peer = add_peer(SERIAL);
	struct message_verdict verdict;
	uint64_t sent = 0, got = 0;
	size_t length = 0, at = 0;
	char id[MESSAGE_ID_SIZE];

	fcntl(peer.messages, F_SETPIPE_SZ, 4096);
	for (bool stuck = false; !stuck; sent++) {
		struct submission submission;

		snprintf(id, sizeof(id), "s-%u", (unsigned)sent);
		submission = submission_of(id, sent, "");
		length = fixture_frame(bytes, &submission, TO("x@example.org"), "");
		at = send_until_stuck(&peer, bytes, length);
		stuck = at < length;
		ck_assert_uint_lt(sent, 50000);
	}
	/* bounded: the pipe of verdicts, the queue, the pipe of messages */
	ck_assert_uint_lt(sent, VERDICTS_MAX + 65536 / VERDICT_FRAME_SIZE + 200);
	ck_assert_uint_gt(sent, VERDICTS_MAX / 2);
	while (got < sent - 1) {
		ck_assert(next_verdict(&peer, &verdict));
		ck_assert_uint_eq(verdict.handle, got++);
		turn();
	}
	send_bytes(&peer, bytes + at, length - at);
	expect(&peer, got, VERDICT_NO_RECIPIENT);
	close_peer(&peer);
}
END_TEST

/* ---- the disk ---- */

/* An error in the middle of a body: the rest is read and dropped, the next message works. */
static void send_large_and_small(enum verdict verdict)
{
	static char body[60 * 1024 + 1];
	struct peer peer = add_peer(SERIAL);

	memset(body, 'x', sizeof(body) - 1);
	send_message(&peer, "s-1", 1, TO("all@example.org"), body);
	send_message(&peer, "s-2", 2, TO("all@example.org"), "hello\n");
	send_message(&peer, "s-3", 3, TO("all@example.org"), body);
	expect(&peer, 1, verdict);
	expect(&peer, 2, VERDICT_STORED);
	expect(&peer, 3, verdict);
	ck_assert_uint_eq(fixture_count_all("new"), 3);
	ck_assert_uint_eq(fixture_count_all("tmp"), 0);
	close_peer(&peer);
}

START_TEST(test_file_too_big)
{
	const struct rlimit limit = { 20 * 1024, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	send_large_and_small(VERDICT_SYSTEM_ERROR);
}
END_TEST

/* In a mount namespace of this test's own: nothing stays mounted when it fails. */
static bool mount_small_disk(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", fixture_root_path(), "tmpfs", 0, "size=96k,nr_inodes=64") == 0;
}

/* A real file system that is full. It takes root to mount one; else test_commit_faults.c does it.
 */
START_TEST(test_disk_full)
{
	int root;

	if (!mount_small_disk())
		return;
	root = open(fixture_root_path(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(mkdirat(root, MAIL_ROOT_MARK, 0700), 0);
	inbox_fixture_close();
	inbox_fixture_open(root, 128);
	send_large_and_small(VERDICT_NO_ROOM);
	inbox_fixture_close();
	close(root);
	ck_assert_int_eq(umount(fixture_root_path()), 0);
	inbox_fixture_open(fixture_root(), 128);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, test_one);
	tcase_add_test(tests, test_questions);
	tcase_add_test(tests, test_unread_answers);
	tcase_add_test(tests, test_split_everywhere);
	tcase_add_test(tests, test_byte_by_byte);
	tcase_add_test(tests, test_beyond_the_limits);
	tcase_add_test(tests, test_again_by_new_pipes);
	tcase_add_test(tests, test_many_in_one_read);
	tcase_add_test(tests, test_interleaved);
	tcase_add_test(tests, test_worker_dies);
	tcase_add_test(tests, test_finish);
	tcase_add_test(tests, test_same_serial_again);
	tcase_add_test(tests, test_again_while_unready);
	tcase_add_test(tests, test_verdicts_not_read);
	tcase_add_test(tests, test_file_too_big);
	tcase_add_test(tests, test_disk_full);
}

int main(void)
{
	Suite *suite = suite_create("inbox");
	TCase *tests = tcase_create("inbox");

	tcase_add_checked_fixture(tests, inbox_set_up, inbox_tear_down);
	tcase_set_timeout(tests, 300);
	add_tests(tests);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
