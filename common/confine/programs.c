/*
 * programs.c - where the programs of the process table lie
 *
 * Runs in: posternd, postern.  Privilege: root, at the start.
 * Trusts: the folder it was started from, and where it was installed to.
 */
#include "common/confine/programs.h"

#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

#include <bsd/string.h>

bool program_path(const char *folder, enum process process, char path[PATH_MAX])
{
	int length = snprintf(path, PATH_MAX, "%s/%s", folder, process_describe(process)->program);

	return length > 0 && length < PATH_MAX;
}

static bool has_all_programs(const char *folder)
{
	char path[PATH_MAX];

	for (unsigned i = PROCESS_MASTER + 1; i < PROCESS_COUNT; i++)
		if (!program_path(folder, i, path) || access(path, X_OK) != 0)
			return false;
	return true;
}

/* The folder that the program itself lies in; "" where /proc does not tell. */
static void own_folder(char folder[PATH_MAX])
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[length > 0 ? length : 0] = '\0';
	strlcpy(folder, length > 0 ? dirname(path) : "", PATH_MAX);
}

void programs_folder(char folder[PATH_MAX])
{
	own_folder(folder);
	if (!has_all_programs(folder))
		strlcpy(folder, POSTERN_LIBEXECDIR, PATH_MAX);
}
