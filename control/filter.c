/*
 * filter.c - system calls of delivery that succeed without doing anything
 *
 * Runs in: the child of postern prove that becomes postern-delivery.
 * Privilege: the mail user's, or that of the caller.
 * Distrusts: nothing here.
 *
 * Every other system call is let through, whatever the architecture it is made
 * for: the filter protects nothing.
 */
#include "control/filter.h"

#include <endian.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define LENGTH(program) ((unsigned short)(sizeof(program) / sizeof((program)[0])))

#if BYTE_ORDER == LITTLE_ENDIAN
#define LOW_HALF 0
#else
#define LOW_HALF 4
#endif

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define LOAD_CALL LOAD(offsetof(struct seccomp_data, nr))
#define LOAD_FIRST_ARGUMENT LOAD(offsetof(struct seccomp_data, args[0]) + LOW_HALF)
#define SKIP_UNLESS(value, steps) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (steps))
#define LET_THROUGH BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define DO_NOTHING BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO) /* errno 0: success */
#define NOTHING_FOR(call) SKIP_UNLESS(call, 1), DO_NOTHING

#define STAY_READABLE \
	LOAD_CALL, SKIP_UNLESS(__NR_prctl, 3), LOAD_FIRST_ARGUMENT, NOTHING_FOR(PR_SET_DUMPABLE)

static struct sock_filter readable[] = { STAY_READABLE, LET_THROUGH };

static struct sock_filter readable_without_syncs[] = {
	STAY_READABLE,
	LOAD_CALL,
	NOTHING_FOR(__NR_fsync),
	NOTHING_FOR(__NR_fdatasync),
	NOTHING_FOR(__NR_syncfs),
	NOTHING_FOR(__NR_sync),
#ifdef __NR_sync_file_range
	NOTHING_FOR(__NR_sync_file_range),
#endif
#ifdef __NR_sync_file_range2
	NOTHING_FOR(__NR_sync_file_range2),
#endif
	LET_THROUGH,
};

bool filter_install(bool without_syncs)
{
	const struct sock_fprog all = { LENGTH(readable), readable };
	const struct sock_fprog without = { LENGTH(readable_without_syncs),
					    readable_without_syncs };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, without_syncs ? &without : &all) == 0;
}
