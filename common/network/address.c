/*
 * address.c - addresses of clients, of which there is one kind
 *
 * Runs in: every program.  Privilege: none needed.
 * Distrusts: nothing: any bits are an address.
 */
#include "common/network/address.h"

#include <string.h>

#include <bsd/string.h>

void address_map(const void *ipv4, struct in6_addr *address)
{
	memset(address, 0, sizeof(*address));
	address->s6_addr[10] = address->s6_addr[11] = 0xff;
	memcpy(address->s6_addr + 12, ipv4, sizeof(struct in_addr));
}

void address_text(const struct in6_addr *address, char text[INET6_ADDRSTRLEN])
{
	if (IN6_IS_ADDR_UNSPECIFIED(address))
		strlcpy(text, "unix", INET6_ADDRSTRLEN);
	else if (IN6_IS_ADDR_V4MAPPED(address))
		inet_ntop(AF_INET, address->s6_addr + 12, text, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, address, text, INET6_ADDRSTRLEN);
}
