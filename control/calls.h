/*
 * calls.h - the system calls that change files, and what each of them is in the list
 */
#ifndef POSTERN_CONTROL_CALLS_H
#define POSTERN_CONTROL_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/fail/fail.h"
#include "control/recorder.h"

/* A system call that has succeeded. */
struct call {
	const char *name;
	uint64_t number;
	uint64_t arguments[6];
	int64_t result;
};

/*
 * Notes what the call has changed, if it changes files. False with *problem
 * set: it changes files in a way that the recorder does not know.
 */
bool call_note(struct recorder *recorder, struct call *call, struct problem *problem);

#endif
