/*
 * background.c - the daemon, and the one who waits until it listens
 *
 * Runs in: posternd.  Privilege: that of the one who starts it.
 * Trusts: its own other half.
 */
#include "master/background.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/fail/fail.h"

/* The status of a daemon that ended before it was ready; never 0. */
static int failed_status(pid_t daemon)
{
	int status = 0;

	while (waitpid(daemon, &status, 0) < 0)
		if (errno != EINTR)
			return EX_OSERR;
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return WEXITSTATUS(status);
	return EX_SOFTWARE;
}

/* The daemon writes one byte when it is ready; its end closes the pipe. */
static _Noreturn void wait_until_ready(int descriptor, pid_t daemon)
{
	ssize_t got;
	char byte;

	do {
		got = read(descriptor, &byte, 1);
	} while (got < 0 && errno == EINTR);
	_exit(got == 1 ? 0 : failed_status(daemon));
}

int background_enter(void)
{
	int ends[2];
	pid_t daemon;

	if (pipe2(ends, O_CLOEXEC) != 0)
		fail_exit(EX_OSERR, "pipe: %s", strerror(errno));
	daemon = fork();
	if (daemon < 0)
		fail_exit(EX_OSERR, "fork: %s", strerror(errno));
	if (daemon > 0) {
		close(ends[1]);
		wait_until_ready(ends[0], daemon);
	}
	close(ends[0]);
	if (setsid() < 0 || chdir("/") != 0)
		fail_exit(EX_OSERR, "setsid: %s", strerror(errno));
	return ends[1];
}

void background_tell_ready(int descriptor)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	ssize_t written;

	for (int standard = 0; null >= 0 && standard <= 2; standard++)
		dup2(null, standard);
	if (null > 2)
		close(null);
	do {
		written = write(descriptor, "", 1);
	} while (written < 0 && errno == EINTR);
	close(descriptor);
}
