/*
 * inlet.h - the frames that delivery sends to a worker
 */
#ifndef POSTERN_WORKER_INLET_H
#define POSTERN_WORKER_INLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail/fail.h"
#include "common/frame/message.h"

/* They are all of one length. */
#define INLET_FRAME (MESSAGE_HEADER_SIZE + sizeof(uint64_t) + sizeof(uint8_t))

/* All zero at the start of a pipe. */
struct inlet {
	uint8_t bytes[64 * INLET_FRAME]; /* begins with a frame, maybe an incomplete one */
	size_t used;
};

/* What a frame of one type asks for. False with *problem set: a violation. */
typedef bool inlet_take(void *context, const struct message_verdict *message,
			struct problem *problem);

enum inlet_result {
	INLET_EMPTY,	 /* there is nothing more to read now */
	INLET_CLOSED,	 /* delivery has gone */
	INLET_SOME,	 /* frames were read and taken; there may be more */
	INLET_VIOLATION, /* delivery sent what it may not; *problem says what */
};

/*
 * Reads once from the pipe, and hands each complete frame to the row of its type in
 * `takes`; a type without a row is a violation. A take may not touch `inlet`.
 */
enum inlet_result inlet_read(struct inlet *inlet, int pipe, inlet_take *const takes[MESSAGE_COUNT],
			     void *context, struct problem *problem);

#endif
