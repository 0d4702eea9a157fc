/*
 * notes.h - small frames that wait to be sent to delivery: those without a body
 */
#ifndef POSTERN_WORKER_NOTES_H
#define POSTERN_WORKER_NOTES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/frame/message.h"

#define NOTES_SIZE (16 * PIPE_BUF)

/* All zero: none. */
struct notes {
	uint8_t bytes[NOTES_SIZE]; /* whole frames, none longer than PIPE_BUF */
	size_t used;
};

/* Adds a frame. False when there is no room for it: it is dropped. */
bool notes_add(struct notes *notes, enum message_type type, const struct wire_writer *payload);

enum notes_result { NOTES_WRITTEN, NOTES_LEFT, NOTES_NO_READER };

/*
 * Writes what waits into a non-blocking pipe; to be called between two frames. A frame
 * is written whole or not at all: pipe(7) takes up to PIPE_BUF bytes in one piece.
 */
enum notes_result notes_write(struct notes *notes, int pipe);

#endif
