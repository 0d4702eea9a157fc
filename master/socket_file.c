/*
 * socket_file.c - the file of a unix socket that the service listens on
 *
 * Runs in: posternd.  Privilege: root at the start, only in folders that nobody
 * else can write; elsewhere, and at a reload, that of its own user.
 * Distrusts: what lies at the path, where others may write its folder.
 * Trusts: the configuration's paths.
 */
#include "master/socket_file.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/folder.h"

/* Takes from the 0777 that bind(2) gives: everybody may connect, nobody can run it. */
#define MASK 0111

/* Which file lies at the path. 0, ENOTSOCK, or what lstat(2) says. */
static int identify(const char *path, struct socket_file *file)
{
	struct stat status;

	if (lstat(path, &status) != 0)
		return errno;
	*file = (struct socket_file){ status.st_dev, status.st_ino };
	return S_ISSOCK(status.st_mode) ? 0 : ENOTSOCK;
}

bool socket_file_is_there(const char *path, const struct socket_file *file)
{
	struct socket_file found;

	return identify(path, &found) == 0 && found.device == file->device &&
	       found.inode == file->inode;
}

/* The mode is right from the first moment on. No link is followed: bind(2), EADDRINUSE. */
static bool bind_for_all(int descriptor, const struct sockaddr_un *address)
{
	mode_t before = umask(MASK);
	bool is_bound = bind(descriptor, (const struct sockaddr *)address, sizeof(*address)) == 0;

	umask(before); /* always succeeds, and leaves errno alone */
	return is_bound;
}

/* ---- something is in the way ---- */

/* What connect(2) says: 0 or an error. Who listens there sees a client that leaves at once. */
static int try_to_connect(const struct sockaddr_un *address)
{
	int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;

	if (probe < 0)
		return errno;
	if (connect(probe, (const struct sockaddr *)address, sizeof(*address)) != 0)
		error = errno;
	close(probe);
	return error;
}

/* Whether nobody listens there any more: a full backlog (EAGAIN) is a sign of life. */
static bool is_left_over(const struct sockaddr_un *address, struct problem *problem)
{
	int error = try_to_connect(address);

	if (error == ECONNREFUSED || error == ENOENT)
		return true;
	if (error == 0 || error == EAGAIN)
		return problem_set(problem, "%s: another program or section listens there",
				   address->sun_path);
	return problem_set(problem, "%s: something is in the way, and does not say whose it is: %s",
			   address->sun_path, strerror(error));
}

static bool make_way(const struct sockaddr_un *address, struct problem *problem)
{
	const char *path = address->sun_path;
	struct socket_file found;
	int error = identify(path, &found);

	if (error == ENOENT)
		return true;
	if (error == ENOTSOCK)
		return problem_set(problem,
				   "%s: what lies there is no socket: remove it, or choose another "
				   "path",
				   path);
	if (error != 0)
		return problem_set(problem, "%s: %s", path, strerror(error));
	if (!is_left_over(address, problem))
		return false;
	/* Where another has taken its place meanwhile, the next bind(2) says so. */
	if (socket_file_is_there(path, &found) && unlink(path) != 0)
		return problem_errno(problem, "%s: nobody listens there, but it cannot be removed",
				     path);
	return true;
}

/* ---- bound ---- */

static bool not_bound(const char *path, struct problem *problem)
{
	if (errno != EACCES)
		return problem_errno(problem, "%s", path);
	return problem_set(problem, "%s: %s (its folder must belong to user %lu)", path,
			   strerror(EACCES), (unsigned long)geteuid());
}

static bool bind_or_replace(int descriptor, const struct sockaddr_un *address,
			    struct problem *problem)
{
	bool is_bound = bind_for_all(descriptor, address);

	if (!is_bound && errno == EADDRINUSE) {
		if (!make_way(address, problem))
			return false;
		is_bound = bind_for_all(descriptor, address);
	}
	return is_bound || not_bound(address->sun_path, problem);
}

bool socket_file_bind(int descriptor, const struct sockaddr_un *address,
		      const struct identity *owner, struct socket_file *file,
		      struct problem *problem)
{
	const char *path = address->sun_path;
	bool borrows, is_bound;

	if (!folder_make_above(path, owner, problem))
		return false;
	if (!folder_act_as(path, owner, &borrows))
		return problem_errno(problem, "%s: as user %lu", path, (unsigned long)owner->user);
	is_bound = bind_or_replace(descriptor, address, problem);
	if (is_bound && identify(path, file) != 0)
		is_bound = problem_set(problem, "%s: somebody has removed it at once", path);
	folder_act_done(borrows);
	return is_bound;
}

void socket_file_remove(const char *path, const struct identity *owner,
			const struct socket_file *file)
{
	bool borrows;

	if (!folder_act_as(path, owner, &borrows))
		return;
	if (socket_file_is_there(path, file))
		unlink(path);
	folder_act_done(borrows);
}
