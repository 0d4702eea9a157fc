/*
 * faults.c - a library that is loaded into postern-delivery, and lets its system calls fail
 *
 * Runs in: postern-delivery, in tests only (launch.c loads it).  Privilege: the mail user's.
 * Trusts: the test, which shares a file with it.
 *
 * A seccomp filter sends every system call that may have to do with a file to
 * the handler of SIGSYS, however it was made: by a function of the C library,
 * by one within it, by syscall(2). The handler counts those with a descriptor
 * at or below the mail root and fails, shortens or delays the ones that the
 * test has chosen. The rest is done as if nobody were there. A call of the
 * handler's own is known by its return address.
 *
 * What no table here knows is noted, too, so that the test can fail: a new
 * kind of call does not go by unseen.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what is shared with the test: harness/faults.py has the same layout ---- */

#define CALLS_MAX 1024
#define FAULTS_MAX 4
#define TEXT_SIZE 248
#define ROOT_SIZE 512

enum action { ACTION_NONE, ACTION_FAIL, ACTION_SHORT, ACTION_DELAY };

/* The calls first..last of those that are counted; only those of `number` if that is not -1. */
struct fault {
	uint32_t first, last;
	int32_t number;
	uint32_t action;
	uint32_t value; /* errno, or milliseconds */
	uint32_t hits;
	int32_t after; /* not before a call of this number; -1: at once, or it has been seen */
	uint32_t most; /* hits; 0: any number */
};

struct call {
	int32_t number;
	int32_t result;
	char text[TEXT_SIZE]; /* "name path path" */
};

struct control {
	uint32_t is_on;
	uint32_t count;	   /* calls since it was set on; of the first CALLS_MAX all is known */
	uint32_t is_idle;  /* delivery waits for something to do */
	uint32_t stranger; /* number of a call that is in no table, plus 1 */
	uint32_t is_loaded;
	uint32_t unused;
	struct fault faults[FAULTS_MAX];
	char root[ROOT_SIZE];
	struct call calls[CALLS_MAX];
};

static volatile struct control *control;

/* ---- the tables ---- */

/* Bits: which arguments are descriptors, which are paths. A path follows its directory. */
#define ARGUMENT(n) (1U << (n))

static const struct description {
	int number;
	const char *name;
	unsigned descriptors, paths;
	int length; /* the argument that says how many bytes, for short ones; -1: none */
	int kind;   /* the argument that is shown behind the name, since it decides; 0: none */
} descriptions[] = {
	{ SYS_openat, "openat", ARGUMENT(0), ARGUMENT(1), -1, 0 },
	{ SYS_openat2, "openat2", ARGUMENT(0), ARGUMENT(1), -1, 0 },
	{ SYS_close, "close", ARGUMENT(0), 0, -1, 0 },
	{ SYS_read, "read", ARGUMENT(0), 0, 2, 0 },
	{ SYS_readv, "readv", ARGUMENT(0), 0, -1, 0 },
	{ SYS_pread64, "pread", ARGUMENT(0), 0, 2, 0 },
	{ SYS_write, "write", ARGUMENT(0), 0, 2, 0 },
	{ SYS_writev, "writev", ARGUMENT(0), 0, -1, 0 },
	{ SYS_pwrite64, "pwrite", ARGUMENT(0), 0, 2, 0 },
	{ SYS_copy_file_range, "copy_file_range", ARGUMENT(0) | ARGUMENT(2), 0, 4, 0 },
	{ SYS_sendfile, "sendfile", ARGUMENT(0) | ARGUMENT(1), 0, 3, 0 },
	{ SYS_lseek, "lseek", ARGUMENT(0), 0, -1, 0 },
	{ SYS_fsync, "fsync", ARGUMENT(0), 0, -1, 0 },
	{ SYS_fdatasync, "fdatasync", ARGUMENT(0), 0, -1, 0 },
	{ SYS_syncfs, "syncfs", ARGUMENT(0), 0, -1, 0 },
	{ SYS_sync_file_range, "sync_file_range", ARGUMENT(0), 0, -1, 3 },
	{ SYS_ftruncate, "ftruncate", ARGUMENT(0), 0, -1, 0 },
	{ SYS_fallocate, "fallocate", ARGUMENT(0), 0, -1, 0 },
	{ SYS_fadvise64, "fadvise", ARGUMENT(0), 0, -1, 0 },
	{ SYS_renameat, "renameat", ARGUMENT(0) | ARGUMENT(2), ARGUMENT(1) | ARGUMENT(3), -1, 0 },
	{ SYS_renameat2, "renameat2", ARGUMENT(0) | ARGUMENT(2), ARGUMENT(1) | ARGUMENT(3), -1, 0 },
	{ SYS_linkat, "linkat", ARGUMENT(0) | ARGUMENT(2), ARGUMENT(1) | ARGUMENT(3), -1, 0 },
	{ SYS_unlinkat, "unlinkat", ARGUMENT(0), ARGUMENT(1), -1, 0 },
	{ SYS_mkdirat, "mkdirat", ARGUMENT(0), ARGUMENT(1), -1, 0 },
	{ SYS_fchmod, "fchmod", ARGUMENT(0), 0, -1, 0 },
	{ SYS_fchmodat, "fchmodat", ARGUMENT(0), ARGUMENT(1), -1, 0 },
	{ SYS_utimensat, "utimensat", ARGUMENT(0), ARGUMENT(1), -1, 0 },
	{ SYS_fstat, "fstat", ARGUMENT(0), 0, -1, 0 },
	{ SYS_newfstatat, "fstatat", ARGUMENT(0), ARGUMENT(1), -1, 0 },
	{ SYS_statx, "statx", ARGUMENT(0), ARGUMENT(1), -1, 0 },
	{ SYS_fstatfs, "fstatfs", ARGUMENT(0), 0, -1, 0 },
	{ SYS_faccessat, "faccessat", ARGUMENT(0), ARGUMENT(1), -1, 0 },
	{ SYS_faccessat2, "faccessat2", ARGUMENT(0), ARGUMENT(1), -1, 0 },
	{ SYS_readlinkat, "readlinkat", ARGUMENT(0), ARGUMENT(1), -1, 0 },
	{ SYS_getdents64, "getdents", ARGUMENT(0), 0, -1, 0 },
	{ SYS_flock, "flock", ARGUMENT(0), 0, -1, 0 },
	{ SYS_fcntl, "fcntl", ARGUMENT(0), 0, -1, 1 },
	{ SYS_ioctl, "ioctl", ARGUMENT(0), 0, -1, 0 },
	{ SYS_dup, "dup", ARGUMENT(0), 0, -1, 0 },
	{ SYS_mmap, "mmap", ARGUMENT(4), 0, -1, 0 },
	{ SYS_epoll_wait, "epoll_wait", 0, 0, -1, 0 },
	{ SYS_epoll_pwait, "epoll_pwait", 0, 0, -1, 0 },
	{ SYS_epoll_pwait2, "epoll_pwait2", 0, 0, -1, 0 },
	{ SYS_poll, "poll", 0, 0, -1, 0 },
};

/* Calls that no file has to do with: they do not come here at all. */
static const int others[] = {
	SYS_rt_sigreturn,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_sigaltstack,
	SYS_exit,
	SYS_exit_group,
	SYS_brk,
	SYS_munmap,
	SYS_mprotect,
	SYS_mremap,
	SYS_madvise,
	SYS_futex,
	SYS_clock_gettime,
	SYS_clock_nanosleep,
	SYS_nanosleep,
	SYS_gettimeofday,
	SYS_time,
	SYS_getrandom,
	SYS_getpid,
	SYS_gettid,
	SYS_tgkill,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_getresuid,
	SYS_getresgid,
	SYS_setuid,
	SYS_setgroups,
	SYS_getgroups,
	SYS_capget,
	SYS_capset,
	SYS_prctl,
	SYS_arch_prctl,
	SYS_prlimit64,
	SYS_getrlimit,
	SYS_setrlimit,
	SYS_umask,
	SYS_uname,
	SYS_sched_getaffinity,
	SYS_sched_yield,
	SYS_set_robust_list,
	SYS_set_tid_address,
	SYS_rseq,
	SYS_epoll_create1,
	SYS_epoll_ctl,
	SYS_timerfd_create,
	SYS_timerfd_settime,
	SYS_eventfd2,
	SYS_pipe2,
	SYS_socketpair,
	SYS_socket,
	SYS_connect,
	SYS_sendto,
	SYS_sendmsg,
	SYS_recvmsg,
	SYS_recvfrom,
	SYS_restart_syscall,
	SYS_getrusage,
	SYS_memfd_create,
	SYS_access,
	SYS_readlink,
};

static const struct description *describe(int number)
{
	for (size_t i = 0; i < COUNT(descriptions); i++)
		if (descriptions[i].number == number)
			return &descriptions[i];
	return NULL;
}

/* ---- calls of our own ---- */

long faults_call(long number, long a, long b, long c, long d, long e, long f);
extern const char faults_return[];

__asm__(".text\n"
	".hidden faults_call\n"
	".hidden faults_return\n"
	".globl faults_call\n"
	".globl faults_return\n"
	".type faults_call, @function\n"
	"faults_call:\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	mov %rdx, %rsi\n"
	"	mov %rcx, %rdx\n"
	"	mov %r8, %r10\n"
	"	mov %r9, %r8\n"
	"	mov 8(%rsp), %r9\n"
	"	syscall\n"
	"faults_return:\n"
	"	ret\n");

static long do_call(int number, const long arguments[6])
{
	return faults_call(number, arguments[0], arguments[1], arguments[2], arguments[3],
			   arguments[4], arguments[5]);
}

/* ---- where a call goes ---- */

static void append(char text[TEXT_SIZE], const char *more, size_t length)
{
	size_t used = strlen(text);

	if (length > TEXT_SIZE - 1 - used)
		length = TEXT_SIZE - 1 - used;
	memcpy(text + used, more, length);
	text[used + length] = '\0';
}

/* Appends where the descriptor lies; whether that is at or below the mail root. */
static bool append_place(char text[TEXT_SIZE], int descriptor)
{
	char link[40], path[512];
	size_t root = strlen((const char *)control->root);
	long length;

	if (descriptor < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
	length = faults_call(SYS_readlinkat, AT_FDCWD, (long)link, (long)path, sizeof(path), 0, 0);
	if (length < (long)root || root == 0 ||
	    memcmp(path, (const char *)control->root, root) != 0)
		return false;
	if (length > (long)root && path[root] != '/')
		return false;
	append(text, " .", 2);
	append(text, path + root, (size_t)length - root);
	return true;
}

static bool is_counted(const struct description *row, const long arguments[6], char text[TEXT_SIZE])
{
	bool is_below = false;
	char kind[24];

	append(text, row->name, strlen(row->name));
	if (row->kind > 0) {
		snprintf(kind, sizeof(kind), ":%ld", arguments[row->kind]);
		append(text, kind, strlen(kind));
	}
	for (int i = 0; i < 6; i++) {
		if (row->descriptors & ARGUMENT(i))
			is_below = append_place(text, (int)arguments[i]) || is_below;
		if (row->paths & ARGUMENT(i)) {
			append(text, "/", 1);
			append(text, (const char *)arguments[i],
			       strlen((const char *)arguments[i]));
		}
	}
	return is_below;
}

/* ---- what becomes of it ---- */

static volatile struct fault *choose(uint32_t index, int number)
{
	volatile struct fault *fault;

	for (size_t i = 0; i < FAULTS_MAX; i++) {
		fault = &control->faults[i];
		if (fault->action == ACTION_NONE || index < fault->first || index > fault->last ||
		    (fault->most > 0 && fault->hits >= fault->most))
			continue;
		if (fault->after == number)
			fault->after = -1;
		else if (fault->after == -1 && (fault->number == -1 || fault->number == number))
			return fault;
	}
	return NULL;
}

static void wait_for(uint32_t milliseconds)
{
	struct timespec time = { milliseconds / 1000, (long)(milliseconds % 1000) * 1000000 };

	faults_call(SYS_nanosleep, (long)&time, (long)&time, 0, 0, 0, 0);
}

/* Half of the bytes, at least one; for writev(2) half of its first piece that has any. */
static long do_short(const struct description *row, long arguments[6])
{
	const struct iovec *pieces = (const void *)arguments[1];
	struct iovec half = { NULL, 0 };

	if (row->length >= 0 && arguments[row->length] > 1)
		arguments[row->length] /= 2;
	if (row->number == SYS_writev) {
		for (long i = 0; i < arguments[2] && half.iov_len == 0; i++)
			half = pieces[i];
		half.iov_len = (half.iov_len + 1) / 2;
		arguments[1] = (long)&half;
		arguments[2] = 1;
	}
	return do_call(row->number, arguments);
}

static long act(const struct description *row, long arguments[6], volatile struct fault *fault)
{
	fault->hits++;
	if (fault->action == ACTION_FAIL && row->number == SYS_close)
		do_call(row->number, arguments); /* as Linux does: the descriptor is gone */
	if (fault->action == ACTION_FAIL)
		return -(long)fault->value;
	if (fault->action == ACTION_SHORT)
		return do_short(row, arguments);
	wait_for(fault->value);
	return do_call(row->number, arguments);
}

static long count(const struct description *row, long arguments[6])
{
	char text[TEXT_SIZE] = "";
	uint32_t index;
	volatile struct fault *fault;
	volatile struct call *call;
	long result;

	if (!control->is_on || !is_counted(row, arguments, text))
		return do_call(row->number, arguments);
	index = control->count++;
	if (index < CALLS_MAX) {
		call = &control->calls[index];
		call->number = row->number;
		memcpy((char *)call->text, text, sizeof(text));
	}
	fault = choose(index, row->number);
	result = fault ? act(row, arguments, fault) : do_call(row->number, arguments);
	if (index < CALLS_MAX)
		control->calls[index].result = (int32_t)result;
	return result;
}

static bool is_waiting(int number)
{
	return number == SYS_epoll_wait || number == SYS_epoll_pwait ||
	       number == SYS_epoll_pwait2 || number == SYS_poll;
}

static void on_call(int signal, siginfo_t *information, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	long arguments[6] = { registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
			      registers[REG_R10], registers[REG_R8],  registers[REG_R9] };
	int number = information->si_syscall;
	const struct description *row = describe(number);
	long result;

	(void)signal;
	if (!row)
		control->stranger = (uint32_t)number + 1;
	if (is_waiting(number))
		control->is_idle = 1;
	result = row ? count(row, arguments) : do_call(number, arguments);
	if (is_waiting(number) && result != 0)
		control->is_idle = 0;
	registers[REG_RAX] = result;
}

/* ---- the filter ---- */

#define FIELD(name) ((uint32_t)offsetof(struct seccomp_data, name))
#define LOAD(offset) (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define EQUAL(value, then, or) \
	(struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, or)
#define RETURN(value) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, value)

static bool install_filter(void)
{
	struct sock_filter filter[2 * COUNT(others) + 16];
	struct sock_fprog program = { 0, filter };
	uint64_t ours = (uint64_t)(uintptr_t)faults_return;
	unsigned short used = 0;

	filter[used++] = LOAD(FIELD(arch));
	filter[used++] = EQUAL(AUDIT_ARCH_X86_64, 1, 0);
	filter[used++] = RETURN(SECCOMP_RET_ALLOW);
	filter[used++] = LOAD(FIELD(instruction_pointer));
	filter[used++] = EQUAL((uint32_t)ours, 0, 3);
	filter[used++] = LOAD(FIELD(instruction_pointer) + 4);
	filter[used++] = EQUAL((uint32_t)(ours >> 32), 0, 1);
	filter[used++] = RETURN(SECCOMP_RET_ALLOW);
	filter[used++] = LOAD(FIELD(nr));
	for (size_t i = 0; i < COUNT(others); i++) {
		filter[used++] = EQUAL((uint32_t)others[i], 0, 1);
		filter[used++] = RETURN(SECCOMP_RET_ALLOW);
	}
	filter[used++] = RETURN(SECCOMP_RET_TRAP);
	program.len = used;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static bool share(const char *path)
{
	int file = open(path, O_RDWR | O_CLOEXEC);
	void *place;

	if (file < 0)
		return false;
	place = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	if (place == MAP_FAILED)
		return false;
	control = place;
	return true;
}

__attribute__((constructor)) static void begin(void)
{
	struct sigaction action = { .sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER };
	const char *path = getenv("POSTERN_FAULTS");

	if (path && share(path) && sigaction(SIGSYS, &action, NULL) == 0 && install_filter()) {
		control->is_loaded++;
		return;
	}
	perror("faults.so");
	_exit(70);
}

#endif
