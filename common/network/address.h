/*
 * address.h - addresses of clients, of which there is one kind
 *
 * An IPv4 address is ::ffff:a.b.c.d (RFC 4291 2.5.5.2); :: is the client of a
 * unix socket, which has none.
 */
#ifndef POSTERN_COMMON_NETWORK_ADDRESS_H
#define POSTERN_COMMON_NETWORK_ADDRESS_H

#include <arpa/inet.h>
#include <netinet/in.h>

/* The IPv4 address, four bytes in network order, as an IPv6 one. */
void address_map(const void *ipv4, struct in6_addr *address);

/* As text: IPv4 in its own form, "unix" for the client of a unix socket. */
void address_text(const struct in6_addr *address, char text[INET6_ADDRSTRLEN]);

#endif
