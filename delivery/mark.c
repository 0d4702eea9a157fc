/*
 * mark.c - delivery's own folder in the mail root: MAIL_ROOT_MARK
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: what lies in the mail root: a link or a folder of another user is refused.
 */
#include "delivery/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/configuration/configuration.h"
#include "delivery/system_calls.h"

/* For the lock: a delivery whose master was killed finishes within some seconds. */
#define WAIT_MOST 10000 /* milliseconds */
#define WAIT_STEP 10

/* The lock file's one byte. Anything but IN_ORDER means that there may be something to mend. */
#define IN_ORDER 'c'
#define AT_WORK 'w'

static enum mark_result missing(struct problem *problem)
{
	problem_set(problem, "the mail root has no folder " MAIL_ROOT_MARK ": is it mounted? If it "
			     "is, make that folder, with the owner of the mailboxes and mode 0700");
	return MARK_MISSING;
}

static enum mark_result failed(struct problem *problem, const char *what)
{
	problem_errno(problem, "mail root: %s", what);
	return MARK_FAILED;
}

static bool is_own(int folder)
{
	struct stat status;

	if (fstat(folder, &status) != 0)
		return false;
	if (status.st_uid == geteuid())
		return true;
	errno = EPERM;
	return false;
}

static bool take_lock(int file)
{
	static const struct timespec step = { 0, WAIT_STEP * 1000000L };

	for (int waited = 0; flock(file, LOCK_EX | LOCK_NB) != 0; waited += WAIT_STEP) {
		if (errno != EWOULDBLOCK || waited >= WAIT_MOST)
			return false;
		nanosleep(&step, NULL);
	}
	return true;
}

/* Durable: what this delivery leaves unfinished is to be found after any crash. */
static bool say_at_work(struct mark *mark)
{
	char state = IN_ORDER;

	/* A new file is empty. */
	mark->was_in_order = pread(mark->lock, &state, 1, 0) >= 0 && state == IN_ORDER;
	state = AT_WORK;
	return pwrite(mark->lock, &state, 1, 0) == 1 && fsync(mark->lock) == 0 &&
	       fsync(mark->folder) == 0;
}

static enum mark_result open_lock(struct mark *mark, struct problem *problem)
{
	int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;

	if (!is_own(mark->folder))
		return failed(problem, MAIL_ROOT_MARK);
	mark->lock = openat(mark->folder, "lock", flags, 0600);
	if (mark->lock < 0)
		return failed(problem, MAIL_ROOT_MARK "/lock");
	if (!take_lock(mark->lock))
		return failed(problem, "another delivery works on it");
	return say_at_work(mark) ? MARK_OPEN : failed(problem, MAIL_ROOT_MARK "/lock");
}

enum mark_result mark_open(struct mark *mark, int root, struct problem *problem)
{
	enum mark_result result;

	*mark = (struct mark){ .folder = -1, .lock = -1 };
	mark->folder = open_beneath(root, MAIL_ROOT_MARK, O_RDONLY | O_DIRECTORY);
	if (mark->folder < 0)
		return errno == ENOENT ? missing(problem) : failed(problem, MAIL_ROOT_MARK);
	result = open_lock(mark, problem);
	if (result != MARK_OPEN)
		mark_close(mark, false);
	return result;
}

void mark_close(struct mark *mark, bool in_order)
{
	static const char state = IN_ORDER;

	/*
	 * Only after all removals are durable, too. Where it does not get there, the next
	 * delivery looks for leftovers, and finds none.
	 */
	if (in_order && mark->lock >= 0 && syncfs(mark->lock) == 0)
		(void)!pwrite(mark->lock, &state, 1, 0);
	if (mark->lock >= 0)
		close(mark->lock);
	if (mark->folder >= 0)
		close(mark->folder);
	*mark = (struct mark){ .folder = -1, .lock = -1 };
}
