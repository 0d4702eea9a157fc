/*
 * fuzz_frame.c - the frames that delivery reads from a worker
 *
 * Whatever the bytes: no read beyond them, and what is accepted is within its bounds and can be
 * walked to its end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/frame/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void walk(struct submission *submission)
{
	struct wire_reader recipients = submission->recipients;
	struct submission_recipient recipient;
	uint32_t count = 0;

	while (submission_next_recipient(&recipients, &recipient)) {
		require(recipient.path.length > 0 && recipient.path.length <= ENVELOPE_ADDRESS_MAX);
		require(recipient.local.length <= ENVELOPE_ADDRESS_MAX);
		require(!memchr(recipient.local.bytes, '\0', recipient.local.length));
		count++;
	}
	require(count == submission->recipient_count && count > 0);
	require(strspn(submission->id, "0123456789abcdefghijklmnopqrstuv-") ==
		strlen(submission->id));
}

/* What was accepted and is written again is the same bytes. */
static void write_again(const uint8_t *bytes, size_t length, struct submission *submission)
{
	struct wire_reader recipients = submission->recipients;
	struct wire_writer writer = { malloc(length), length, 0, false };
	struct submission_recipient recipient;

	message_put_submission(&writer, submission);
	while (submission_next_recipient(&recipients, &recipient))
		message_put_recipient(&writer, &recipient);
	require(!writer.failed && writer.used == length);
	require(memcmp(writer.bytes, bytes, length) == 0);
	free(writer.bytes);
}

/* The same for a question about quota. */
static void check_quota(const uint8_t *bytes, size_t length)
{
	struct wire_reader reader = { bytes, length, 0, false };
	struct message_quota quota;
	struct wire_writer writer = { malloc(length), length, 0, false };

	if (message_get_quota(&reader, &quota)) {
		require(quota.local.length <= ENVELOPE_ADDRESS_MAX &&
			quota.domain.length <= ENVELOPE_ADDRESS_MAX && length <= QUESTION_MAX);
		message_put_quota(&writer, &quota);
		require(!writer.failed && writer.used == length);
		require(memcmp(writer.bytes, bytes, length) == 0);
	}
	free(writer.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct wire_reader reader = { bytes, length, 0, false };
	struct message_header header;
	struct submission submission;
	struct message_verdict verdict;
	struct problem problem;

	if (message_get_submission(&reader, &submission)) {
		walk(&submission);
		write_again(bytes, length, &submission);
	}
	check_quota(bytes, length);
	reader = (struct wire_reader){ bytes, length, 0, false };
	if (message_get_verdict(&reader, &verdict))
		require(verdict.verdict < VERDICT_COUNT);
	if (length >= MESSAGE_HEADER_SIZE &&
	    message_get_header(bytes, FROM_WORKER, TO_DELIVERY, WAY_PIPE, &header, &problem))
		require(message_describe(header.type)->from & FROM_WORKER &&
			header.length <= message_describe(header.type)->longest);
	return 0;
}
