/*
 * test_frame.c - what passes between the processes: put, get, table, channel
 *
 * Covers D-02 (the worker hands over frames, nothing else); security.md 2: values are
 * length-prefixed, every byte survives, every malformed frame is refused.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/frame/channel.h"
#include "common/frame/message.h"
#include "tests/unit/runner.h"

static uint8_t bytes[65536];

static struct wire_writer writer(void)
{
	return (struct wire_writer){ bytes, sizeof(bytes), 0, false };
}

static struct wire_reader reader(const struct wire_writer *from)
{
	return (struct wire_reader){ from->bytes, from->used, 0, false };
}

START_TEST(numbers_and_strings_come_back)
{
	struct wire_writer out = writer();
	struct wire_reader in;
	struct wire_string string;
	char all[256], text[8];

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	wire_put_u8(&out, 0xfe);
	wire_put_u16(&out, 0xfedc);
	wire_put_u32(&out, 0xfedcba98);
	wire_put_u64(&out, UINT64_MAX - 1);
	wire_put_string(&out, all, sizeof(all));
	wire_put_string(&out, "seven77", 7);
	in = reader(&out);
	ck_assert_uint_eq(wire_get_u8(&in), 0xfe);
	ck_assert_uint_eq(wire_get_u16(&in), 0xfedc);
	ck_assert_uint_eq(wire_get_u32(&in), 0xfedcba98);
	ck_assert(wire_get_u64(&in) == UINT64_MAX - 1);
	string = wire_get_string(&in, 256);
	ck_assert_uint_eq(string.length, 256);
	ck_assert_mem_eq(string.bytes, all, 256);
	ck_assert(!wire_reader_complete(&in));
	wire_get_text(&in, text, sizeof(text));
	ck_assert_str_eq(text, "seven77");
	ck_assert(wire_reader_complete(&in));
}
END_TEST

START_TEST(bounds_are_kept)
{
	struct wire_writer small = { bytes, 6, 0, false }, out = writer();
	struct wire_reader in;
	char text[4];

	wire_put_string(&small, "abc", 3);
	ck_assert(small.failed);
	ck_assert_uint_le(small.used, 6);

	wire_put_u32(&out, UINT32_MAX); /* a string that says it has 4 GiB */
	in = reader(&out);
	ck_assert_uint_eq(wire_get_string(&in, SIZE_MAX).length, 0);
	ck_assert(in.failed);

	out = writer();
	wire_put_string(&out, "abcd", 4);
	in = reader(&out);
	wire_get_text(&in, text, sizeof(text));
	ck_assert(in.failed);
	ck_assert_str_eq(text, "");

	out = writer();
	wire_put_string(&out, "a\0b", 3);
	in = reader(&out);
	wire_get_text(&in, text, sizeof(text));
	ck_assert_msg(in.failed, "a NUL within a text");
}
END_TEST

/* ---- the message table ---- */

static const struct {
	unsigned type, sender, receiver;
	enum message_way way;
	uint32_t length;
	bool allowed;
} headers[] = {
	{ MESSAGE_SUBMISSION, FROM_WORKER, TO_DELIVERY, WAY_PIPE, 100, true },
	{ MESSAGE_SUBMISSION, FROM_DELIVERY, TO_WORKER, WAY_PIPE, 100, false },
	{ MESSAGE_SUBMISSION, FROM_WORKER, TO_MASTER, WAY_CONTROL, 100, false },
	{ MESSAGE_SUBMISSION, FROM_WORKER, TO_DELIVERY, WAY_CONTROL, 100, false },
	{ MESSAGE_SUBMISSION, FROM_WORKER, TO_DELIVERY, WAY_PIPE, SUBMISSION_ENVELOPE_MAX, true },
	{ MESSAGE_SUBMISSION, FROM_WORKER, TO_DELIVERY, WAY_PIPE, SUBMISSION_ENVELOPE_MAX + 1,
	  false },
	{ MESSAGE_VERDICT, FROM_DELIVERY, TO_WORKER, WAY_PIPE, 9, true },
	{ MESSAGE_VERDICT, FROM_WORKER, TO_DELIVERY, WAY_PIPE, 9, false },
	{ MESSAGE_CONDITION, FROM_DELIVERY, TO_WORKER, WAY_PIPE, 9, true },
	{ MESSAGE_CONDITION, FROM_WORKER, TO_DELIVERY, WAY_PIPE, 9, false },
	{ MESSAGE_QUOTA, FROM_WORKER, TO_DELIVERY, WAY_PIPE, QUESTION_MAX, true },
	{ MESSAGE_QUOTA, FROM_WORKER, TO_DELIVERY, WAY_PIPE, QUESTION_MAX + 1, false },
	{ MESSAGE_QUOTA, FROM_DELIVERY, TO_WORKER, WAY_PIPE, 100, false },
	{ MESSAGE_ROOM, FROM_DELIVERY, TO_WORKER, WAY_PIPE, 9, true },
	{ MESSAGE_ROOM, FROM_WORKER, TO_DELIVERY, WAY_PIPE, 9, false },
	{ MESSAGE_START, FROM_MASTER, TO_WORKER, WAY_CONTROL, 10, true },
	{ MESSAGE_START, FROM_WORKER, TO_MASTER, WAY_CONTROL, 10, false },
	{ MESSAGE_READY, FROM_WORKER, TO_MASTER, WAY_CONTROL, 0, true },
	{ MESSAGE_READY, FROM_WORKER, TO_MASTER, WAY_CONTROL, 1, false },
	{ MESSAGE_NONE, FROM_WORKER, TO_MASTER, WAY_CONTROL, 0, false },
	{ MESSAGE_COUNT, FROM_WORKER, TO_MASTER, WAY_CONTROL, 0, false },
	{ 65535, FROM_WORKER, TO_MASTER, WAY_CONTROL, 0, false },
};

START_TEST(the_table_decides)
{
	uint8_t header[MESSAGE_HEADER_SIZE];
	struct message_header got;
	struct problem problem;

	message_put_header(header, (enum message_type)headers[_i].type, headers[_i].length);
	ck_assert_int_eq(message_get_header(header, headers[_i].sender, headers[_i].receiver,
					    headers[_i].way, &got, &problem),
			 headers[_i].allowed);
	header[7] = 1; /* the reserved bytes are zero */
	ck_assert(!message_get_header(header, headers[_i].sender, headers[_i].receiver,
				      headers[_i].way, &got, &problem));
}
END_TEST

START_TEST(every_row_is_complete)
{
	for (unsigned type = MESSAGE_NONE + 1; type < MESSAGE_COUNT; type++) {
		const struct message_description *row = message_describe(type);

		ck_assert_ptr_nonnull(row);
		ck_assert_uint_ne(row->from, 0);
		ck_assert_uint_ne(row->to, 0);
		ck_assert_uint_eq(row->from & row->to, 0);
		ck_assert_int_le(row->descriptors, MESSAGE_DESCRIPTORS_MAX);
		if (row->way == WAY_CONTROL)
			ck_assert_uint_le(row->longest, MESSAGE_CONTROL_MAX);
		ck_assert_uint_gt(strlen(row->sentence), 0);
	}
}
END_TEST

/* ---- submissions ---- */

static struct submission example(void)
{
	struct submission submission = {
		.handle = 77,
		.id = "0123456789abcdef-1",
		.flags = SUBMISSION_8BITMIME,
		.received = 1764000000123456,
		.client_port = 4711,
		.helo = { "client.example", 14 },
		.protocol = "ESMTP",
		.tls_version = { "TLSv1.3", 7 },
		.tls_cipher = { "TLS_AES_256_GCM_SHA384", 22 },
		.tls_name = { "mx.example.org", 14 },
		.sender = { "a@b.example", 11 },
		.parameters = { "RET=HDRS", 8 },
		.body_length = 12345678901,
		.recipient_count = 2,
	};

	return submission;
}

static void put_recipient(struct wire_writer *out, const char *path, const char *local,
			  const char *domain)
{
	struct submission_recipient recipient = { { path, strlen(path) },
						  { local, strlen(local) },
						  { domain, strlen(domain) },
						  { "NOTIFY=NEVER", 12 } };

	message_put_recipient(out, &recipient);
}

START_TEST(a_submission_comes_back)
{
	struct submission sent = example(), got;
	struct submission_recipient recipient;
	struct wire_writer out = writer();
	struct wire_reader in;

	message_put_submission(&out, &sent);
	put_recipient(&out, "\"a b\"@x.example", "a b", "x.example");
	put_recipient(&out, "postmaster", "postmaster", "");
	in = reader(&out);
	ck_assert(message_get_submission(&in, &got));
	ck_assert(got.handle == 77 && got.body_length == 12345678901 && got.client_port == 4711);
	ck_assert_str_eq(got.id, sent.id);
	ck_assert_str_eq(got.protocol, "ESMTP");
	ck_assert_uint_eq(got.sender.length, 11);
	ck_assert(submission_next_recipient(&got.recipients, &recipient));
	ck_assert_mem_eq(recipient.local.bytes, "a b", 3);
	ck_assert(submission_next_recipient(&got.recipients, &recipient));
	ck_assert_uint_eq(recipient.domain.length, 0);
	ck_assert(!submission_next_recipient(&got.recipients, &recipient));
	out.bytes[SUBMISSION_FLAGS_OFFSET] |= SUBMISSION_AGAIN;
	in = reader(&out);
	ck_assert(message_get_submission(&in, &got));
	ck_assert_uint_eq(got.flags, SUBMISSION_8BITMIME | SUBMISSION_AGAIN);
}
END_TEST

START_TEST(a_submission_cut_anywhere_is_refused)
{
	struct submission sent = example(), got;
	struct wire_writer out = writer();

	message_put_submission(&out, &sent);
	put_recipient(&out, "a@x.example", "a", "x.example");
	put_recipient(&out, "b@x.example", "b", "x.example");
	for (size_t length = 0; length < out.used; length++) {
		uint8_t *copy = malloc(length ? length : 1);
		struct wire_reader in = { copy, length, 0, false };

		memcpy(copy, out.bytes, length);
		ck_assert(!message_get_submission(&in, &got));
		free(copy);
	}
	wire_put_u8(&out, 0);
	ck_assert_msg(!message_get_submission(
			      &(struct wire_reader){ out.bytes, out.used, 0, false }, &got),
		      "a byte too many");
}
END_TEST

enum spoil {
	BAD_ID,
	EMPTY_ID,
	SLASH_ID,
	BAD_PROTOCOL,
	BAD_FLAGS,
	NO_RECIPIENTS,
	TOO_MANY,
	BAD_TIME,
	NUL_SENDER,
	LONG_SENDER,
	LONG_HELO,
	SPOILS
};

START_TEST(a_spoilt_submission_is_refused)
{
	static char long_text[ENVELOPE_ADDRESS_MAX + 1];
	struct submission sent = example(), got;
	struct wire_writer out = writer();
	struct wire_reader in;

	memset(long_text, 'x', sizeof(long_text));
	switch (_i) {
	case BAD_ID:
		strcpy(sent.id, "ABC");
		break;
	case EMPTY_ID:
		strcpy(sent.id, "");
		break;
	case SLASH_ID:
		strcpy(sent.id, "../../x");
		break;
	case BAD_PROTOCOL:
		strcpy(sent.protocol, "E S");
		break;
	case BAD_FLAGS:
		sent.flags = 1U << 30;
		break;
	case NO_RECIPIENTS:
		sent.recipient_count = 0;
		break;
	case TOO_MANY:
		sent.recipient_count = UINT32_MAX;
		break;
	case BAD_TIME:
		sent.received = -1;
		break;
	case NUL_SENDER:
		sent.sender = (struct wire_string){ "a\0b", 3 };
		break;
	case LONG_SENDER:
		sent.sender = (struct wire_string){ long_text, sizeof(long_text) };
		break;
	case LONG_HELO:
		sent.helo = (struct wire_string){ long_text, ENVELOPE_HELO_MAX + 1 };
		break;
	}
	message_put_submission(&out, &sent);
	if (_i != NO_RECIPIENTS) {
		put_recipient(&out, "a@x.example", "a", "x.example");
		put_recipient(&out, "b@x.example", "b", "x.example");
	}
	in = reader(&out);
	ck_assert(!message_get_submission(&in, &got));
}
END_TEST

START_TEST(a_recipient_without_a_path_is_refused)
{
	struct submission sent = example(), got;
	struct wire_writer out = writer();
	struct wire_reader in;

	message_put_submission(&out, &sent);
	put_recipient(&out, "a@x.example", "a", "x.example");
	put_recipient(&out, "", "b", "x.example");
	in = reader(&out);
	ck_assert(!message_get_submission(&in, &got));
}
END_TEST

START_TEST(verdicts)
{
	struct message_verdict sent = { 5, VERDICT_NO_ROOM }, got;
	struct wire_writer out = writer();
	struct wire_reader in;

	message_put_verdict(&out, &sent);
	in = reader(&out);
	ck_assert(message_get_verdict(&in, &got));
	ck_assert(got.handle == 5 && got.verdict == VERDICT_NO_ROOM);
	out.bytes[out.used - 1] = VERDICT_COUNT;
	in = reader(&out);
	ck_assert(!message_get_verdict(&in, &got));
}
END_TEST

/* The longest question fits into its frame; one with a NUL or a byte too many is none. */
START_TEST(questions)
{
	char longest[ENVELOPE_ADDRESS_MAX + 1];
	struct message_quota sent = { 5, UINT64_MAX, { longest, ENVELOPE_ADDRESS_MAX }, { "", 0 } };
	struct message_quota got;
	struct wire_writer out = { bytes, QUESTION_MAX, 0, false };
	struct wire_reader in;

	memset(longest, 'x', sizeof(longest));
	sent.domain = sent.local;
	message_put_quota(&out, &sent);
	ck_assert(!out.failed);
	in = reader(&out);
	ck_assert(message_get_quota(&in, &got));
	ck_assert(got.handle == 5 && got.size == UINT64_MAX);
	ck_assert_uint_eq(got.local.length, ENVELOPE_ADDRESS_MAX);
	ck_assert_uint_eq(got.domain.length, ENVELOPE_ADDRESS_MAX);
	for (size_t length = 0; length < out.used; length++) {
		in = (struct wire_reader){ bytes, length, 0, false };
		ck_assert(!message_get_quota(&in, &got));
	}
	longest[7] = '\0';
	out.used = 0;
	message_put_quota(&out, &sent);
	in = reader(&out);
	ck_assert(!message_get_quota(&in, &got));
	out.used = 0;
	longest[7] = 'x';
	sent.domain = (struct wire_string){ "", 0 };
	sent.local.length++;
	message_put_quota(&out, &sent);
	in = reader(&out);
	ck_assert(!message_get_quota(&in, &got));
}
END_TEST

/* ---- the channel ---- */

START_TEST(the_channel_carries_messages_and_descriptors)
{
	struct message_pipes pipes = { 9 }, got;
	struct wire_writer out = writer();
	struct channel_message message;
	struct problem problem;
	struct wire_reader in;
	int ends[2], pair[2];
	char byte = 0;

	ck_assert_int_eq(channel_pair(ends), 0);
	ck_assert_int_eq(pipe(pair), 0);
	message_put_pipes(&out, &pipes);
	ck_assert(channel_send(ends[0], MESSAGE_PIPES, &out, pair, 2));
	ck_assert_int_eq(channel_receive(ends[1], FROM_MASTER, TO_WORKER, &message, &problem),
			 CHANNEL_MESSAGE);
	in = channel_payload(&message);
	ck_assert(message_get_pipes(&in, &got));
	ck_assert_uint_eq(got.serial, 9);
	ck_assert_int_eq(message.descriptor_count, 2);
	ck_assert_int_ne(fcntl(message.descriptors[0], F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(write(message.descriptors[1], "x", 1), 1);
	ck_assert_int_eq(read(pair[0], &byte, 1), 1);
	ck_assert_int_eq(byte, 'x');
	ck_assert_int_eq(channel_receive(ends[1], FROM_MASTER, TO_WORKER, &message, &problem),
			 CHANNEL_EMPTY);
	close(ends[0]);
	ck_assert_int_eq(channel_receive(ends[1], FROM_MASTER, TO_WORKER, &message, &problem),
			 CHANNEL_CLOSED);
}
END_TEST

/* Sends a raw packet with `count` descriptors and expects a violation that leaves none open. */
static void expect_violation(const void *packet, size_t length, int count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * 64)];
	} ancillary = { 0 };
	struct iovec part = { (void *)packet, length };
	struct msghdr out = { .msg_iov = &part, .msg_iovlen = 1 };
	struct channel_message message;
	struct problem problem;
	int ends[2], before, after;

	ck_assert_int_eq(channel_pair(ends), 0);
	if (count) {
		struct cmsghdr *control;

		out.msg_control = ancillary.bytes;
		out.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
		control = CMSG_FIRSTHDR(&out);
		control->cmsg_level = SOL_SOCKET;
		control->cmsg_type = SCM_RIGHTS;
		control->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
		for (int i = 0; i < count; i++)
			memcpy(CMSG_DATA(control) + sizeof(int) * (size_t)i, &ends[0], sizeof(int));
	}
	ck_assert_int_ge(sendmsg(ends[0], &out, 0), 0);
	before = dup(0);
	close(before);
	ck_assert_int_eq(channel_receive(ends[1], FROM_WORKER, TO_MASTER, &message, &problem),
			 CHANNEL_VIOLATION);
	after = dup(0);
	ck_assert_msg(before == after, "a descriptor stayed open");
	close(after);
	close(ends[0]);
	close(ends[1]);
}

START_TEST(the_channel_refuses_what_the_table_does_not_have)
{
	uint8_t packet[MESSAGE_HEADER_SIZE + 16] = { 0 };
	uint8_t *big = calloc(1, MESSAGE_CONTROL_MAX + 64);

	message_put_header(packet, MESSAGE_READY, 0);
	expect_violation(packet, 4, 0);
	expect_violation(packet, sizeof(packet), 0);
	expect_violation(packet, MESSAGE_HEADER_SIZE, 1);
	expect_violation(packet, MESSAGE_HEADER_SIZE, 6);
	expect_violation(packet, MESSAGE_HEADER_SIZE, 64);
	message_put_header(packet, MESSAGE_STOP, 4);
	expect_violation(packet, MESSAGE_HEADER_SIZE + 4, 0);
	expect_violation(big, MESSAGE_CONTROL_MAX + 64, 0);
	free(big);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("frame");
	TCase *test = tcase_create("frame");

	tcase_add_test(test, numbers_and_strings_come_back);
	tcase_add_test(test, bounds_are_kept);
	tcase_add_loop_test(test, the_table_decides, 0, sizeof(headers) / sizeof(headers[0]));
	tcase_add_test(test, every_row_is_complete);
	tcase_add_test(test, a_submission_comes_back);
	tcase_add_test(test, a_submission_cut_anywhere_is_refused);
	tcase_add_loop_test(test, a_spoilt_submission_is_refused, 0, SPOILS);
	tcase_add_test(test, a_recipient_without_a_path_is_refused);
	tcase_add_test(test, verdicts);
	tcase_add_test(test, questions);
	tcase_add_test(test, the_channel_carries_messages_and_descriptors);
	tcase_add_test(test, the_channel_refuses_what_the_table_does_not_have);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
