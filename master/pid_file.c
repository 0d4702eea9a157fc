/*
 * pid_file.c - the file that says which process is the master
 *
 * Runs in: posternd.  Privilege: root, or that of its own user.
 * Distrusts: the folder of the file, where others than root may write it.
 */
#include "master/pid_file.h"

#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

#include <bsd/libutil.h>

#include "master/folder.h"

/* Keeps errno over what comes between. */
static struct pidfh *open_as(const char *path, const struct identity *owner, pid_t *other)
{
	bool borrows = owner && !folder_is_of_root(path);
	struct pidfh *file;
	int error;

	if (borrows && !confine_borrow(owner))
		return NULL;
	file = pidfile_open(path, 0644, other);
	error = errno;
	if (borrows)
		confine_return();
	errno = error;
	return file;
}

enum pid_file_result pid_file_open(const char *path, const struct identity *owner,
				   struct pidfh **file, struct problem *problem)
{
	pid_t other = -1;

	*file = open_as(path, owner, &other);
	if (!*file && errno == EEXIST) {
		problem_set(problem, "posternd runs already, as process %ld (%s)", (long)other,
			    path);
		return PID_FILE_IN_USE;
	}
	if (!*file || pidfile_write(*file) != 0) {
		problem_errno(problem, "pid-file %s", path);
		return PID_FILE_FAILED;
	}
	return PID_FILE_OPENED;
}

void pid_file_remove(struct pidfh *file)
{
	if (!file)
		return;
	(void)!ftruncate(pidfile_fileno(file), 0);
	pidfile_remove(file);
}
