/*
 * supervise.h - what follows when a process is ready, and when it ends
 */
#ifndef POSTERN_MASTER_SUPERVISE_H
#define POSTERN_MASTER_SUPERVISE_H

#include "master/master.h"

/* The process has understood START. */
void supervise_ready(struct child *child);

/* Waits for all processes that have ended (waitpid(2)) and does what follows. */
void supervise_reap(struct master *master);

/* Whether every place of the generation holds a process that is ready. */
bool supervise_all_ready(const struct generation *generation);

/* Starts the processes of the first generation. False with *problem set. */
bool supervise_start(struct master *master, struct problem *problem);

#endif
