/*
 * address.c - the numeric addresses and paths of `listen` sections
 *
 * Runs in: posternd.  Privilege: none needed.
 * Distrusts: the configuration's spelling.
 */
#include "master/address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <bsd/string.h>

/* So that one kind of address holds both. */
_Static_assert(sizeof(struct sockaddr_un) <= sizeof(struct sockaddr_storage),
	       "a path fits into a sockaddr_storage");

static bool parse_path(const char *path, struct sockaddr_storage *address, struct problem *problem)
{
	struct sockaddr_un *place = (struct sockaddr_un *)address;

	memset(address, 0, sizeof(*address));
	place->sun_family = AF_UNIX;
	if (strlcpy(place->sun_path, path, sizeof(place->sun_path)) >= sizeof(place->sun_path))
		return problem_set(problem, "\"%.120s\" is too long for the path of a unix socket",
				   path);
	return true;
}

bool listen_address_parse(const char *text, long long port, struct sockaddr_storage *address,
			  struct problem *problem)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char service[24];

	if (*text == '/')
		return parse_path(text, address, problem);
	snprintf(service, sizeof(service), "%lld", port);
	/* Some getaddrinfo(3) read "*" as loop-back. */
	if (strcmp(text, "*") == 0 || port < 1 || port > 65535 ||
	    getaddrinfo(text, service, &hints, &found) != 0)
		return problem_set(problem,
				   "\"%s\" port %lld is not a numeric address and a port: write "
				   "\"192.0.2.1\", \"2001:db8::1\", \"*\" or a path",
				   text, port);
	memset(address, 0, sizeof(*address));
	memcpy(address, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return true;
}

static const struct sockaddr_in *as_ipv4(const struct sockaddr_storage *address)
{
	return (const struct sockaddr_in *)address;
}

static const struct sockaddr_in6 *as_ipv6(const struct sockaddr_storage *address)
{
	return (const struct sockaddr_in6 *)address;
}

const struct sockaddr_un *listen_address_unix(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_UNIX ? (const struct sockaddr_un *)address : NULL;
}

socklen_t listen_address_length(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_UNIX)
		return sizeof(struct sockaddr_un);
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in)
					     : sizeof(struct sockaddr_in6);
}

bool listen_address_equal(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_UNIX)
		return strcmp(listen_address_unix(a)->sun_path, listen_address_unix(b)->sun_path) ==
		       0;
	if (a->ss_family == AF_INET)
		return as_ipv4(a)->sin_port == as_ipv4(b)->sin_port &&
		       as_ipv4(a)->sin_addr.s_addr == as_ipv4(b)->sin_addr.s_addr;
	return as_ipv6(a)->sin6_port == as_ipv6(b)->sin6_port &&
	       as_ipv6(a)->sin6_scope_id == as_ipv6(b)->sin6_scope_id &&
	       IN6_ARE_ADDR_EQUAL(&as_ipv6(a)->sin6_addr, &as_ipv6(b)->sin6_addr);
}

int listen_address_port(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_UNIX)
		return 0;
	return ntohs(address->ss_family == AF_INET ? as_ipv4(address)->sin_port
						   : as_ipv6(address)->sin6_port);
}
