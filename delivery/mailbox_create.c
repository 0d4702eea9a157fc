/*
 * mailbox_create.c - makes missing mailboxes, looks for what lies in them
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: what lies in the mail root.  Trusts: the paths, from the tables.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bsd/string.h>

#include "common/log/log.h"
#include "delivery/maildir.h"
#include "delivery/system_calls.h"

/* new/ comes last: where it is, the others are. */
static const char *const folders[] = { "tmp", "cur", "new" };

/* What is there already must be a directory of our own user (and no link to one). */
static bool is_own_directory(int parent, const char *name)
{
	struct stat status;

	if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	if (!S_ISDIR(status.st_mode))
		errno = ENOTDIR;
	else if (status.st_uid != geteuid())
		errno = EPERM;
	else
		return true;
	return false;
}

/* Makes one directory unless it is there. False with errno set. */
static bool make(int parent, const char *name, bool synced, bool *made)
{
	if (mkdirat(parent, name, 0700) == 0) {
		*made = true;
		return !synced || fsync(parent) == 0;
	}
	return errno == EEXIST && is_own_directory(parent, name);
}

/* Makes `name` in `parent` and opens it; closes `parent` unless it is the root. */
static int enter(int root, int parent, const char *name, bool synced, bool *made)
{
	int saved, child = -1;

	if (make(parent, name, synced, made))
		child = open_beneath(parent, name, O_RDONLY | O_DIRECTORY);
	saved = errno;
	if (parent != root)
		close(parent);
	errno = saved;
	return child;
}

static bool make_folders(int box, bool synced, bool *made)
{
	bool changed = false;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (!make(box, folders[i], false, &changed))
			return false;
	*made = *made || changed;
	return !changed || !synced || fsync(box) == 0;
}

/* The directories of the path, then the three of the mailbox. */
static bool create(int root, char *path, bool synced, bool *made)
{
	int saved, box = root;
	bool complete;
	char *name, *rest = path;

	while ((name = strsep(&rest, "/")) && box >= 0)
		if (*name)
			box = enter(root, box, name, synced, made);
	if (box < 0)
		return false;
	complete = make_folders(box, synced, made);
	saved = errno;
	if (box != root)
		close(box);
	errno = saved;
	return complete;
}

int maildir_create(int root, const char *path, const char *address, bool synced,
		   struct problem *problem)
{
	char copy[PATH_MAX];
	struct log_line line;
	bool made = false;

	errno = ENAMETOOLONG;
	if (strlcpy(copy, path, sizeof(copy)) >= sizeof(copy) ||
	    !create(root, copy, synced, &made)) {
		problem_errno(problem, "cannot make mailbox %s", address);
		return -1;
	}
	if (!made)
		return 0;
	log_begin(&line, EVENT_MAILBOX, NULL);
	log_text(&line, "mailbox", address);
	log_end(&line);
	return 1;
}

bool maildir_exists(int root, const char *path)
{
	char copy[PATH_MAX];
	int folder;

	if ((size_t)snprintf(copy, sizeof(copy), "%s/new", path) >= sizeof(copy))
		return false;
	folder = open_beneath(root, copy, O_PATH | O_DIRECTORY);
	if (folder < 0)
		return false;
	close(folder);
	return true;
}

/* readdir(3) tells the end from an error by errno alone. */
static int search(DIR *directory, const char *prefix)
{
	size_t length = strlen(prefix);
	const struct dirent *entry;

	errno = 0;
	while ((entry = readdir(directory)))
		if (strncmp(entry->d_name, prefix, length) == 0)
			return 1;
	return errno == 0 ? 0 : -1;
}

int maildir_find(int root, const char *path, const char *folder, const char *prefix)
{
	char copy[PATH_MAX];
	DIR *directory;
	int descriptor, found, saved;

	if ((size_t)snprintf(copy, sizeof(copy), "%s/%s", path, folder) >= sizeof(copy)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	descriptor = open_beneath(root, copy, O_RDONLY | O_DIRECTORY);
	if (descriptor < 0)
		return errno == ENOENT ? 0 : -1;
	directory = fdopendir(descriptor);
	if (!directory) {
		close(descriptor);
		return -1;
	}
	found = search(directory, prefix);
	if (found == 1 && fsync(descriptor) != 0)
		found = -1;
	saved = errno;
	closedir(directory);
	errno = saved;
	return found;
}
