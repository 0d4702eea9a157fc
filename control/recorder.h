/*
 * recorder.h - follows the system calls of a traced delivery and notes what changes the mail root
 *
 * Descriptors are not tracked: /proc tells at each call which inode one stands
 * for. What a file holds after a change is read from the file itself.
 */
#ifndef POSTERN_CONTROL_RECORDER_H
#define POSTERN_CONTROL_RECORDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/fail/fail.h"
#include "control/operations.h"

/* Delivery has written to the pipe of this inode. False with *problem set: it is enough. */
typedef bool recorder_answer(void *context, struct problem *problem);
/* Delivery is about to wait for its descriptors, with nothing else to do. */
typedef bool recorder_idle(void *context, struct problem *problem);

/* An inode that is in use, and its node. */
struct known_inode {
	ino_t inode;
	uint32_t node;
};

struct recorder {
	struct operations *operations;
	pid_t pid; /* stopped at its first instruction, traced by this process */
	dev_t device;
	ino_t answers; /* of the pipe that brings the verdicts */
	dev_t answers_device;
	recorder_answer *answer;
	recorder_idle *idle;
	void *context;

	struct known_inode *known; /* the latest counts */
	size_t known_count, known_size;
	uint32_t *holds; /* of each slot: the node that it holds by now */
	size_t holds_size;
};

/*
 * Notes what is in the mail root already (`root`, a descriptor) and that it is
 * durable.
 */
bool recorder_open(struct recorder *recorder, struct operations *operations, int root,
		   struct problem *problem);
void recorder_close(struct recorder *recorder);

/*
 * Follows the process until it has ended with status 0. False with *problem
 * set when it ends otherwise, when it makes a system call that changes files
 * and that the recorder does not know (its name is told), or when `answer` says
 * so.
 */
bool recorder_run(struct recorder *recorder, struct problem *problem);

/* Notes what is no system call: OPERATION_SUBMITTED, OPERATION_ANSWERED. */
void recorder_note(struct recorder *recorder, const struct operation *operation);

#endif
