/*
 * stop_at.c - runs a command, and kills one of its processes at the Nth system call it makes
 *
 *	stop_at DESCRIPTOR PROGRAM COMMAND [ARGUMENT...]
 *
 * Runs in: the end-to-end tests.  Privilege: its caller's.
 * Distrusts: nothing.
 *
 * It becomes the command. A process beside it, the tracer, follows the command and its children by
 * ptrace(2) until one of them executes PROGRAM; that one it watches, the others go on untouched. It
 * must be there from the start: who has made itself undumpable cannot be attached to by its own
 *user.
 *
 * Over DESCRIPTOR, a stream socket, the test writes lines:
 *
 *	arm N before|after PID	count the calls from now on, and kill at the Nth: it is not
 *				executed, or it is; N of 0 only counts; PID, if it is not 0, is
 *				killed first
 *	disarm			count no longer
 *
 * and reads:
 *
 *	ready | refused WHY	at the start: whether ptrace is allowed here
 *	attached PID		PROGRAM has been executed
 *	armed			answers arm, once counting has begun
 *	calls NAME...		answers disarm: those that were counted
 *	killed N NAME		the Nth call is NAME
 *	ended NAME...		it has ended by itself or by another's doing, after these calls
 */
#include <elf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "tests/crash/call_names.h"

/* A task's name in /proc is cut. */
#define COMM_SIZE 16
#define LINE_MAX_BYTES 64
/* Calls whose names are kept; later ones are counted only. */
#define CALLS_MAX 65536

#define OPTIONS                                                                                   \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
	 PTRACE_O_TRACEEXEC)

struct tracer {
	FILE *out;
	int in;
	char program[COMM_SIZE];
	pid_t first;  /* the command */
	pid_t target; /* executes PROGRAM; 0: none yet, or no longer */
	char line[LINE_MAX_BYTES];
	size_t line_length;

	bool is_armed;
	bool is_announced;
	bool kills_after;
	bool is_inside;	 /* between entry and exit of the call */
	pid_t companion; /* dies with it */
	unsigned long goal;
	unsigned long count;
	unsigned long calls[CALLS_MAX];
};

static void say(struct tracer *tracer, const char *text)
{
	fprintf(tracer->out, "%s\n", text);
	fflush(tracer->out);
}

/* ---- what the test says ---- */

static void arm(struct tracer *tracer, unsigned long goal, bool after, pid_t companion)
{
	tracer->is_armed = true;
	tracer->is_announced = false;
	tracer->is_inside = false;
	tracer->kills_after = after;
	tracer->companion = companion;
	tracer->goal = goal;
	tracer->count = 0;
	/* Counting begins when it stops for this; without a target, with its first call. */
	if (tracer->target != 0)
		ptrace(PTRACE_INTERRUPT, tracer->target, NULL, NULL);
}

static void say_calls(struct tracer *tracer, const char *word)
{
	unsigned long known = tracer->count < CALLS_MAX ? tracer->count : CALLS_MAX;

	tracer->is_armed = false;
	fputs(word, tracer->out);
	for (unsigned long i = 0; i < known; i++)
		fprintf(tracer->out, " %s", call_name(tracer->calls[i]));
	say(tracer, "");
}

static void obey(struct tracer *tracer, const char *line)
{
	unsigned long goal;
	int companion;
	char when[8];

	if (sscanf(line, "arm %lu %7s %d", &goal, when, &companion) == 3)
		arm(tracer, goal, strcmp(when, "after") == 0, companion);
	else if (strcmp(line, "disarm") == 0)
		say_calls(tracer, "calls");
	else
		say(tracer, "what?");
}

/* False: the test has gone. */
static bool read_commands(struct tracer *tracer)
{
	char byte;
	ssize_t got;

	while ((got = read(tracer->in, &byte, 1)) == 1) {
		if (byte != '\n' && tracer->line_length < LINE_MAX_BYTES - 1) {
			tracer->line[tracer->line_length++] = byte;
			continue;
		}
		tracer->line[tracer->line_length] = '\0';
		tracer->line_length = 0;
		obey(tracer, tracer->line);
		return true;
	}
	return got != 0;
}

/* ---- what the processes do ---- */

static void resume(struct tracer *tracer, pid_t pid, int signal)
{
	bool counts = tracer->is_armed && pid == tracer->target;

	if (counts && !tracer->is_announced) {
		tracer->is_announced = true;
		say(tracer, "armed");
	}
	ptrace(counts ? PTRACE_SYSCALL : PTRACE_CONT, pid, NULL, (void *)(long)signal);
}

static void kill_target(struct tracer *tracer, unsigned long call)
{
	if (tracer->companion > 0)
		kill(tracer->companion, SIGKILL);
	kill(tracer->target, SIGKILL);
	fprintf(tracer->out, "killed %lu ", tracer->count);
	say(tracer, call_name(call));
	tracer->target = 0;
	tracer->is_armed = false;
}

/* A stop at a system call: the kernel says which end of it. */
static void on_call(struct tracer *tracer, pid_t pid)
{
	struct __ptrace_syscall_info info;
	bool is_last;

	if (!tracer->is_armed || pid != tracer->target ||
	    ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) <= 0) {
		resume(tracer, pid, 0);
		return;
	}
	tracer->is_inside = info.op == PTRACE_SYSCALL_INFO_ENTRY;
	if (tracer->is_inside) {
		if (tracer->count < CALLS_MAX)
			tracer->calls[tracer->count] = (unsigned long)info.entry.nr;
		tracer->count++;
	}
	/* An exit without its entry: what it was in when counting began. */
	is_last = tracer->count > 0 && tracer->count == tracer->goal;
	if (is_last && tracer->is_inside != tracer->kills_after)
		kill_target(tracer, tracer->calls[(tracer->count - 1) % CALLS_MAX]);
	else
		resume(tracer, pid, 0);
}

static bool executes_program(const struct tracer *tracer, pid_t pid)
{
	char path[64], comm[COMM_SIZE + 1] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(comm, sizeof(comm), file))
		comm[0] = '\0';
	fclose(file);
	comm[strcspn(comm, "\n")] = '\0';
	return strcmp(comm, tracer->program) == 0;
}

static void on_exec(struct tracer *tracer, pid_t pid)
{
	if (executes_program(tracer, pid)) {
		tracer->target = pid;
		fprintf(tracer->out, "attached %d\n", (int)pid);
		fflush(tracer->out);
		resume(tracer, pid, 0);
	} else if (pid != tracer->first) {
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
	} else {
		resume(tracer, pid, 0);
	}
}

static bool stops_a_group(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

static void on_event(struct tracer *tracer, pid_t pid, int event, int signal)
{
	if (event == PTRACE_EVENT_EXEC)
		on_exec(tracer, pid);
	else if (event == PTRACE_EVENT_STOP && stops_a_group(signal))
		ptrace(PTRACE_LISTEN, pid, NULL, NULL);
	else if (event == PTRACE_EVENT_STOP && tracer->target == tracer->first &&
		 pid != tracer->first)
		/* A child of the one that is watched. */
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
	else
		resume(tracer, pid, 0);
}

static void on_end(struct tracer *tracer, pid_t pid)
{
	if (pid != tracer->target)
		return;
	say_calls(tracer, "ended");
	tracer->target = 0;
}

/* False: none of them is left. */
static bool reap(struct tracer *tracer)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
		if (!WIFSTOPPED(status))
			on_end(tracer, pid);
		else if (status >> 16 != 0)
			on_event(tracer, pid, status >> 16, WSTOPSIG(status));
		else if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			on_call(tracer, pid);
		else
			resume(tracer, pid, WSTOPSIG(status));
	}
	return pid == 0;
}

static void watch(struct tracer *tracer, int signals)
{
	struct pollfd polled[2] = { { .fd = tracer->in, .events = POLLIN },
				    { .fd = signals, .events = POLLIN } };
	struct signalfd_siginfo ignored;

	while (reap(tracer)) {
		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			return;
		if (polled[1].revents != 0 && read(signals, &ignored, sizeof(ignored)) < 0)
			return;
		if (polled[0].revents != 0 && !read_commands(tracer))
			return;
	}
}

/* ---- the start ---- */

/* Attaches to the first process, which waits for a byte out of `go`. */
static void trace(int descriptor, const char *program, pid_t first, int go)
{
	static struct tracer tracer;
	sigset_t set;
	int signals;

	tracer.in = descriptor;
	tracer.out = fdopen(descriptor, "w");
	tracer.first = first;
	snprintf(tracer.program, sizeof(tracer.program), "%s", program);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (!tracer.out || signals < 0 ||
	    ptrace(PTRACE_SEIZE, first, NULL, (void *)(long)OPTIONS) != 0) {
		dprintf(descriptor, "refused %s\n", strerror(errno));
		return;
	}
	say(&tracer, "ready");
	if (write(go, "", 1) == 1)
		watch(&tracer, signals);
}

/* Its parent is whoever takes orphans: the command must not find a child it does not know. */
static void start_tracer(int descriptor, const char *program, int go)
{
	pid_t first = getpid();
	pid_t between = fork();

	if (between == 0) {
		if (fork() == 0) {
			setsid();
			trace(descriptor, program, first, go);
		}
		_exit(0);
	}
	waitpid(between, NULL, 0);
}

int main(int argc, char **argv)
{
	int descriptor, go[2];
	char byte;

	if (argc < 4) {
		fputs("usage: stop_at DESCRIPTOR PROGRAM COMMAND [ARGUMENT...]\n", stderr);
		return EX_USAGE;
	}
	descriptor = atoi(argv[1]);
	if (pipe(go) != 0)
		return EX_OSERR;
	/* Where only ancestors may trace (Yama); elsewhere it means nothing. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	start_tracer(descriptor, argv[2], go[1]);
	close(go[1]);
	close(descriptor);
	if (read(go[0], &byte, 1) != 1)
		return EX_NOPERM;
	close(go[0]);
	execv(argv[3], argv + 3);
	perror(argv[3]);
	return EX_UNAVAILABLE;
}
