/*
 * processes.h - the process table: which programs there are, as whom they run, what they keep
 *
 * The first of the tables that carry the system. The master starts processes
 * by it, each process confines itself by its row, `posternd -n` prints it.
 */
#ifndef POSTERN_COMMON_CONFINE_PROCESSES_H
#define POSTERN_COMMON_CONFINE_PROCESSES_H

#include <stddef.h>

#include "common/configuration/configuration.h"

enum process { PROCESS_MASTER, PROCESS_WORKER, PROCESS_DELIVERY, PROCESS_COUNT };

/* A capability that a process keeps, and why. */
struct kept_capability {
	int capability; /* CAP_* of capabilities(7) */
	const char *reason;
};

struct process_description {
	const char *program;
	const char *folder;
	size_t user; /* offset of the user's name in struct configuration */
	const struct kept_capability *capabilities; /* ends with reason == NULL */
	const char *descriptors;		    /* handed over, in words */
	const char *reaches;			    /* in words, for people */
	const char *cannot;
};

/* The row; `process` must be below PROCESS_COUNT. */
const struct process_description *process_describe(enum process process);

/* The user of a process as configured: "name", "uid" or "uid:gid". */
const char *process_user(enum process process, const struct configuration *configuration);

/* How many of them run: workers as configured, one of the others. */
size_t process_number(enum process process, const struct configuration *configuration);

#endif
