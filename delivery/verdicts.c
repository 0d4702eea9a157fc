/*
 * verdicts.c - the verdicts that wait to be written to one worker
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: the worker to read them: the queue is bounded.
 */
#include "delivery/verdicts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void verdicts_add(struct verdict_queue *queue, enum message_type type, uint64_t handle,
		  enum verdict verdict)
{
	const struct message_verdict message = { .handle = handle, .verdict = (uint8_t)verdict };
	struct wire_writer writer = {
		.bytes = queue->bytes + queue->used + MESSAGE_HEADER_SIZE,
		.size = VERDICT_FRAME_SIZE - MESSAGE_HEADER_SIZE,
	};

	require(queue->used + VERDICT_FRAME_SIZE <= sizeof(queue->bytes));
	message_put_verdict(&writer, &message);
	require(!writer.failed && writer.used == writer.size);
	message_put_header(queue->bytes + queue->used, type, (uint32_t)writer.used);
	queue->used += VERDICT_FRAME_SIZE;
}

/* A frame that is partly written counts as one. */
size_t verdicts_waiting(const struct verdict_queue *queue)
{
	return (queue->used + VERDICT_FRAME_SIZE - 1) / VERDICT_FRAME_SIZE;
}

enum verdicts_result verdicts_write(struct verdict_queue *queue, int pipe)
{
	ssize_t written;

	if (queue->used == 0)
		return VERDICTS_WRITTEN;
	do {
		written = write(pipe, queue->bytes, queue->used);
	} while (written < 0 && errno == EINTR);
	if (written < 0)
		return errno == EAGAIN ? VERDICTS_LEFT : VERDICTS_NO_READER;
	queue->used -= (size_t)written;
	memmove(queue->bytes, queue->bytes + written, queue->used);
	return queue->used == 0 ? VERDICTS_WRITTEN : VERDICTS_LEFT;
}
