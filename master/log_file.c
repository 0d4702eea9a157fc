/*
 * log_file.c - opens what `log { to = ... }` names
 *
 * Runs in: posternd.  Privilege: root at the start, its own user at a reload.
 * Distrusts: what lies at the path, where others may write its folder.
 * Trusts: the configuration.
 */
#include "master/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <bsd/string.h>

#define SYSLOG_PATH "/dev/log"
/* A syslog daemon that hangs must not hang the mail: a line waits so long (microseconds). */
#define SYSLOG_LONGEST 200000

static bool connect_syslog(int descriptor)
{
	const struct timeval longest = { .tv_usec = SYSLOG_LONGEST };
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strlcpy(address.sun_path, SYSLOG_PATH, sizeof(address.sun_path));
	return setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof(longest)) == 0 &&
	       connect(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static int open_syslog(const char *to, const struct identity *owner, struct problem *problem)
{
	int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)to;
	(void)owner;
	if (descriptor >= 0 && connect_syslog(descriptor))
		return descriptor;
	problem_set(
		problem,
		"log: %s: %s: start a syslog daemon, or write log { to = \"stderr\" } or a file",
		SYSLOG_PATH, strerror(errno));
	if (descriptor >= 0)
		close(descriptor);
	return -1;
}

static int open_stderr(const char *to, const struct identity *owner, struct problem *problem)
{
	(void)to;
	(void)owner;
	(void)problem;
	return STDERR_FILENO;
}

/* A file with a second name could be anybody's: it is neither written nor given away. */
static bool is_a_log(int descriptor, const char *to, const struct identity *owner,
		     struct problem *problem)
{
	struct stat status;

	if (fstat(descriptor, &status) != 0)
		return problem_errno(problem, "log: %s", to);
	if (S_ISCHR(status.st_mode))
		return true;
	if (!S_ISREG(status.st_mode) || status.st_nlink != 1)
		return problem_set(problem, "log: %s is not a regular file with one name", to);
	if (geteuid() == 0 && status.st_uid == 0 &&
	    fchown(descriptor, owner->user, owner->group) != 0)
		return problem_errno(problem, "log: %s", to);
	return true;
}

static int open_file(const char *to, const struct identity *owner, struct problem *problem)
{
	int descriptor = open(
		to, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		0640);

	if (descriptor < 0) {
		problem_errno(problem, "log: %s", to);
		return -1;
	}
	if (is_a_log(descriptor, to, owner, problem) && fcntl(descriptor, F_SETFL, O_APPEND) == 0)
		return descriptor;
	close(descriptor);
	return -1;
}

static const struct {
	const char *word;
	int (*open)(const char *to, const struct identity *owner, struct problem *problem);
} destinations[] = {
	{ "syslog", open_syslog },
	{ "stderr", open_stderr },
	{ NULL, open_file },
};

bool log_file_open(const struct configuration *configuration, const struct identity *owner,
		   struct log_settings *settings, struct problem *problem)
{
	const char *to = configuration->log.to;
	size_t i = 0;

	while (destinations[i].word && strcmp(destinations[i].word, to) != 0)
		i++;
	settings->descriptor = destinations[i].open(to, owner, problem);
	settings->is_syslog = destinations[i].open == open_syslog;
	settings->format = configuration->log.format == LOG_FORMAT_JSON ? LOG_JSON : LOG_KEY_VALUE;
	settings->verbose = configuration->log.verbose;
	return settings->descriptor >= 0;
}

void log_file_close(struct log_settings *settings)
{
	if (settings->descriptor > STDERR_FILENO)
		close(settings->descriptor);
	settings->descriptor = -1;
}
