/*
 * socket_file.h - the file of a unix socket that the service listens on
 */
#ifndef POSTERN_MASTER_SOCKET_FILE_H
#define POSTERN_MASTER_SOCKET_FILE_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include "common/confine/confine.h"
#include "common/fail/fail.h"

/*
 * Which file it is. While a descriptor of the socket is open no other file can
 * have this number, whoever removes or replaces the one at the path.
 */
struct socket_file {
	dev_t device;
	ino_t inode;
};

/*
 * Binds `descriptor`, a stream socket, to the path in *address, which is
 * absolute. Everybody may connect, as to a TCP socket: the mode is 0666. Its
 * folder is made for `owner` where it is missing (folder_make_above()). Root
 * goes on as `owner` unless nobody else could put something in its way.
 *
 * A socket in the way that nobody listens on is removed: a service that was
 * killed has left it. False with *problem set, "PATH: why", where somebody
 * listens there, or where what is in the way is no socket; it is not touched.
 */
bool socket_file_bind(int descriptor, const struct sockaddr_un *address,
		      const struct identity *owner, struct socket_file *file,
		      struct problem *problem);

/* Whether the path still leads to that file. No link is followed in its last component. */
bool socket_file_is_there(const char *path, const struct socket_file *file);

/*
 * Removes the file where it is still there and may be removed; to be called
 * before the last descriptor of the socket is closed.
 */
void socket_file_remove(const char *path, const struct identity *owner,
			const struct socket_file *file);

#endif
