/*
 * test_inbox_malformed.c - frames that lie
 *
 * Covers D-02 and the attack row "compromised worker": a malformed frame ends the worker that sent
 * it and nobody else, and leaves nothing behind.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "tests/unit/delivery_fixture.h"
#include "tests/unit/inbox_fixture.h"
#include "tests/unit/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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

static size_t an_answer(uint8_t *bytes)
{
	return header_only(bytes, 9, MESSAGE_ROOM, 0);
}

static size_t empty_question(uint8_t *bytes)
{
	return header_only(bytes, 0, MESSAGE_QUOTA, 0);
}

static size_t short_question(uint8_t *bytes)
{
	memset(bytes + MESSAGE_HEADER_SIZE, 0, 23);
	return header_only(bytes, 23, MESSAGE_QUOTA, 0) + 23;
}

static size_t long_question(uint8_t *bytes)
{
	memset(bytes + MESSAGE_HEADER_SIZE, 0, 25);
	return header_only(bytes, 25, MESSAGE_QUOTA, 0) + 25;
}

static size_t longest_question(uint8_t *bytes)
{
	return header_only(bytes, QUESTION_MAX + 1, MESSAGE_QUOTA, 0);
}

static size_t empty_envelope(uint8_t *bytes)
{
	return header_only(bytes, 0, MESSAGE_SUBMISSION, 0);
}

static size_t longest_frame(uint8_t *bytes)
{
	return header_only(bytes, SUBMISSION_ENVELOPE_MAX + 1, MESSAGE_SUBMISSION, 0);
}

static size_t all_ones(uint8_t *bytes)
{
	memset(bytes, 0xff, 64);
	return 64;
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
	{ "an answer", an_answer },
	{ "empty question", empty_question },
	{ "short question", short_question },
	{ "long question", long_question },
	{ "longest question", longest_question },
	{ "longer than the table allows", longest_frame },
	{ "all ones", all_ones },
	{ "a recipient is missing", more_recipients_than_told_frame },
	{ "no time", no_time_frame },
	{ "unknown flag", unknown_flag_frame },
	{ "path in the id", path_in_id_frame },
	{ "NUL in the sender", null_in_sender_frame },
	{ "newline in the protocol", newline_in_protocol_frame },
	{ "a byte left over", byte_left_over },
	{ "no recipients", no_recipients },
	{ "an id under way", same_id_twice },
};

START_TEST(test_malformed)
{
	static uint8_t bytes[FIXTURE_FRAME_MAX];
	size_t before = fixture_descriptors();
	struct peer other = add_peer(SERIAL + 1), peer = add_peer(SERIAL);

	send_bytes(&peer, bytes, malformed[_i].make(bytes));
	turn();
	ck_assert_msg(receiving.violations == 1, "%s", malformed[_i].what);
	ck_assert_uint_eq(receiving.violator, SERIAL);
	ck_assert_uint_ne(strlen(receiving.reason), 0);
	ck_assert(fixture_log_has("event=violation program=postern-worker"));
	ck_assert_msg(is_closed(&peer), "%s", malformed[_i].what);
	ck_assert_uint_eq(fixture_count_all("tmp") + fixture_count_all("new"), 0);
	/* nobody else is touched */
	send_message(&other, "t-1", 3, TO("alice@example.org"), "hello\n");
	expect(&other, 3, VERDICT_STORED);
	ck_assert_uint_eq(receiving.violations, 1);
	close_peer(&peer);
	close_peer(&other);
	turn();
	ck_assert_uint_eq(inbox_workers(receiving.inbox), 0);
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
	ck_assert_uint_eq(receiving.violations, 1);
	ck_assert_uint_eq(receiving.violator, 2);
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
	ck_assert_uint_eq(receiving.violations, 1);
	ck_assert_uint_eq(fixture_count(ALICE, "new"), 1);
	close_peer(&peer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("inbox, malformed");
	TCase *tests = tcase_create("inbox");

	tcase_add_checked_fixture(tests, inbox_set_up, inbox_tear_down);
	tcase_set_timeout(tests, 300);
	tcase_add_loop_test(tests, test_malformed, 0, COUNT(malformed));
	tcase_add_test(tests, test_id_of_another);
	tcase_add_test(tests, test_violation_after_message);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
