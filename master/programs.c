/*
 * programs.c - the programs that the master starts
 *
 * Runs in: posternd.  Privilege: root, at the start.
 * Trusts: the folder it was started from, and where it was installed to.
 */
#include "master/programs.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

/* 0 to 2 are the standard streams, 3 is the channel of a child. */
#define FIRST_HIGH 10

int open_high(const char *path, int flags)
{
	int low = open(path, flags | O_CLOEXEC);
	int high;

	if (low < 0)
		return -1;
	high = fcntl(low, F_DUPFD_CLOEXEC, FIRST_HIGH);
	close(low);
	return high;
}

static bool path_in(const char *folder, enum process process, char path[PATH_MAX])
{
	int length = snprintf(path, PATH_MAX, "%s/%s", folder, process_describe(process)->program);

	return length > 0 && length < PATH_MAX;
}

static bool has_all_programs(const char *folder)
{
	char path[PATH_MAX];

	for (unsigned i = PROCESS_MASTER + 1; i < PROCESS_COUNT; i++)
		if (!path_in(folder, i, path) || access(path, X_OK) != 0)
			return false;
	return true;
}

/* The folder that posternd itself lies in; "" where /proc does not tell. */
static void own_folder(char folder[PATH_MAX])
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[length > 0 ? length : 0] = '\0';
	strlcpy(folder, length > 0 ? dirname(path) : "", PATH_MAX);
}

bool programs_open(int programs[PROCESS_COUNT], struct problem *problem)
{
	char folder[PATH_MAX], path[PATH_MAX];

	own_folder(folder);
	if (!has_all_programs(folder))
		strlcpy(folder, POSTERN_LIBEXECDIR, sizeof(folder));
	for (unsigned i = PROCESS_MASTER + 1; i < PROCESS_COUNT; i++) {
		if (!path_in(folder, i, path))
			return problem_set(problem, "%s: the path is too long", folder);
		programs[i] = open_high(path, O_RDONLY);
		if (programs[i] < 0)
			return problem_errno(problem, "program %s", path);
	}
	return true;
}
