/*
 * leftover.c - files that could not be removed, and are to be removed later
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: the disk.  Trusts: the paths and names, which are our own.
 */
#include "delivery/leftover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/sys/queue.h>

#include "common/fail/fail.h"
#include "delivery/system_calls.h"

/* A disk that is out of order is not asked for every file of the list each time. */
#define FAILURES_MAX 16

struct leftover {
	TAILQ_ENTRY(leftover) entry;
	bool is_in_new;
	char *path, *name; /* owned */
};

struct leftovers {
	size_t count;
	TAILQ_HEAD(, leftover) list;
};

struct leftovers *leftovers_new(void)
{
	struct leftovers *leftovers = allocate(1, sizeof(*leftovers));

	if (leftovers)
		TAILQ_INIT(&leftovers->list);
	return leftovers;
}

static void free_leftover(struct leftover *leftover)
{
	free(leftover->path);
	free(leftover->name);
	free(leftover);
}

static void forget(struct leftovers *leftovers, struct leftover *leftover)
{
	TAILQ_REMOVE(&leftovers->list, leftover, entry);
	leftovers->count--;
	free_leftover(leftover);
}

void leftovers_free(struct leftovers *leftovers)
{
	struct leftover *leftover;

	if (!leftovers)
		return;
	while ((leftover = TAILQ_FIRST(&leftovers->list)))
		forget(leftovers, leftover);
	free(leftovers);
}

void leftovers_add(struct leftovers *leftovers, const char *path, bool is_in_new, const char *name)
{
	struct leftover *leftover;

	if (leftovers->count >= LEFTOVERS_MAX || !(leftover = allocate(1, sizeof(*leftover))))
		return;
	leftover->is_in_new = is_in_new;
	leftover->path = strdup(path);
	leftover->name = strdup(name);
	if (!leftover->path || !leftover->name) {
		free_leftover(leftover);
		return;
	}
	TAILQ_INSERT_TAIL(&leftovers->list, leftover, entry);
	leftovers->count++;
}

/*
 * Whether nothing of it is left. A file that somebody else has removed is gone, too, and so
 * is one whose mailbox is no more: it is not made again for that.
 */
static bool is_removed(const struct leftover *leftover, int root)
{
	char path[PATH_MAX];
	bool removed;
	int folder;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", leftover->path,
			     leftover->is_in_new ? "new" : "tmp") >= sizeof(path))
		return true;
	folder = open_beneath(root, path, O_RDONLY | O_DIRECTORY);
	if (folder < 0)
		return errno == ENOENT;
	removed = unlinkat(folder, leftover->name, 0) == 0 || errno == ENOENT;
	if (removed && leftover->is_in_new)
		removed = fsync(folder) == 0;
	close(folder);
	return removed;
}

/* Those that could not be removed again go to the end, so that they hinder no others. */
void leftovers_remove(struct leftovers *leftovers, int root)
{
	size_t left = leftovers->count;
	unsigned failures = 0;
	struct leftover *leftover;

	for (; left > 0 && failures < FAILURES_MAX; left--) {
		leftover = TAILQ_FIRST(&leftovers->list);
		if (is_removed(leftover, root)) {
			forget(leftovers, leftover);
			continue;
		}
		failures++;
		TAILQ_REMOVE(&leftovers->list, leftover, entry);
		TAILQ_INSERT_TAIL(&leftovers->list, leftover, entry);
	}
}

size_t leftovers_count(const struct leftovers *leftovers)
{
	return leftovers->count;
}
