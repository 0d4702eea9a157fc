/*
 * recorder.c - follows the system calls of a traced delivery
 *
 * Runs in: postern prove.  Privilege: the mail user's, or that of the caller.
 * Distrusts: the delivery program: what it does that is not understood is an
 * error.
 *
 * PTRACE_GET_SYSCALL_INFO tells number, arguments and result of a call on
 * every architecture in the same way.
 */
#include "control/recorder.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/ptrace.h>

#include "control/calls.h"
#include "control/inodes.h"

#define OPTIONS                                                                                \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | \
	 PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)
#define SYSTEM_CALL_STOP (SIGTRAP | 0x80) /* PTRACE_O_TRACESYSGOOD */

bool recorder_open(struct recorder *recorder, struct operations *operations, int root,
		   struct problem *problem)
{
	recorder->operations = operations;
	operations_init(operations);
	if (!inodes_begin(recorder, root, problem))
		return false;
	recorder_note(recorder, &(struct operation){ .type = OPERATION_SYNC_ALL, .call = "start" });
	operations->first = operations->count;
	return true;
}

void recorder_close(struct recorder *recorder)
{
	free(recorder->known);
	free(recorder->holds);
	recorder->known = NULL;
	recorder->holds = NULL;
}

void recorder_note(struct recorder *recorder, const struct operation *operation)
{
	operations_add(recorder->operations, operation);
}

/* ---- stops ---- */

/* What a wait status asks to be done: the signal to go on with, or the end. */
enum stop { STOP_AT_CALL, STOP_AT_EVENT, STOP_BY_SIGNAL, STOP_ENDED };

static enum stop kind_of_stop(int status)
{
	if (!WIFSTOPPED(status))
		return STOP_ENDED;
	if (WSTOPSIG(status) == SYSTEM_CALL_STOP)
		return STOP_AT_CALL;
	return status >> 16 != 0 ? STOP_AT_EVENT : STOP_BY_SIGNAL;
}

static bool wait_for(pid_t pid, int *status, struct problem *problem)
{
	while (waitpid(pid, status, __WALL) < 0)
		if (errno != EINTR)
			return problem_errno(problem, "waiting for delivery");
	return true;
}

static bool go_on(const struct recorder *recorder, int number, struct problem *problem)
{
	if (ptrace(PTRACE_SYSCALL, recorder->pid, NULL, (void *)(intptr_t)number) == 0)
		return true;
	return problem_errno(problem, "ptrace");
}

/* A call between its entry and its exit. */
struct under_way {
	struct call call;
	bool is_there;
};

/* The event loop waits, and not only looks. */
static bool is_idle(const struct call *call)
{
	static const long waits[] = {
#ifdef __NR_epoll_wait
		__NR_epoll_wait,
#endif
		__NR_epoll_pwait,
		__NR_epoll_pwait2,
	};

	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		if (call->number == (uint64_t)waits[i])
			return call->arguments[3] != 0;
	return false;
}

static bool enter(struct recorder *recorder, struct under_way *under_way,
		  const struct ptrace_syscall_info *info, struct problem *problem)
{
	under_way->is_there = true;
	under_way->call = (struct call){ .number = info->entry.nr };
	for (size_t i = 0; i < 6; i++)
		under_way->call.arguments[i] = info->entry.args[i];
	return !is_idle(&under_way->call) || recorder->idle(recorder->context, problem);
}

static bool leave(struct recorder *recorder, struct under_way *under_way,
		  const struct ptrace_syscall_info *info, struct problem *problem)
{
	bool is_whole = under_way->is_there;

	under_way->is_there = false;
	under_way->call.result = info->exit.rval;
	/* What fails changes nothing. */
	return !is_whole || info->exit.is_error || call_note(recorder, &under_way->call, problem);
}

static bool at_call(struct recorder *recorder, struct under_way *under_way, struct problem *problem)
{
	struct ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, recorder->pid, (void *)sizeof(info), &info) <= 0)
		return problem_errno(problem, "ptrace(PTRACE_GET_SYSCALL_INFO)");
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		return enter(recorder, under_way, &info, problem);
	if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		return leave(recorder, under_way, &info, problem);
	return true;
}

/* PTRACE_EVENT_EXEC is a script's interpreter or the like; all others make a process. */
static bool at_event(int status, struct problem *problem)
{
	if (status >> 16 == PTRACE_EVENT_EXEC || status >> 16 == PTRACE_EVENT_STOP)
		return true;
	return problem_set(problem, "delivery starts another process or thread, which the recorder "
				    "does not follow");
}

static bool has_ended_well(struct recorder *recorder, int status, struct problem *problem)
{
	recorder->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFEXITED(status))
		return problem_set(problem, "delivery ended with status %d", WEXITSTATUS(status));
	return problem_set(problem, "delivery was ended by signal %d", WTERMSIG(status));
}

bool recorder_run(struct recorder *recorder, struct problem *problem)
{
	struct under_way under_way = { .is_there = false };
	int status, number = 0;
	enum stop stop;

	/* The stop of the exec. */
	if (!wait_for(recorder->pid, &status, problem))
		return false;
	if (!WIFSTOPPED(status))
		return has_ended_well(recorder, status, problem);
	if (ptrace(PTRACE_SETOPTIONS, recorder->pid, NULL, (void *)OPTIONS) != 0)
		return problem_errno(problem, "ptrace(PTRACE_SETOPTIONS)");
	while (go_on(recorder, number, problem) && wait_for(recorder->pid, &status, problem)) {
		number = 0;
		stop = kind_of_stop(status);
		if (stop == STOP_ENDED)
			return has_ended_well(recorder, status, problem);
		if (stop == STOP_BY_SIGNAL)
			number = WSTOPSIG(status);
		else if (!(stop == STOP_AT_CALL ? at_call(recorder, &under_way, problem)
						: at_event(status, problem)))
			return false;
	}
	return false;
}
