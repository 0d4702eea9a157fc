/*
 * programs.h - the programs that the master starts
 */
#ifndef POSTERN_MASTER_PROGRAMS_H
#define POSTERN_MASTER_PROGRAMS_H

#include "common/confine/processes.h"
#include "common/fail/fail.h"

/*
 * Opens the program of each process but the master: beside posternd itself
 * where all are there (a build folder), else in POSTERN_LIBEXECDIR. What was
 * opened at the start is executed ever after, so that an upgrade on disk does
 * not mix versions. False with *problem set.
 */
bool programs_open(int programs[PROCESS_COUNT], struct problem *problem);

/* Opens a file at a number that no child needs for itself. -1 with errno set. */
int open_high(const char *path, int flags);

#endif
