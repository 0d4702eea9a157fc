/*
 * network.h - lists of networks, which say what a client may do
 *
 * Addresses are those of sessions: IPv6, IPv4 as ::ffff:a.b.c.d (RFC 4291
 * 2.5.5.2), and :: for the client of a unix socket. These are three kinds, and
 * a network is of one of them: 0.0.0.0/0 is every IPv4 address and nothing else,
 * ::/0 every IPv6 address but those two.
 */
#ifndef POSTERN_COMMON_NETWORK_H
#define POSTERN_COMMON_NETWORK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/configuration/text_list.h"
#include "common/fail/fail.h"

struct network {
	struct in6_addr address; /* no bit set behind the prefix */
	unsigned prefix;	 /* bits, 0..128; for IPv4 96 more than was written */
};

/*
 * Reads "192.0.2.0/24", "2001:db8::/32", one address of either kind, or "unix"
 * (which is ::/128). IPv6 that maps IPv4, as ::ffff:192.0.2.0/120, is that IPv4
 * network. False with what is wrong and how to mend it in *problem.
 */
bool network_parse(const char *text, struct network *network, struct problem *problem);

bool network_contains(const struct network *network, const struct in6_addr *address);

/*
 * Reads a list of them into an array of texts->count, to be freed with free(3);
 * NULL for an empty list. False with *problem set: one is wrong, as above, or
 * memory is short; *networks is NULL then.
 */
bool networks_parse(const struct text_list *texts, struct network **networks,
		    struct problem *problem);

/* Whether one of them contains the address. */
bool networks_contain(const struct network *networks, size_t count, const struct in6_addr *address);

#endif
