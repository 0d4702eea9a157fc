/*
 * notes.c - small frames that wait to be sent to delivery: those without a body
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: delivery to read them: their room is bounded.
 */
#include "worker/notes.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/fail/fail.h"

bool notes_add(struct notes *notes, enum message_type type, const struct wire_writer *payload)
{
	size_t length = MESSAGE_HEADER_SIZE + payload->used;

	require(!payload->failed && length <= PIPE_BUF);
	if (NOTES_SIZE - notes->used < length)
		return false;
	message_put_header(notes->bytes + notes->used, type, (uint32_t)payload->used);
	memcpy(notes->bytes + notes->used + MESSAGE_HEADER_SIZE, payload->bytes, payload->used);
	notes->used += length;
	return true;
}

/* The length of the frames at the front that fit into one piece. */
static size_t one_piece(const struct notes *notes)
{
	struct wire_reader reader;
	size_t length = 0, next;

	while (length < notes->used) {
		reader = (struct wire_reader){ notes->bytes + length, notes->used - length, 0,
					       false };
		next = MESSAGE_HEADER_SIZE + wire_get_u32(&reader);
		if (length + next > PIPE_BUF)
			break;
		length += next;
	}
	return length;
}

enum notes_result notes_write(struct notes *notes, int pipe)
{
	size_t length;
	ssize_t written;

	while (notes->used > 0) {
		length = one_piece(notes);
		written = write(pipe, notes->bytes, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return errno == EAGAIN ? NOTES_LEFT : NOTES_NO_READER;
		require((size_t)written == length);
		notes->used -= length;
		memmove(notes->bytes, notes->bytes + length, notes->used);
	}
	return NOTES_WRITTEN;
}
