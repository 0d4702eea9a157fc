/*
 * child.h - one process that the master has started, and the channel to it
 */
#ifndef POSTERN_MASTER_CHILD_H
#define POSTERN_MASTER_CHILD_H

#include "common/frame/wire.h"
#include "master/master.h"

/*
 * Starts the process of `place` and fills the place with it. NULL with
 * *problem set.
 */
struct child *child_start(struct place *place, struct problem *problem);

/* The process has ended and was waited for: its place is empty, its slot free. */
void child_free(struct child *child);

/*
 * Sends a message, or keeps it until the process reads. `payload` may be NULL.
 * The descriptors stay the caller's. A process that is gone gets nothing: its
 * end is reported elsewhere.
 */
void child_post(struct child *child, enum message_type type, const struct wire_writer *payload,
		const int *descriptors, int count);

/* Tells it to end (MESSAGE_STOP or MESSAGE_DRAIN) in so many seconds, or it is killed. */
void child_tell_to_end(struct child *child, enum message_type type, uint32_t seconds);

/* Kills it, with the reason in the log. */
void child_kill(struct child *child, const char *reason);

/* Writes VIOLATION to the log and kills it. */
void child_violated(struct child *child, const char *reason);

/* Begins a log line about it, with program and pid. */
struct log_line;
void child_log_begin(struct log_line *line, enum log_event event, const struct child *child);

#endif
