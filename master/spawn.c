/*
 * spawn.c - fork and exec: how a process comes to be
 *
 * Runs in: posternd, and in its child until the exec.  Privilege: CAP_SETUID, CAP_SETGID.
 * Trusts: the programs that were opened at the start.
 */
#include "master/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/frame/channel.h"

extern char **environ;

/* What a child inherits of the environment: how a sanitizer reports, nothing in other builds. */
static const char *const inherited[] = {
#ifdef POSTERN_SANITIZED
	"ASAN_OPTIONS=",
	"LSAN_OPTIONS=",
	"UBSAN_OPTIONS=",
#endif
	NULL,
};
#define INHERITED_MOST (sizeof(inherited) / sizeof(inherited[0]))

/* Signals of a terminal or of a session's end are the master's business. */
static const int ignored[] = { SIGINT, SIGHUP };

/* Between fork and exec only async-signal-safe functions are called: signal-safety(7). */
static _Noreturn void give_up(int status, const char *text)
{
	(void)!write(STDERR_FILENO, text, strlen(text));
	_exit(status);
}

static void inherit_environment(char *environment[INHERITED_MOST])
{
	size_t count = 0;

	for (size_t i = 0; inherited[i]; i++)
		for (char **entry = environ; entry && *entry; entry++)
			if (strncmp(*entry, inherited[i], strlen(inherited[i])) == 0) {
				environment[count++] = *entry;
				break;
			}
	environment[count] = NULL;
}

/* All signals are blocked here still, so that no handler of the master runs in the child. */
static void reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		sigaction(number, &action, NULL);
	action.sa_handler = SIG_IGN;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		sigaction(ignored[i], &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The order matters: the channel may lie at one of the numbers that are filled. */
static bool arrange_descriptors(const struct master *master, int channel)
{
	int error = master->line.foreground ? STDERR_FILENO : master->null;

	if (channel == CHANNEL_DESCRIPTOR ? fcntl(channel, F_SETFD, 0) != 0
					  : dup2(channel, CHANNEL_DESCRIPTOR) < 0)
		return false;
	if (error != STDERR_FILENO && dup2(error, STDERR_FILENO) < 0)
		return false;
	return dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 && dup2(master->null, STDIN_FILENO) >= 0 &&
	       syscall(SYS_close_range, CHANNEL_DESCRIPTOR + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

static _Noreturn void become_program(const struct master *master, enum process process, int channel)
{
	const char *program = process_describe(process)->program;
	char *arguments[] = { (char *)program, NULL };
	char *environment[INHERITED_MOST];

	inherit_environment(environment);
	if (master->is_root && !confine_become(&master->identities[process]))
		give_up(EX_NOPERM, "posternd: a process cannot become its user\n");
	if (!arrange_descriptors(master, channel))
		give_up(EX_OSERR, "posternd: a process cannot arrange its descriptors\n");
	reset_signals();
	fexecve(master->programs[process], arguments, environment);
	give_up(EX_OSFILE, "posternd: a program cannot be executed\n");
}

pid_t spawn_process(const struct master *master, enum process process, int channel)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, &before) != 0)
		return -1;
	pid = fork();
	if (pid == 0)
		become_program(master, process, channel);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}
