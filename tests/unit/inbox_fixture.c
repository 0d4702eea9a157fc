/*
 * inbox_fixture.c - an inbox with its loop, and the workers' side of its pipes
 */
#include "tests/unit/inbox_fixture.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "delivery/verdicts.h"
#include "tests/unit/delivery_fixture.h"

struct inbox_fixture receiving;

static void on_violation(void *context, uint32_t serial, const char *text)
{
	(void)context;
	receiving.violations++;
	receiving.violator = serial;
	strlcpy(receiving.reason, text, sizeof(receiving.reason));
}

static void on_log_lost(void *context)
{
	(void)context;
}

/* Long enough for any test. */
#define WINDOW (3600LL * 1000000)

static void open_memory(void)
{
	struct problem problem = { "" };

	receiving.remember = remember_open(receiving.memory, WINDOW, &problem);
	ck_assert_msg(receiving.remember != NULL, "%s", problem.text);
}

void inbox_fixture_open(int root, size_t batch)
{
	struct store_settings store_settings = {
		.root = root,
		.hostname = FIXTURE_HOST,
		.batch = batch,
		.open_mailboxes = 16,
		.create_mailboxes = true,
		.answer = inbox_answer,
	};
	struct inbox_settings settings = {
		.base = receiving.base,
		.store = &receiving.store,
		.condition = receiving.condition,
		.tables = receiving.tables,
		.template = FIXTURE_TEMPLATE,
		.message_size = MESSAGE_SIZE_MAX,
		.recipients = RECIPIENTS_MAX,
		.violation = on_violation,
		.log_lost = on_log_lost,
	};
	struct problem problem = { "" };

	open_memory();
	store_settings.remember = receiving.remember;
	ck_assert_msg(store_open(&receiving.store, &store_settings, &problem), "%s", problem.text);
	ck_assert_int_eq(store_make_ready(&receiving.store), MARK_OPEN);
	receiving.inbox = inbox_new(&settings);
	ck_assert_ptr_nonnull(receiving.inbox);
}

void inbox_fixture_close(void)
{
	inbox_free(receiving.inbox);
	store_close(&receiving.store);
	remember_close(receiving.remember);
}

void inbox_set_up(void)
{
	struct problem problem = { "" };

	signal(SIGPIPE, SIG_IGN);
	fixture_set_up();
	receiving.base = event_base_new();
	ck_assert_int_eq(event_base_priority_init(receiving.base, PRIORITY_COUNT), 0);
	receiving.tables =
		fixture_tables("alice\nbob\ncarol quota-messages=10\n", "all: alice, bob, carol\n");
	receiving.memory = remember_make(&problem);
	ck_assert_msg(receiving.memory >= 0, "%s", problem.text);
	inbox_fixture_open(fixture_root(), 128);
	receiving.violations = 0;
}

void inbox_tear_down(void)
{
	inbox_fixture_close();
	close(receiving.memory);
	tables_close(receiving.tables);
	event_base_free(receiving.base);
	fixture_tear_down();
}

struct peer add_peer(uint32_t serial)
{
	struct peer peer;
	int messages[2], verdicts[2];

	ck_assert_int_eq(pipe2(messages, O_CLOEXEC | O_NONBLOCK), 0);
	ck_assert_int_eq(pipe2(verdicts, O_CLOEXEC | O_NONBLOCK), 0);
	ck_assert(inbox_add(receiving.inbox, serial, messages[0], verdicts[1]));
	peer.messages = messages[1];
	peer.verdicts = verdicts[0];
	return peer;
}

void close_peer(struct peer *peer)
{
	close(peer->messages);
	close(peer->verdicts);
}

/* Turns the loop until nothing is left to do. */
void turn(void)
{
	ck_assert_int_ge(event_base_loop(receiving.base, EVLOOP_NONBLOCK), 0);
}

/* Writes all of it, turning the loop whenever the pipe is full. */
void send_bytes(const struct peer *peer, const void *bytes, size_t length)
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

struct submission submission_of(const char *id, uint64_t handle, const char *body)
{
	struct submission submission = fixture_submission(id, strlen(body));

	submission.handle = handle;
	return submission;
}

void send_message(const struct peer *peer, const char *id, uint64_t handle,
		  const char *const *recipients, const char *body)
{
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	struct submission submission = submission_of(id, handle, body);

	send_bytes(peer, bytes, fixture_frame(bytes, &submission, recipients, body));
}

void send_question(const struct peer *peer, uint64_t handle, const char *local, uint64_t size)
{
	uint8_t bytes[256];
	struct wire_writer writer = { bytes + MESSAGE_HEADER_SIZE,
				      sizeof(bytes) - MESSAGE_HEADER_SIZE, 0, false };
	const struct message_quota question = {
		.handle = handle,
		.size = size,
		.local = { local, strlen(local) },
		.domain = { "example.org", strlen("example.org") },
	};

	message_put_quota(&writer, &question);
	ck_assert(!writer.failed);
	message_put_header(bytes, MESSAGE_QUOTA, (uint32_t)writer.used);
	send_bytes(peer, bytes, MESSAGE_HEADER_SIZE + writer.used);
}

bool next_verdict(const struct peer *peer, struct message_verdict *verdict)
{
	return next_frame(peer, MESSAGE_VERDICT, verdict);
}

bool next_frame(const struct peer *peer, enum message_type type, struct message_verdict *verdict)
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
	ck_assert_int_eq(header.type, type);
	ck_assert_uint_eq(header.length, VERDICT_FRAME_SIZE - MESSAGE_HEADER_SIZE);
	ck_assert(message_get_verdict(&reader, verdict));
	return true;
}

void expect(const struct peer *peer, uint64_t handle, enum verdict verdict)
{
	struct message_verdict got;

	turn();
	ck_assert(next_verdict(peer, &got));
	ck_assert_uint_eq(got.handle, handle);
	ck_assert_int_eq(got.verdict, verdict);
}

bool is_closed(const struct peer *peer)
{
	char byte;

	return read(peer->verdicts, &byte, 1) == 0 && write(peer->messages, "x", 1) < 0 &&
	       errno == EPIPE;
}
