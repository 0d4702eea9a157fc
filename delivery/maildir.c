/*
 * maildir.c - the mailboxes below the mail root: opens them, keeps them open
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: what lies in the mail root: a symbolic link or a directory of
 * another user is refused.  Trusts: the paths, which come from the tables.
 */
#include "delivery/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bsd/sys/queue.h>

#include "common/log/log.h"
#include "delivery/leftover.h"
#include "delivery/path_hash.h"
#include "delivery/recovery.h"
#include "delivery/system_calls.h"

#define BUCKETS 512 /* a power of two, about the bound of open mailboxes */

/* An open mailbox in the cache. */
struct cached {
	struct maildir maildir; /* first: maildir_release finds the entry by it */
	TAILQ_ENTRY(cached) order;
	LIST_ENTRY(cached) neighbour;
	unsigned holders;
	ino_t inode;   /* of new/ */
	unsigned turn; /* in which it was known to lie at its path */
	char path[];
};

LIST_HEAD(bucket, cached);

struct maildirs {
	int root;
	bool create;
	size_t bound, count;
	unsigned turn;
	struct leftovers *leftovers;
	recovery_is_under_way *is_under_way; /* NULL: nothing is swept */
	const void *context;		     /* its */
	TAILQ_HEAD(, cached) recent;	     /* the least recently used first */
	struct bucket buckets[BUCKETS];
};

struct maildirs *maildirs_new(int root, size_t bound, bool create)
{
	struct maildirs *maildirs = allocate(1, sizeof(*maildirs));

	if (!maildirs)
		return NULL;
	maildirs->leftovers = leftovers_new();
	if (!maildirs->leftovers) {
		free(maildirs);
		return NULL;
	}
	maildirs->root = root;
	maildirs->bound = bound;
	maildirs->create = create;
	TAILQ_INIT(&maildirs->recent);
	return maildirs;
}

void maildirs_sweep(struct maildirs *maildirs, recovery_is_under_way *is_under_way,
		    const void *context)
{
	maildirs->is_under_way = is_under_way;
	maildirs->context = context;
}

int maildirs_root(const struct maildirs *maildirs)
{
	return maildirs->root;
}

struct leftovers *maildirs_leftovers(struct maildirs *maildirs)
{
	return maildirs->leftovers;
}

static void forget(struct maildirs *maildirs, struct cached *cached)
{
	require(cached->holders == 0);
	TAILQ_REMOVE(&maildirs->recent, cached, order);
	LIST_REMOVE(cached, neighbour);
	maildirs->count--;
	close(cached->maildir.tmp);
	close(cached->maildir.new);
	free(cached);
}

void maildirs_free(struct maildirs *maildirs)
{
	struct cached *cached;

	if (!maildirs)
		return;
	while ((cached = TAILQ_FIRST(&maildirs->recent)))
		forget(maildirs, cached);
	leftovers_free(maildirs->leftovers);
	free(maildirs);
}

/* Closes what is over the bound, oldest first, but nothing that is held. */
static void trim(struct maildirs *maildirs)
{
	struct cached *cached, *next;

	TAILQ_FOREACH_SAFE (cached, &maildirs->recent, order, next) {
		if (maildirs->count <= maildirs->bound)
			return;
		if (cached->holders == 0)
			forget(maildirs, cached);
	}
}

static struct bucket *bucket_of(struct maildirs *maildirs, const char *path)
{
	return &maildirs->buckets[path_hash(path) % BUCKETS];
}

static struct cached *find(struct maildirs *maildirs, const char *path)
{
	struct cached *cached;

	LIST_FOREACH (cached, bucket_of(maildirs, path), neighbour)
		if (strcmp(cached->path, path) == 0)
			return cached;
	return NULL;
}

/* Opens a directory that must belong to us. -1 with errno set. */
static int open_own(int parent, const char *name, int flags, struct stat *status)
{
	int directory = open_beneath(parent, name, flags | O_DIRECTORY);

	if (directory < 0)
		return -1;
	if (fstat(directory, status) == 0) {
		if (status->st_uid == geteuid())
			return directory;
		errno = EPERM;
	}
	close(directory);
	return -1;
}

/* Opens tmp/ and new/ of a mailbox; -1 with errno set, nothing left open. */
static int open_folders(int root, const char *path, struct cached *cached)
{
	struct maildir *maildir = &cached->maildir;
	struct stat status;
	int box = open_own(root, path, O_PATH, &status);

	if (box < 0)
		return -1;
	maildir->tmp = open_own(box, "tmp", O_RDONLY, &status);
	maildir->new = maildir->tmp < 0 ? -1 : open_own(box, "new", O_RDONLY, &status);
	if (maildir->new < 0 && maildir->tmp >= 0)
		close(maildir->tmp);
	maildir->device = status.st_dev;
	cached->inode = status.st_ino;
	close(box);
	return maildir->new < 0 ? -1 : 0;
}

static bool open_or_create(struct maildirs *maildirs, const char *path, const char *address,
			   struct cached *cached, struct problem *problem)
{
	if (open_folders(maildirs->root, path, cached) == 0)
		return true;
	if (errno == ENOENT && maildirs->create) {
		if (maildir_create(maildirs->root, path, address, true, problem) < 0)
			return false;
		if (open_folders(maildirs->root, path, cached) == 0)
			return true;
	}
	return problem_errno(problem,
			     errno == EPERM ? "mailbox %s belongs to another user" : "mailbox %s",
			     address);
}

void maildirs_next_turn(struct maildirs *maildirs)
{
	maildirs->turn++;
}

/* Whether the mailbox still lies at its path: somebody may have moved or removed it. */
static bool is_current(struct maildirs *maildirs, struct cached *cached)
{
	char path[PATH_MAX];
	struct stat status;

	if (cached->turn == maildirs->turn || cached->holders > 0)
		return true;
	snprintf(path, sizeof(path), "%s/new", cached->path);
	if (fstatat(maildirs->root, path, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
	    status.st_dev != cached->maildir.device || status.st_ino != cached->inode)
		return false;
	cached->turn = maildirs->turn;
	return true;
}

/* The open mailbox of this path, if there is one and it is still there. */
static struct cached *find_current(struct maildirs *maildirs, const char *path)
{
	struct cached *cached = find(maildirs, path);

	if (!cached || is_current(maildirs, cached))
		return cached;
	forget(maildirs, cached);
	return NULL;
}

struct maildir *maildir_hold(struct maildirs *maildirs, const char *path, const char *address,
			     struct problem *problem)
{
	struct cached *cached = find_current(maildirs, path);
	size_t length = strlen(path) + 1;

	if (cached) {
		TAILQ_REMOVE(&maildirs->recent, cached, order);
		TAILQ_INSERT_TAIL(&maildirs->recent, cached, order);
		cached->holders++;
		return &cached->maildir;
	}
	cached = allocate(1, sizeof(*cached) + length);
	if (!cached) {
		problem_errno(problem, "mailbox %s", address);
		return NULL;
	}
	if (!open_or_create(maildirs, path, address, cached, problem)) {
		free(cached);
		return NULL;
	}
	if (maildirs->is_under_way)
		recovery_sweep(cached->maildir.tmp, address, maildirs->is_under_way,
			       maildirs->context);
	memcpy(cached->path, path, length);
	cached->holders = 1;
	cached->turn = maildirs->turn;
	TAILQ_INSERT_TAIL(&maildirs->recent, cached, order);
	LIST_INSERT_HEAD(bucket_of(maildirs, path), cached, neighbour);
	maildirs->count++;
	trim(maildirs);
	return &cached->maildir;
}

void maildir_release(struct maildirs *maildirs, struct maildir *maildir)
{
	struct cached *cached = (struct cached *)maildir;

	require(cached->holders > 0);
	cached->holders--;
	if (maildirs->count > maildirs->bound)
		trim(maildirs);
}
