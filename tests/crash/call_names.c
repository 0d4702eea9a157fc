/*
 * call_names.c - the names of the system calls that the programs make
 *
 * Runs in: the end-to-end tests.  Privilege: its caller's.
 * Distrusts: nothing.
 */
#include "tests/crash/call_names.h"

#include <stddef.h>
#include <sys/syscall.h>

#define ROW(name)                 \
	{                         \
		SYS_##name, #name \
	}

/* Not all machines have all of them: old forms of a call, and those of a young kernel. */
static const struct {
	unsigned long number;
	const char *name;
} rows[] = {
#ifdef SYS_accept
	ROW(accept),
#endif
	ROW(accept4),
#ifdef SYS_access
	ROW(access),
#endif
#ifdef SYS_arch_prctl
	ROW(arch_prctl),
#endif
	ROW(bind),
	ROW(brk),
	ROW(capget),
	ROW(capset),
	ROW(chdir),
#ifdef SYS_chmod
	ROW(chmod),
#endif
	ROW(clock_gettime),
	ROW(clock_nanosleep),
	ROW(clone),
#ifdef SYS_clone3
	ROW(clone3),
#endif
	ROW(close),
#ifdef SYS_close_range
	ROW(close_range),
#endif
#ifdef SYS_connect
	ROW(connect),
#endif
	ROW(copy_file_range),
	ROW(dup),
#ifdef SYS_dup2
	ROW(dup2),
#endif
	ROW(dup3),
	ROW(epoll_create1),
	ROW(epoll_ctl),
	ROW(epoll_pwait),
#ifdef SYS_epoll_pwait2
	ROW(epoll_pwait2),
#endif
#ifdef SYS_epoll_wait
	ROW(epoll_wait),
#endif
	ROW(eventfd2),
	ROW(execve),
	ROW(execveat),
	ROW(exit),
	ROW(exit_group),
	ROW(faccessat),
#ifdef SYS_faccessat2
	ROW(faccessat2),
#endif
	ROW(fallocate),
	ROW(fchdir),
	ROW(fchmod),
	ROW(fchmodat),
	ROW(fchown),
	ROW(fchownat),
	ROW(fcntl),
	ROW(fdatasync),
	ROW(flock),
#ifdef SYS_fork
	ROW(fork),
#endif
	ROW(fstat),
	ROW(fstatfs),
	ROW(fsync),
	ROW(ftruncate),
	ROW(futex),
	ROW(getcwd),
	ROW(getdents64),
	ROW(getegid),
	ROW(geteuid),
	ROW(getgid),
	ROW(getgroups),
	ROW(getpeername),
	ROW(getpid),
	ROW(getppid),
	ROW(getrandom),
	ROW(getresgid),
	ROW(getresuid),
#ifdef SYS_getrlimit
	ROW(getrlimit),
#endif
	ROW(getsockname),
	ROW(getsockopt),
	ROW(gettid),
	ROW(getuid),
	ROW(getxattr),
	ROW(inotify_add_watch),
	ROW(inotify_init1),
	ROW(ioctl),
	ROW(kill),
#ifdef SYS_link
	ROW(link),
#endif
	ROW(linkat),
	ROW(listen),
	ROW(lseek),
#ifdef SYS_lstat
	ROW(lstat),
#endif
	ROW(madvise),
	ROW(memfd_create),
#ifdef SYS_mkdir
	ROW(mkdir),
#endif
	ROW(mkdirat),
	ROW(mmap),
	ROW(mprotect),
	ROW(mremap),
	ROW(munmap),
	ROW(nanosleep),
#ifdef SYS_newfstatat
	ROW(newfstatat),
#endif
#ifdef SYS_open
	ROW(open),
#endif
	ROW(openat),
#ifdef SYS_openat2
	ROW(openat2),
#endif
#ifdef SYS_pipe
	ROW(pipe),
#endif
	ROW(pipe2),
#ifdef SYS_poll
	ROW(poll),
#endif
	ROW(ppoll),
	ROW(prctl),
	ROW(pread64),
	ROW(preadv),
	ROW(preadv2),
	ROW(prlimit64),
	ROW(pselect6),
	ROW(pwrite64),
	ROW(pwritev),
	ROW(pwritev2),
	ROW(read),
#ifdef SYS_readlink
	ROW(readlink),
#endif
	ROW(readlinkat),
	ROW(readv),
	ROW(recvfrom),
	ROW(recvmmsg),
	ROW(recvmsg),
#ifdef SYS_rename
	ROW(rename),
#endif
	ROW(renameat),
	ROW(renameat2),
#ifdef SYS_rmdir
	ROW(rmdir),
#endif
#ifdef SYS_rseq
	ROW(rseq),
#endif
	ROW(rt_sigaction),
	ROW(rt_sigprocmask),
	ROW(rt_sigreturn),
	ROW(rt_sigsuspend),
	ROW(sched_getaffinity),
	ROW(sched_yield),
	ROW(seccomp),
#ifdef SYS_select
	ROW(select),
#endif
	ROW(sendfile),
	ROW(sendmmsg),
	ROW(sendmsg),
	ROW(sendto),
	ROW(set_robust_list),
	ROW(set_tid_address),
	ROW(setfsgid),
	ROW(setfsuid),
	ROW(setgid),
	ROW(setgroups),
	ROW(setitimer),
	ROW(setpgid),
	ROW(setregid),
	ROW(setresgid),
	ROW(setresuid),
	ROW(setreuid),
#ifdef SYS_setrlimit
	ROW(setrlimit),
#endif
	ROW(setsid),
	ROW(setsockopt),
	ROW(setuid),
	ROW(shutdown),
	ROW(sigaltstack),
	ROW(signalfd4),
	ROW(socket),
	ROW(socketpair),
	ROW(splice),
#ifdef SYS_stat
	ROW(stat),
#endif
	ROW(statfs),
	ROW(statx),
	ROW(symlinkat),
	ROW(sync),
	ROW(sync_file_range),
	ROW(syncfs),
	ROW(sysinfo),
	ROW(tgkill),
	ROW(timerfd_create),
	ROW(timerfd_settime),
	ROW(truncate),
	ROW(umask),
	ROW(uname),
#ifdef SYS_unlink
	ROW(unlink),
#endif
	ROW(unlinkat),
	ROW(unshare),
	ROW(utimensat),
#ifdef SYS_vfork
	ROW(vfork),
#endif
	ROW(wait4),
	ROW(waitid),
	ROW(write),
	ROW(writev),
};

const char *call_name(unsigned long number)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].number == number)
			return rows[i].name;
	return "other";
}
