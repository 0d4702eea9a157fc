/*
 * inlet.c - the frames that delivery sends to a worker
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: every byte: delivery may have been broken into.
 */
#include "worker/inlet.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool take_frame(const uint8_t *frame, inlet_take *const takes[MESSAGE_COUNT], void *context,
		       struct problem *problem)
{
	struct message_header header;
	struct message_verdict message;
	struct wire_reader reader = {
		frame + MESSAGE_HEADER_SIZE,
		INLET_FRAME - MESSAGE_HEADER_SIZE,
		0,
		false,
	};

	if (!message_get_header(frame, FROM_DELIVERY, TO_WORKER, WAY_PIPE, &header, problem))
		return false;
	if (header.length != reader.size || !message_get_verdict(&reader, &message) ||
	    !takes[header.type])
		return problem_set(problem, "a malformed %s", message_describe(header.type)->name);
	return takes[header.type](context, &message, problem);
}

/* False after a violation. */
static bool take_frames(struct inlet *inlet, inlet_take *const takes[MESSAGE_COUNT], void *context,
			struct problem *problem)
{
	size_t at = 0;

	for (; inlet->used - at >= INLET_FRAME; at += INLET_FRAME)
		if (!take_frame(inlet->bytes + at, takes, context, problem))
			return false;
	inlet->used -= at;
	memmove(inlet->bytes, inlet->bytes + at, inlet->used);
	return true;
}

enum inlet_result inlet_read(struct inlet *inlet, int pipe, inlet_take *const takes[MESSAGE_COUNT],
			     void *context, struct problem *problem)
{
	ssize_t length = read(pipe, inlet->bytes + inlet->used, sizeof(inlet->bytes) - inlet->used);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return INLET_EMPTY;
	if (length <= 0)
		return INLET_CLOSED;
	inlet->used += (size_t)length;
	return take_frames(inlet, takes, context, problem) ? INLET_SOME : INLET_VIOLATION;
}
