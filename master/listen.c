/*
 * listen.c - the sockets that the service listens on
 *
 * Runs in: posternd.  Privilege: root or CAP_NET_BIND_SERVICE, for a port below 1024.
 * Distrusts: the configuration's addresses.  Trusts: the kernel.
 */
#include "master/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "master/address.h"

/* "*": a socket for each family, so that neither depends on the other. */
static const char *const every_address[] = { "0.0.0.0", "::" };
#define FAMILIES 2

/* What the functions below work on. */
struct opening {
	struct socket_set *set;
	struct socket_set *available;
	const struct listen_configuration *section;
	struct problem *problem;
};

static bool is_ipv6(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6;
}

static struct bound_socket *add(struct opening *opening, const struct sockaddr_storage *address,
				int descriptor)
{
	struct bound_socket *socket = &opening->set->sockets[opening->set->count++];

	socket->address = *address;
	socket->descriptor = descriptor;
	socket->taken = true;
	strlcpy(socket->title, opening->section->title, sizeof(socket->title));
	return socket;
}

/* Takes over an available socket: its own copy, so that either set can be closed. */
static bool take(struct opening *opening, struct bound_socket *source)
{
	int copy = fcntl(source->descriptor, F_DUPFD_CLOEXEC, 0);
	struct bound_socket *socket;

	if (copy < 0)
		return problem_errno(opening->problem, "listen \"%s\"", opening->section->title);
	source->taken = true;
	socket = add(opening, &source->address, copy);
	socket->activated = source->activated;
	memcpy(socket->name, source->name, sizeof(socket->name));
	return true;
}

/* An IPv6 socket for every address may take IPv4 connections too: ipv6(7), IPV6_V6ONLY. */
static bool covers_both_families(const struct bound_socket *socket, int port)
{
	const struct sockaddr_in6 *address = (const struct sockaddr_in6 *)&socket->address;
	socklen_t size = sizeof(int);
	int only = 1;

	return is_ipv6(&socket->address) && listen_address_port(&socket->address) == port &&
	       IN6_IS_ADDR_UNSPECIFIED(&address->sin6_addr) &&
	       getsockopt(socket->descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size) == 0 &&
	       !only;
}

static struct bound_socket *find_available(const struct opening *opening,
					   const struct sockaddr_storage *address)
{
	for (size_t i = 0; i < opening->available->count; i++) {
		struct bound_socket *socket = &opening->available->sockets[i];

		if (listen_address_equal(&socket->address, address))
			return socket;
	}
	return NULL;
}

/* Whether an available IPv6 socket takes the connections to every IPv4 address along. */
static bool is_covered(const struct opening *opening, const struct sockaddr_storage *address)
{
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)address;

	if (is_ipv6(address) || ipv4->sin_addr.s_addr != htonl(INADDR_ANY))
		return false;
	for (size_t i = 0; i < opening->available->count; i++)
		if (covers_both_families(&opening->available->sockets[i],
					 listen_address_port(address)))
			return true;
	return false;
}

static const struct bound_socket *find_in_set(const struct socket_set *set,
					      const struct sockaddr_storage *address)
{
	for (size_t i = 0; i < set->count; i++)
		if (listen_address_equal(&set->sockets[i].address, address))
			return &set->sockets[i];
	return NULL;
}

static bool set_options(int descriptor, const struct sockaddr_storage *address)
{
	const int on = 1;

	return setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	       (!is_ipv6(address) ||
		setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0);
}

/* A new listening socket; -1 with errno set. */
static int listen_on(const struct sockaddr_storage *address)
{
	int descriptor =
		socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	int reason;

	if (descriptor < 0)
		return -1;
	if (set_options(descriptor, address) &&
	    bind(descriptor, (const struct sockaddr *)address, listen_address_length(address)) ==
		    0 &&
	    listen(descriptor, LISTEN_BACKLOG) == 0)
		return descriptor;
	reason = errno;
	close(descriptor);
	errno = reason;
	return -1;
}

/* How to mend what bind(2) says most often. */
static const struct {
	int error;
	const char *text;
} advices[] = {
	{ EACCES, " (a port below 1024 needs root)" },
	{ EADDRINUSE, " (another program or section listens there)" },
	{ EADDRNOTAVAIL, " (the host does not have this address)" },
	{ 0, "" },
};

static const char *advice(int error)
{
	size_t i = 0;

	while (advices[i].error != 0 && advices[i].error != error)
		i++;
	return advices[i].text;
}

/* Where the configuration names the section, in front of an error about it. */
static const char *place_of(const struct listen_configuration *section, char *text, size_t size)
{
	snprintf(text, size, "%s%s", section->place ? section->place : "",
		 section->place ? ": " : "");
	return text;
}

/* What bind(2) refused: not a fault where it is the IPv6 half of "*", and there is no IPv6. */
static bool not_bound(struct opening *opening, const char *text,
		      const struct sockaddr_storage *address, bool may_lack)
{
	int error = errno;
	char place[PATH_MAX + 16];

	if (may_lack && is_ipv6(address) && (error == EAFNOSUPPORT || error == EADDRNOTAVAIL)) {
		opening->set->no_ipv6 = true;
		return true;
	}
	return problem_set(opening->problem, "%slisten \"%s\": %s port %lld: %s%s",
			   place_of(opening->section, place, sizeof(place)),
			   opening->section->title, text, opening->section->port, strerror(error),
			   advice(error));
}

static bool open_address(struct opening *opening, const char *text, bool may_lack)
{
	const struct listen_configuration *section = opening->section;
	struct sockaddr_storage address;
	struct bound_socket *source;
	const struct bound_socket *twin;
	char place[PATH_MAX + 16];
	int descriptor;

	if (!listen_address_parse(text, section->port, &address, opening->problem))
		return false;
	twin = find_in_set(opening->set, &address);
	if (twin)
		return problem_set(opening->problem,
				   "%slisten \"%s\" and listen \"%s\" both want %s port %lld",
				   place_of(section, place, sizeof(place)), twin->title,
				   section->title, text, section->port);
	source = find_available(opening, &address);
	if (source)
		return take(opening, source);
	if (is_covered(opening, &address))
		return true;
	descriptor = listen_on(&address);
	if (descriptor < 0)
		return not_bound(opening, text, &address, may_lack);
	add(opening, &address, descriptor);
	return true;
}

static bool open_every_address(struct opening *opening)
{
	for (size_t i = 0; i < FAMILIES; i++)
		if (!open_address(opening, every_address[i], true))
			return false;
	return true;
}

/* The sockets that were activated under the title of the section. Sets *found. */
static bool take_by_name(struct opening *opening, bool *found)
{
	*found = false;
	for (size_t i = 0; i < opening->available->count; i++) {
		struct bound_socket *socket = &opening->available->sockets[i];

		if (!socket->activated || strcmp(socket->name, opening->section->title) != 0)
			continue;
		*found = true;
		if (!take(opening, socket))
			return false;
	}
	return true;
}

static bool open_section(struct opening *opening)
{
	const struct text_list *addresses = &opening->section->addresses;
	bool found;

	if (strlen(opening->section->title) >= LISTEN_TITLE_SIZE)
		return problem_set(opening->problem, "listen \"%s\": the title is too long",
				   opening->section->title);
	if (!take_by_name(opening, &found))
		return false;
	if (found)
		return true;
	for (size_t i = 0; i < addresses->count; i++) {
		bool every = strcmp(addresses->items[i], "*") == 0;

		if (!(every ? open_every_address(opening)
			    : open_address(opening, addresses->items[i], false)))
			return false;
	}
	return true;
}

/* No section can open more sockets than this. */
static size_t most_sockets(const struct configuration *configuration,
			   const struct socket_set *available)
{
	size_t most = available->count * configuration->listen_count;

	for (size_t i = 0; i < configuration->listen_count; i++)
		most += configuration->listens[i].addresses.count * FAMILIES;
	return most;
}

bool socket_set_open(struct socket_set *set, const struct configuration *configuration,
		     struct socket_set *available, struct problem *problem)
{
	struct opening opening = { .set = set, .available = available, .problem = problem };

	memset(set, 0, sizeof(*set));
	for (size_t i = 0; i < available->count; i++)
		available->sockets[i].taken = false;
	set->sockets =
		allocate(most_sockets(configuration, available) + 1, sizeof(set->sockets[0]));
	if (!set->sockets)
		return problem_set(problem, "out of memory");
	for (size_t i = 0; i < configuration->listen_count; i++) {
		opening.section = &configuration->listens[i];
		if (!open_section(&opening)) {
			socket_set_close(set);
			return false;
		}
	}
	if (set->count > 0)
		return true;
	socket_set_close(set);
	return problem_set(problem, "nothing to listen on: add a `listen` section");
}

const struct bound_socket *socket_set_unused(const struct socket_set *available)
{
	for (size_t i = 0; i < available->count; i++)
		if (available->sockets[i].activated && !available->sockets[i].taken)
			return &available->sockets[i];
	return NULL;
}

void socket_set_close(struct socket_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		close(set->sockets[i].descriptor);
	free(set->sockets);
	memset(set, 0, sizeof(*set));
}

void bound_socket_describe(const struct bound_socket *socket, char *text, size_t size, int *port)
{
	if (getnameinfo((const struct sockaddr *)&socket->address,
			listen_address_length(&socket->address), text, (socklen_t)size, NULL, 0,
			NI_NUMERICHOST) != 0)
		strlcpy(text, "?", size);
	*port = listen_address_port(&socket->address);
}
