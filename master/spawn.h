/*
 * spawn.h - fork and exec: how a process comes to be
 */
#ifndef POSTERN_MASTER_SPAWN_H
#define POSTERN_MASTER_SPAWN_H

#include "master/master.h"

/*
 * Starts the program of `process` as its user, with the channel `channel` at
 * CHANNEL_DESCRIPTOR, /dev/null at 0, and nothing else but standard error.
 * Returns its pid, or -1 with errno set.
 */
pid_t spawn_process(const struct master *master, enum process process, int channel);

#endif
