/*
 * verdicts.h - the verdicts that wait to be written to one worker
 */
#ifndef POSTERN_DELIVERY_VERDICTS_H
#define POSTERN_DELIVERY_VERDICTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/frame/message.h"

/* Messages of one worker that may be without a verdict it has read; then it is not read from. */
#define VERDICTS_MAX 4096
#define VERDICT_FRAME_SIZE (MESSAGE_HEADER_SIZE + 9)

struct verdict_queue {
	size_t used;
	uint8_t bytes[VERDICTS_MAX * VERDICT_FRAME_SIZE];
};

/*
 * Adds a frame of a type whose payload is a message_verdict. The caller sees to it
 * that there is room: verdicts_waiting() < VERDICTS_MAX.
 */
void verdicts_add(struct verdict_queue *queue, enum message_type type, uint64_t handle,
		  enum verdict verdict);
size_t verdicts_waiting(const struct verdict_queue *queue);

enum verdicts_result { VERDICTS_WRITTEN, VERDICTS_LEFT, VERDICTS_NO_READER };

/* Writes what waits with one write(2): all, as much as the pipe takes, or the reader is gone. */
enum verdicts_result verdicts_write(struct verdict_queue *queue, int pipe);

#endif
