/*
 * test_inbox.c - messages from the workers: frames however they are split, and frames that lie
 *
 * Covers A-16 (the body is streamed), A-18, B-52 (a read is not a message), D-06 (several
 * messages in one stream), D-02 and the attack row "compromised worker": a malformed frame ends
 * the worker that sent it and nobody else.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bsd/string.h>

#include "common/log/log.h"
#include "delivery/inbox.h"
#include "delivery/verdicts.h"
#include "tests/unit/delivery_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ALICE "example.org/alice"
#define TO(...)                   \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}
#define MESSAGE_SIZE_MAX (1024 * 1024)
#define RECIPIENTS_MAX 100
#define SERIAL 42

static struct event_base *base;
static struct tables *tables;
static struct store store;
static struct inbox *inbox;
static unsigned violations;
static uint32_t violator;
static char reason[256];

/* The worker's side of its pipes. */
struct peer {
	int messages, verdicts;
};

static void on_violation(void *context, uint32_t serial, const char *text)
{
	(void)context;
	violations++;
	violator = serial;
	strlcpy(reason, text, sizeof(reason));
}

static void on_log_lost(void *context)
{
	(void)context;
}

static void open_inbox(int root, size_t batch)
{
	const struct store_settings store_settings = {
		.root = root,
		.hostname = FIXTURE_HOST,
		.batch = batch,
		.open_mailboxes = 16,
		.create_mailboxes = true,
		.answer = inbox_answer,
	};
	struct inbox_settings settings = {
		.base = base,
		.store = &store,
		.tables = tables,
		.template = FIXTURE_TEMPLATE,
		.message_size = MESSAGE_SIZE_MAX,
		.recipients = RECIPIENTS_MAX,
		.violation = on_violation,
		.log_lost = on_log_lost,
	};
	struct problem problem = { "" };

	ck_assert_msg(store_open(&store, &store_settings, &problem), "%s", problem.text);
	inbox = inbox_new(&settings);
	ck_assert_ptr_nonnull(inbox);
}

static void close_inbox(void)
{
	inbox_free(inbox);
	store_close(&store);
}

static void set_up(void)
{
	signal(SIGPIPE, SIG_IGN);
	fixture_set_up();
	base = event_base_new();
	ck_assert_int_eq(event_base_priority_init(base, PRIORITY_COUNT), 0);
	tables = fixture_tables("alice\nbob\ncarol\n", "all: alice, bob, carol\n");
	open_inbox(fixture_root(), 128);
	violations = 0;
}

static void tear_down(void)
{
	close_inbox();
	tables_close(tables);
	event_base_free(base);
	fixture_tear_down();
}

static struct peer add_peer(uint32_t serial)
{
	struct peer peer;
	int messages[2], verdicts[2];

	ck_assert_int_eq(pipe2(messages, O_CLOEXEC | O_NONBLOCK), 0);
	ck_assert_int_eq(pipe2(verdicts, O_CLOEXEC | O_NONBLOCK), 0);
	ck_assert(inbox_add(inbox, serial, messages[0], verdicts[1]));
	peer.messages = messages[1];
	peer.verdicts = verdicts[0];
	return peer;
}

static void close_peer(struct peer *peer)
{
	close(peer->messages);
	close(peer->verdicts);
}

/* Turns the loop until nothing is left to do. */
static void turn(void)
{
	ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
}

/* Writes all of it, turning the loop whenever the pipe is full. */
static void send_bytes(const struct peer *peer, const void *bytes, size_t length)
{
	const char *at = bytes;
	ssize_t written;

	while (length > 0) {
		written = write(peer->messages, at, length);
		if (written < 0) {
			ck_assert_int_eq(errno, EAGAIN);
			turn();
			continue;
		}
		at += written;
		length -= (size_t)written;
	}
}

static struct submission submission_of(const char *id, uint64_t handle, const char *body)
{
	struct submission submission = fixture_submission(id, strlen(body));

	submission.handle = handle;
	return submission;
}

static void send_message(const struct peer *peer, const char *id, uint64_t handle,
			 const char *const *recipients, const char *body)
{
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	struct submission submission = submission_of(id, handle, body);

	send_bytes(peer, bytes, fixture_frame(bytes, &submission, recipients, body));
}

/* The next verdict; false when there is none, or the pipe is closed. */
static bool next_verdict(const struct peer *peer, struct message_verdict *verdict)
{
	uint8_t bytes[VERDICT_FRAME_SIZE];
	struct wire_reader reader = { bytes + MESSAGE_HEADER_SIZE,
				      VERDICT_FRAME_SIZE - MESSAGE_HEADER_SIZE, 0, false };
	struct message_header header;
	struct problem problem;

	size_t got = 0;
	ssize_t more;

	/* a frame may be split where the pipe was full */
	while (got < sizeof(bytes) &&
	       (more = read(peer->verdicts, bytes + got, sizeof(bytes) - got)) > 0) {
		got += (size_t)more;
		turn();
	}
	if (got == 0)
		return false;
	ck_assert_uint_eq(got, sizeof(bytes));
	ck_assert(message_get_header(bytes, FROM_DELIVERY, TO_WORKER, WAY_PIPE, &header, &problem));
	ck_assert_int_eq(header.type, MESSAGE_VERDICT);
	ck_assert_uint_eq(header.length, VERDICT_FRAME_SIZE - MESSAGE_HEADER_SIZE);
	ck_assert(message_get_verdict(&reader, verdict));
	return true;
}

static void expect(const struct peer *peer, uint64_t handle, enum verdict verdict)
{
	struct message_verdict got;

	turn();
	ck_assert(next_verdict(peer, &got));
	ck_assert_uint_eq(got.handle, handle);
	ck_assert_int_eq(got.verdict, verdict);
}

static bool is_closed(const struct peer *peer)
{
	char byte;

	return read(peer->verdicts, &byte, 1) == 0 && write(peer->messages, "x", 1) < 0 &&
	       errno == EPIPE;
}

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
	ck_assert_uint_eq(inbox_workers(inbox), 0);
	ck_assert_uint_eq(violations, 0);
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
	ck_assert_uint_eq(violations, 0);
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

/* A batch that is full in the middle of a read is committed there. */
START_TEST(test_many_in_one_read)
{
	enum { MESSAGES = 100 };
	struct peer peer;
	char id[16];

	close_inbox();
	open_inbox(fixture_root(), 8);
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
	char id[16], text[40 * 1024], name[256];

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
		snprintf(id, sizeof(id), "1700000000.s%d-1", i);
		ck_assert(fixture_read("example.org/carol", "new", id, text, sizeof(text), name));
		ck_assert_str_eq(strstr(text, "+0000\n") + strlen("+0000\n"), bodies[i]);
		close_peer(&peers[i]);
	}
}
END_TEST

/* ---- what is not ---- */

/* Each makes the bytes of a frame that breaks a rule; returns their length. */
typedef size_t make_bytes(uint8_t *bytes);

static size_t with(uint8_t *bytes, void (*change)(struct submission *submission))
{
	struct submission submission = submission_of("s-1", 1, "hello\n");

	change(&submission);
	return fixture_frame(bytes, &submission, TO("alice@example.org"), "hello\n");
}

static size_t header_only(uint8_t *bytes, uint32_t length, unsigned type, unsigned reserved)
{
	struct wire_writer writer = { bytes, MESSAGE_HEADER_SIZE, 0, false };

	wire_put_u32(&writer, length);
	wire_put_u16(&writer, (uint16_t)type);
	wire_put_u16(&writer, (uint16_t)reserved);
	return writer.used;
}

static size_t unknown_type(uint8_t *bytes)
{
	return header_only(bytes, 4, MESSAGE_COUNT, 0);
}

static size_t type_none(uint8_t *bytes)
{
	return header_only(bytes, 4, MESSAGE_NONE, 0);
}

static size_t a_verdict(uint8_t *bytes)
{
	return header_only(bytes, 9, MESSAGE_VERDICT, 0);
}

static size_t a_control_message(uint8_t *bytes)
{
	return header_only(bytes, 0, MESSAGE_READY, 0);
}

static size_t reserved_not_zero(uint8_t *bytes)
{
	return header_only(bytes, 100, MESSAGE_SUBMISSION, 1);
}

static size_t empty_envelope(uint8_t *bytes)
{
	return header_only(bytes, 0, MESSAGE_SUBMISSION, 0);
}

static size_t longest_frame(uint8_t *bytes)
{
	return header_only(bytes, SUBMISSION_ENVELOPE_MAX + 1, MESSAGE_SUBMISSION, 0);
}

/* Allowed by the message table, but not with limits.recipients. */
static size_t long_envelope(uint8_t *bytes)
{
	return header_only(bytes, RECIPIENTS_MAX * 3 * (ENVELOPE_ADDRESS_MAX + 4) + 4096,
			   MESSAGE_SUBMISSION, 0);
}

static size_t all_ones(uint8_t *bytes)
{
	memset(bytes, 0xff, 64);
	return 64;
}

static void large_body(struct submission *submission)
{
	submission->body_length = MESSAGE_SIZE_MAX + 1;
}

static void huge_body(struct submission *submission)
{
	submission->body_length = UINT64_MAX;
}

static void more_recipients_than_told(struct submission *submission)
{
	submission->recipient_count = 2;
}

static void no_time(struct submission *submission)
{
	submission->received = -1;
}

static void unknown_flag(struct submission *submission)
{
	submission->flags = 128;
}

static void path_in_id(struct submission *submission)
{
	strlcpy(submission->id, "../../x", sizeof(submission->id));
}

static void null_in_sender(struct submission *submission)
{
	submission->sender = (struct wire_string){ "a\0b", 3 };
}

static void newline_in_protocol(struct submission *submission)
{
	strlcpy(submission->protocol, "SMTP\n", sizeof(submission->protocol));
}

#define CHANGED(name)                              \
	static size_t name##_frame(uint8_t *bytes) \
	{                                          \
		return with(bytes, name);          \
	}
CHANGED(large_body)
CHANGED(huge_body)
CHANGED(more_recipients_than_told)
CHANGED(no_time)
CHANGED(unknown_flag)
CHANGED(path_in_id)
CHANGED(null_in_sender)
CHANGED(newline_in_protocol)

/* One byte behind the last recipient. */
static size_t byte_left_over(uint8_t *bytes)
{
	struct submission submission = submission_of("s-1", 1, "hello\n");
	size_t length =
		fixture_envelope(bytes + MESSAGE_HEADER_SIZE, &submission, TO("alice@example.org"));

	message_put_header(bytes, MESSAGE_SUBMISSION, (uint32_t)length + 1);
	bytes[MESSAGE_HEADER_SIZE + length] = 0;
	return MESSAGE_HEADER_SIZE + length + 1;
}

static size_t no_recipients(uint8_t *bytes)
{
	struct submission submission = submission_of("s-1", 1, "");
	size_t length = fixture_envelope(bytes + MESSAGE_HEADER_SIZE, &submission,
					 (const char *const[]){ NULL });

	message_put_header(bytes, MESSAGE_SUBMISSION, (uint32_t)length);
	return MESSAGE_HEADER_SIZE + length;
}

static size_t many_recipients(uint8_t *bytes)
{
	const char *recipients[RECIPIENTS_MAX + 2] = { NULL };
	struct submission submission = submission_of("s-1", 1, "");

	for (int i = 0; i < RECIPIENTS_MAX + 1; i++)
		recipients[i] = "alice@example.org";
	return fixture_frame(bytes, &submission, recipients, "");
}

/* Two complete messages of one id in one batch. */
static size_t same_id_twice(uint8_t *bytes)
{
	struct submission submission = submission_of("s-1", 1, "hello\n");
	size_t length = fixture_frame(bytes, &submission, TO("x@example.org"), "hello\n");

	memcpy(bytes + length, bytes, length);
	return 2 * length;
}

static const struct {
	const char *what;
	make_bytes *make;
} malformed[] = {
	{ "unknown type", unknown_type },
	{ "type 0", type_none },
	{ "a verdict", a_verdict },
	{ "a control message", a_control_message },
	{ "reserved not 0", reserved_not_zero },
	{ "empty envelope", empty_envelope },
	{ "longer than the table allows", longest_frame },
	{ "longer than the limits allow", long_envelope },
	{ "all ones", all_ones },
	{ "body over the limit", large_body_frame },
	{ "body without end", huge_body_frame },
	{ "a recipient is missing", more_recipients_than_told_frame },
	{ "no time", no_time_frame },
	{ "unknown flag", unknown_flag_frame },
	{ "path in the id", path_in_id_frame },
	{ "NUL in the sender", null_in_sender_frame },
	{ "newline in the protocol", newline_in_protocol_frame },
	{ "a byte left over", byte_left_over },
	{ "no recipients", no_recipients },
	{ "too many recipients", many_recipients },
	{ "an id under way", same_id_twice },
};

START_TEST(test_malformed)
{
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	size_t before = fixture_descriptors();
	struct peer other = add_peer(SERIAL + 1), peer = add_peer(SERIAL);

	send_bytes(&peer, bytes, malformed[_i].make(bytes));
	turn();
	ck_assert_msg(violations == 1, "%s", malformed[_i].what);
	ck_assert_uint_eq(violator, SERIAL);
	ck_assert_uint_ne(strlen(reason), 0);
	ck_assert(fixture_log_has("event=violation program=postern-worker"));
	ck_assert_msg(is_closed(&peer), "%s", malformed[_i].what);
	ck_assert_uint_eq(fixture_count_all("tmp") + fixture_count_all("new"), 0);
	/* nobody else is touched */
	send_message(&other, "t-1", 3, TO("alice@example.org"), "hello\n");
	expect(&other, 3, VERDICT_STORED);
	ck_assert_uint_eq(violations, 1);
	close_peer(&peer);
	close_peer(&other);
	turn();
	ck_assert_uint_eq(inbox_workers(inbox), 0);
	ck_assert_uint_eq(fixture_descriptors(), before + 2);
}
END_TEST

/* Another worker's message, whose body is still coming in: its file must stay. */
START_TEST(test_id_of_another)
{
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	struct peer victim = add_peer(1), thief = add_peer(2);
	struct submission submission = submission_of("s-1", 1, "hello\n");
	size_t length = fixture_frame(bytes, &submission, TO("alice@example.org"), "hello\n");

	send_bytes(&victim, bytes, length - 1);
	turn();
	submission.flags = SUBMISSION_AGAIN;
	length = fixture_frame(bytes, &submission, TO("alice@example.org"), "hello\n");
	send_bytes(&thief, bytes, length);
	turn();
	ck_assert_uint_eq(violations, 1);
	ck_assert_uint_eq(violator, 2);
	send_bytes(&victim, "\n", 1);
	expect(&victim, 1, VERDICT_STORED);
	close_peer(&victim);
	close_peer(&thief);
}
END_TEST

/* A violation in the middle of a stream: what was complete before it is stored. */
START_TEST(test_violation_after_message)
{
	struct peer peer = add_peer(SERIAL);

	send_message(&peer, "s-1", 1, TO("alice@example.org"), "hello\n");
	send_bytes(&peer, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	turn();
	ck_assert_uint_eq(violations, 1);
	ck_assert_uint_eq(fixture_count(ALICE, "new"), 1);
	close_peer(&peer);
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
		ck_assert_uint_eq(inbox_workers(inbox), 0);
		ck_assert_uint_eq(fixture_count_all("tmp") + fixture_count_all("new"), 0);
	}
	ck_assert_uint_eq(violations, 0);
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
	inbox_finish(inbox);
	ck_assert(inbox_is_idle(inbox));
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

START_TEST(test_same_serial_again)
{
	struct peer old = add_peer(SERIAL), new = add_peer(SERIAL);

	ck_assert_uint_eq(inbox_workers(inbox), 1);
	ck_assert(is_closed(&old));
	send_message(&new, "s-1", 1, TO("alice@example.org"), "hello\n");
	expect(&new, 1, VERDICT_STORED);
	close_peer(&old);
	close_peer(&new);
}
END_TEST

/* Writes until the inbox reads no more; returns how much was written. */
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
	char id[16];

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

/* A real file system that is full. It takes root to mount one; elsewhere test_commit.c covers it.
 */
START_TEST(test_disk_full)
{
	int root;

	if (geteuid() != 0 ||
	    mount("none", fixture_root_path(), "tmpfs", 0, "size=96k,nr_inodes=64") != 0)
		return;
	root = open(fixture_root_path(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close_inbox();
	open_inbox(root, 128);
	send_large_and_small(VERDICT_NO_ROOM);
	close_inbox();
	close(root);
	ck_assert_int_eq(umount(fixture_root_path()), 0);
	open_inbox(fixture_root(), 128);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, test_one);
	tcase_add_test(tests, test_split_everywhere);
	tcase_add_test(tests, test_byte_by_byte);
	tcase_add_test(tests, test_many_in_one_read);
	tcase_add_test(tests, test_interleaved);
	tcase_add_loop_test(tests, test_malformed, 0, COUNT(malformed));
	tcase_add_test(tests, test_id_of_another);
	tcase_add_test(tests, test_violation_after_message);
	tcase_add_test(tests, test_worker_dies);
	tcase_add_test(tests, test_finish);
	tcase_add_test(tests, test_same_serial_again);
	tcase_add_test(tests, test_verdicts_not_read);
	tcase_add_test(tests, test_file_too_big);
	tcase_add_test(tests, test_disk_full);
}

int main(void)
{
	Suite *suite = suite_create("inbox");
	TCase *tests = tcase_create("inbox");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 300);
	add_tests(tests);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
