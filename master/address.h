/*
 * address.h - the numeric addresses and paths of `listen` sections
 */
#ifndef POSTERN_MASTER_ADDRESS_H
#define POSTERN_MASTER_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/fail/fail.h"

/*
 * Reads a numeric IPv4 or IPv6 address (with %zone where it is link-local) and
 * a port, or the path of a unix socket, which begins with /: the port means
 * nothing then. False with *problem set; no name is ever looked up.
 */
bool listen_address_parse(const char *text, long long port, struct sockaddr_storage *address,
			  struct problem *problem);

/* The length of the address for bind(2). */
socklen_t listen_address_length(const struct sockaddr_storage *address);

/* The unix socket that the address is; NULL: it is of another family. */
const struct sockaddr_un *listen_address_unix(const struct sockaddr_storage *address);

/* Same family, address, zone and port; the same path. */
bool listen_address_equal(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

/* The port in host order; 0 for a path. */
int listen_address_port(const struct sockaddr_storage *address);

#endif
