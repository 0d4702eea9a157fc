/*
 * listen.h - the sockets that the service listens on
 *
 * A set of sockets belongs to one generation. The next one takes over what
 * it also wants, so that no connection is refused at a reload.
 */
#ifndef POSTERN_MASTER_LISTEN_H
#define POSTERN_MASTER_LISTEN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "common/configuration/configuration.h"
#include "common/confine/confine.h"
#include "common/fail/fail.h"
#include "master/socket_file.h"

#define LISTEN_BACKLOG 4096
#define LISTEN_TITLE_SIZE 64
/* Holds any address as text: one of IPv6 with its zone, or a path. */
#define LISTEN_ADDRESS_SIZE 128
/* Holds that and a port. */
#define LISTEN_NAME_SIZE (LISTEN_ADDRESS_SIZE + 16)

struct bound_socket {
	char title[LISTEN_TITLE_SIZE]; /* of its `listen` section */
	char name[LISTEN_TITLE_SIZE];  /* that the service manager gave it; "" for others */
	struct sockaddr_storage address;
	struct socket_file file; /* of a unix socket that this service has made */
	int descriptor;		 /* non-blocking, close-on-exec */
	bool activated;		 /* handed over by the service manager */
	bool taken;		 /* a section listens on it */
};

struct socket_set {
	struct bound_socket *sockets;
	size_t count;
	struct identity owner; /* whose files those of unix sockets are */
	bool no_ipv6;	       /* "*" was asked for, and the host has no IPv6 */
};

/*
 * Binds what the `listen` sections ask for, and listens. A socket of
 * `available` that has the title of a section and was activated, or the same
 * address and port, is taken (a copy of its descriptor) instead of a new one;
 * one with the same path, too, as long as the path leads to it. Unix sockets
 * belong to `owner`. False with *problem set, and nothing is left open.
 */
bool socket_set_open(struct socket_set *set, const struct configuration *configuration,
		     struct socket_set *available, const struct identity *owner,
		     struct problem *problem);

/* The first activated socket that no section has taken; NULL: there is none. */
const struct bound_socket *socket_set_unused(const struct socket_set *available);

/*
 * Closes all its sockets. The file of a unix socket is removed, unless the
 * service manager has made it, or the set `kept` (or NULL) has the socket, too.
 * An empty set is left.
 */
void socket_set_close(struct socket_set *set, const struct socket_set *kept);

/*
 * The address in numbers, and the port in host order; the path of a unix
 * socket, and 0. `text` holds LISTEN_ADDRESS_SIZE bytes.
 */
void bound_socket_describe(const struct bound_socket *socket, char *text, size_t size, int *port);

/* The same for an error: "192.0.2.1 port 25", or the path. Returns `name`. */
const char *bound_socket_name(const struct bound_socket *socket, char name[LISTEN_NAME_SIZE]);

#endif
