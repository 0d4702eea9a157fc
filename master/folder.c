/*
 * folder.c - folders that the master opens for others: mail root, spool
 *
 * Runs in: posternd.  Privilege: root at the start, CAP_DAC_READ_SEARCH at a reload.
 * Distrusts: what lies in the file system, as others may write there too.
 * Trusts: the configuration's paths.
 */
#include "master/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* A path, split at its last component. */
struct parts {
	char above[PATH_MAX];
	char name[PATH_MAX];
};

static bool split(const char *path, struct parts *parts)
{
	char copy[PATH_MAX];

	if (strlcpy(copy, path, sizeof(copy)) >= sizeof(copy))
		return false;
	strlcpy(parts->above, dirname(copy), sizeof(parts->above));
	strlcpy(copy, path, sizeof(copy));
	strlcpy(parts->name, basename(copy), sizeof(parts->name));
	return true;
}

/* Whether this process can make something that belongs to `owner`. */
static bool may_make_for(const struct identity *owner)
{
	return geteuid() == 0 || geteuid() == owner->user;
}

/* Opens `name` in `above`, made first where it is missing. Sets *made. */
static int open_or_make(int above, const char *name, mode_t mode, bool *made)
{
	*made = mode != 0 && mkdirat(above, name, mode) == 0;
	return openat(above, name, FOLDER_FLAGS | O_NOFOLLOW);
}

/*
 * A folder that was just made belongs to the master still. All that is judged
 * is judged on the descriptor, so nobody can put another folder in its place.
 */
static bool hand_over(int folder, const char *path, const struct identity *owner,
		      struct problem *problem)
{
	struct stat status;

	if (fstat(folder, &status) != 0)
		return problem_errno(problem, "%s", path);
	if (status.st_uid == owner->user || status.st_uid != geteuid())
		return true;
	if (fchown(folder, owner->user, owner->group) != 0)
		return problem_errno(problem, "%s: cannot give it to user %lu", path,
				     (unsigned long)owner->user);
	return true;
}

static bool is_owned(int folder, const char *path, const struct identity *owner,
		     struct problem *problem)
{
	struct stat status;

	if (fstat(folder, &status) != 0)
		return problem_errno(problem, "%s", path);
	if (status.st_uid != owner->user)
		return problem_set(problem,
				   "%s belongs to user %lu, it must be user %lu's: chown it", path,
				   (unsigned long)status.st_uid, (unsigned long)owner->user);
	if (status.st_mode & S_IWOTH)
		return problem_set(problem, "%s may be written by everybody: chmod o-w it", path);
	return true;
}

int folder_open(const char *path, const struct identity *owner, mode_t mode,
		struct problem *problem)
{
	struct parts parts;
	int above, folder = -1;
	bool made;

	if (!split(path, &parts)) {
		problem_set(problem, "%s: the path is too long", path);
		return -1;
	}
	above = open(parts.above, FOLDER_FLAGS);
	if (above < 0) {
		problem_errno(problem, "%s: the folder above it, %s", path, parts.above);
		return -1;
	}
	folder = open_or_make(above, parts.name, may_make_for(owner) ? mode : 0, &made);
	if (folder < 0)
		problem_errno(problem, "%s", path);
	close(above);
	if (folder >= 0 && made && !hand_over(folder, path, owner, problem)) {
		close(folder);
		return -1;
	}
	return folder;
}

int folder_open_owned(const char *path, const struct identity *owner, struct problem *problem)
{
	int folder = folder_open(path, owner, 0700, problem);

	if (folder >= 0 && !is_owned(folder, path, owner, problem)) {
		close(folder);
		return -1;
	}
	return folder;
}

/* Where the file system knows no O_TMPFILE: a name for a moment, that nobody can guess. */
static int unlinked_file(int folder)
{
	char name[40];
	int file;

	snprintf(name, sizeof(name), ".postern-%08x%08x", arc4random(), arc4random());
	file = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file >= 0)
		unlinkat(folder, name, 0);
	return file;
}

int folder_nameless_file(int folder)
{
	int file = openat(folder, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	if (file < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
		file = unlinked_file(folder);
	return file;
}

bool folder_make_above(const char *path, const struct identity *owner, struct problem *problem)
{
	struct parts parts;
	int folder;

	if (!split(path, &parts))
		return problem_set(problem, "%s: the path is too long", path);
	folder = folder_open(parts.above, owner, 0755, problem);
	if (folder < 0)
		return false;
	close(folder);
	return true;
}

bool folder_is_of_root(const char *path)
{
	struct parts parts;
	struct stat status;

	return split(path, &parts) && stat(parts.above, &status) == 0 && status.st_uid == 0 &&
	       (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}
