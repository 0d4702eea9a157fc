/*
 * confine.h - how a process gives up what it does not need
 *
 * The only place that changes users, groups and capabilities.
 */
#ifndef POSTERN_COMMON_CONFINE_CONFINE_H
#define POSTERN_COMMON_CONFINE_CONFINE_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/confine/processes.h"
#include "common/fail/fail.h"

struct identity {
	uid_t user;
	gid_t group;
};

/*
 * Finds the user and group of "name", "uid" or "uid:gid" (getpwnam(3)). Root
 * is refused. False with *problem set.
 */
bool identity_find(const char *name, struct identity *identity, struct problem *problem);

/* Whether the calling process holds the capability; its name, as in "setuid". */
bool confine_holds(int capability);
const char *confine_capability_name(int capability);

/*
 * The master, started by root, becomes `identity`: no supplementary groups, no
 * capability but those of its row, none in the bounding set either. With NULL
 * (started by an ordinary user) it stays who it is. Either way no exec gains a
 * privilege from then on. False with *problem set.
 */
bool confine_drop_master(const struct identity *identity, struct problem *problem);

/*
 * The master, still root, acts on files as `identity` until confine_return():
 * for a path in a folder that others than root may write (seteuid(2)). False
 * with errno set, and nothing is changed.
 */
bool confine_borrow(const struct identity *identity);
void confine_return(void);

/*
 * In a child of the master, between fork(2) and execve(2): becomes `identity`
 * with setgroups, setresgid, setresuid. The exec that follows loses the
 * capabilities. Async-signal-safe. False with errno set.
 */
bool confine_become(const struct identity *identity);

/*
 * First thing in main() of every child, before it reads a byte from anyone:
 * no_new_privs, not dumpable, no core, umask 077; then proves that nothing
 * can come back: no capability in any set, no supplementary group it could
 * not have had, setuid(0) refused. Ends the process (EX_NOPERM) where the
 * proof fails. Started by an ordinary user, the proof is the same.
 */
void confine_self(enum process process);

/*
 * Raises the soft limit of open descriptors to `wanted`, the hard one too where
 * the process may. Returns the limit that is in force then.
 */
size_t confine_descriptors(size_t wanted);

#endif
