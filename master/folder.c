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

static void close_if_open(int descriptor)
{
	if (descriptor >= 0)
		close(descriptor);
}

static bool give(int folder, const struct identity *owner)
{
	struct stat status;

	if (fstat(folder, &status) != 0)
		return false;
	return status.st_uid == owner->user || status.st_uid != geteuid() ||
	       fchown(folder, owner->user, owner->group) == 0;
}

/* Makes the folder `name`, or finds it there, opens it and gives it to the owner. */
static int make_and_give(int above, const char *name, const struct identity *owner)
{
	int folder;

	if (mkdirat(above, name, 0700) != 0 && errno != EEXIST)
		return -1;
	folder = openat(above, name, FOLDER_FLAGS | O_NOFOLLOW);
	if (folder < 0 || give(folder, owner))
		return folder;
	close(folder);
	return -1;
}

/* Under another name, so that a folder without its mark is never seen, whenever this is cut short.
 */
bool folder_make_marked(const char *path, const struct identity *owner, const char *mark)
{
	struct parts parts;
	char passing[PATH_MAX + 8];
	int above, folder = -1, inner = -1;
	bool done;

	if (!split(path, &parts) || !may_make_for(owner))
		return false;
	above = open(parts.above, FOLDER_FLAGS);
	if (above < 0)
		return false;
	snprintf(passing, sizeof(passing), ".%s.new", parts.name);
	if (faccessat(above, parts.name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
		folder = make_and_give(above, passing, owner);
	if (folder >= 0)
		inner = make_and_give(folder, mark, owner);
	done = inner >= 0 && fsync(folder) == 0 &&
	       renameat(above, passing, above, parts.name) == 0 && fsync(above) == 0;
	close_if_open(inner);
	close_if_open(folder);
	close(above);
	return done;
}

/*
 * Opens `name` in `above`, made first where it is missing. Sets *made. -1 with
 * errno set: where it is missing still, to why it could not be made.
 */
static int open_or_make(int above, const char *name, mode_t mode, bool *made)
{
	int refusal = ENOENT, folder;

	*made = mode != 0 && mkdirat(above, name, mode) == 0;
	if (mode != 0 && !*made)
		refusal = errno;
	folder = openat(above, name, FOLDER_FLAGS | O_NOFOLLOW);
	if (folder < 0 && errno == ENOENT)
		errno = refusal;
	return folder;
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

static void not_opened(const char *path, struct problem *problem)
{
	if (errno == EACCES)
		problem_set(problem, "%s: %s for user %lu: make it, or let this user do so", path,
			    strerror(errno), (unsigned long)geteuid());
	else
		problem_errno(problem, "%s", path);
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
		not_opened(path, problem);
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
	bool borrows;
	int folder;

	if (!split(path, &parts))
		return problem_set(problem, "%s: the path is too long", path);
	if (!folder_act_as(parts.above, owner, &borrows))
		return problem_errno(problem, "%s: as user %lu", parts.above,
				     (unsigned long)owner->user);
	folder = folder_open(parts.above, owner, 0755, problem);
	folder_act_done(borrows);
	if (folder < 0)
		return false;
	close(folder);
	return true;
}

/*
 * In a folder with the sticky bit nobody else can move what belongs to root:
 * good enough for a folder on the way.
 */
static bool is_of_root(int folder, mode_t excuse)
{
	struct stat status;

	return fstat(folder, &status) == 0 && status.st_uid == 0 &&
	       ((status.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (status.st_mode & excuse) != 0);
}

/* From `folder`, which it closes, to `name` in it. */
static int step_into(int folder, const char *name)
{
	int next = openat(folder, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	close(folder);
	return next;
}

bool folder_is_of_root(const char *path)
{
	struct parts parts;
	char *rest = parts.above, *name;
	bool is_so;
	int folder;

	if (*path != '/' || !split(path, &parts))
		return false;
	folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	while (folder >= 0 && is_of_root(folder, S_ISVTX) && (name = strsep(&rest, "/")))
		if (*name != '\0')
			folder = step_into(folder, name);
	is_so = !rest && folder >= 0 && is_of_root(folder, 0);
	if (folder >= 0)
		close(folder);
	return is_so;
}

bool folder_act_as(const char *path, const struct identity *owner, bool *borrows)
{
	*borrows = geteuid() == 0 && owner->user != 0 && !folder_is_of_root(path);
	return !*borrows || confine_borrow(owner);
}

void folder_act_done(bool borrows)
{
	int error = errno;

	if (borrows)
		confine_return();
	errno = error;
}
