/*
 * filter.h - system calls of delivery that succeed without doing anything
 */
#ifndef POSTERN_CONTROL_FILTER_H
#define POSTERN_CONTROL_FILTER_H

#include <stdbool.h>

/*
 * Installs a filter (seccomp(2)) in the calling process, which stays when it
 * becomes another program. prctl(PR_SET_DUMPABLE) does nothing: delivery makes
 * itself unreadable for others, and a recorder must read it. With
 * `without_syncs` nothing that makes data durable does anything: what is only
 * looked at and thrown away need not reach the disk. Async-signal-safe. False
 * with errno set.
 */
bool filter_install(bool without_syncs);

#endif
