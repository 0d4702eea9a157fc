/*
 * programs.c - the programs that the master starts
 *
 * Runs in: posternd.  Privilege: root, at the start.
 * Trusts: the folder that common/confine/programs.c finds.
 */
#include "master/programs.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "common/confine/programs.h"

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

bool programs_open(int programs[PROCESS_COUNT], struct problem *problem)
{
	char folder[PATH_MAX], path[PATH_MAX];

	programs_folder(folder);
	for (unsigned i = PROCESS_MASTER + 1; i < PROCESS_COUNT; i++) {
		if (!program_path(folder, i, path))
			return problem_set(problem, "%s: the path is too long", folder);
		programs[i] = open_high(path, O_RDONLY);
		if (programs[i] < 0)
			return problem_errno(problem, "program %s", path);
	}
	return true;
}
