/*
 * scratch.c - folders that are made for a while
 *
 * Runs in: postern prove.  Privilege: that of the caller, root perhaps.
 * Distrusts: what lies in them: no link is followed, and another file system
 * is not entered.
 */
#include "control/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

int scratch_make_folder(int parent, const char *name)
{
	return mkdirat(parent, name, 0700) == 0 ? openat(parent, name, FOLDER_FLAGS) : -1;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Whether a name is a folder's need not be known: then unlinkat(2) tells. */
static void empty_folder(int folder, void (*on_folder)(int parent, const char *name))
{
	DIR *directory = fdopendir(openat(folder, ".", FOLDER_FLAGS));
	const struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		if (is_dots(entry->d_name))
			continue;
		if (entry->d_type == DT_DIR || unlinkat(folder, entry->d_name, 0) != 0)
			on_folder(folder, entry->d_name);
	}
	if (directory)
		closedir(directory);
}

static void remove_files(int parent, const char *name)
{
	int folder = openat(parent, name, FOLDER_FLAGS);

	if (folder < 0)
		return;
	empty_folder(folder, remove_files);
	close(folder);
}

int scratch_reopen_folder(int parent, const char *name)
{
	remove_files(parent, name);
	return openat(parent, name, FOLDER_FLAGS);
}

static bool is_on(int folder, int parent)
{
	struct stat own, above;

	return fstat(folder, &own) == 0 && fstat(parent, &above) == 0 && own.st_dev == above.st_dev;
}

void scratch_remove(int parent, const char *name)
{
	int folder = openat(parent, name, FOLDER_FLAGS);

	if (folder >= 0 && is_on(folder, parent))
		empty_folder(folder, scratch_remove);
	if (folder >= 0)
		close(folder);
	(void)unlinkat(parent, name, AT_REMOVEDIR);
}
