/*
 * listen.c - the sockets that the service listens on
 *
 * Runs in: posternd.  Privilege: root or CAP_NET_BIND_SERVICE, for a port below
 * 1024; for a unix socket see socket_file.c.
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
	socket->file = source->file;
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

static struct bound_socket *find_in_set(const struct socket_set *set,
					const struct sockaddr_storage *address)
{
	for (size_t i = 0; i < set->count; i++)
		if (listen_address_equal(&set->sockets[i].address, address))
			return &set->sockets[i];
	return NULL;
}

/* A unix socket whose file is gone, or another's, can be reached by nobody: it is made anew. */
static struct bound_socket *find_available(const struct opening *opening,
					   const struct sockaddr_storage *address)
{
	const struct sockaddr_un *local = listen_address_unix(address);
	struct bound_socket *found = find_in_set(opening->available, address);

	if (found && local && !found->activated &&
	    !socket_file_is_there(local->sun_path, &found->file))
		return NULL;
	return found;
}

/* Whether an available IPv6 socket takes the connections to every IPv4 address along. */
static bool is_covered(const struct opening *opening, const struct sockaddr_storage *address)
{
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)address;

	if (address->ss_family != AF_INET || ipv4->sin_addr.s_addr != htonl(INADDR_ANY))
		return false;
	for (size_t i = 0; i < opening->available->count; i++)
		if (covers_both_families(&opening->available->sockets[i],
					 listen_address_port(address)))
			return true;
	return false;
}

static bool set_options(int descriptor, const struct sockaddr_storage *address)
{
	const int on = 1;

	return setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	       (!is_ipv6(address) ||
		setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0);
}

/* A new listening TCP socket; -1 with errno set. */
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

/* The same at a path; -1 with *problem set. */
static int listen_at(const struct sockaddr_un *address, const struct identity *owner,
		     struct socket_file *file, struct problem *problem)
{
	int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (descriptor < 0) {
		problem_errno(problem, "%s", address->sun_path);
		return -1;
	}
	if (socket_file_bind(descriptor, address, owner, file, problem)) {
		if (listen(descriptor, LISTEN_BACKLOG) == 0)
			return descriptor;
		problem_errno(problem, "%s", address->sun_path);
		socket_file_remove(address->sun_path, owner, file);
	}
	close(descriptor);
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

static bool bind_address(struct opening *opening, const char *text,
			 const struct sockaddr_storage *address, bool may_lack)
{
	int descriptor = listen_on(address);

	if (descriptor < 0)
		return not_bound(opening, text, address, may_lack);
	add(opening, address, descriptor);
	return true;
}

static bool bind_path(struct opening *opening, const struct sockaddr_storage *address)
{
	char place[PATH_MAX + 16];
	struct problem reason;
	struct socket_file file;
	int descriptor =
		listen_at(listen_address_unix(address), &opening->set->owner, &file, &reason);

	if (descriptor < 0)
		return problem_set(opening->problem, "%slisten \"%s\": %s",
				   place_of(opening->section, place, sizeof(place)),
				   opening->section->title, reason.text);
	add(opening, address, descriptor)->file = file;
	return true;
}

static bool both_want(struct opening *opening, const struct bound_socket *twin)
{
	char place[PATH_MAX + 16], name[LISTEN_NAME_SIZE];

	return problem_set(opening->problem, "%slisten \"%s\" and listen \"%s\" both want %s",
			   place_of(opening->section, place, sizeof(place)), twin->title,
			   opening->section->title, bound_socket_name(twin, name));
}

static bool open_address(struct opening *opening, const char *text, bool may_lack)
{
	struct sockaddr_storage address;
	struct bound_socket *source;
	const struct bound_socket *twin;

	if (!listen_address_parse(text, opening->section->port, &address, opening->problem))
		return false;
	twin = find_in_set(opening->set, &address);
	if (twin)
		return both_want(opening, twin);
	source = find_available(opening, &address);
	if (source)
		return take(opening, source);
	if (is_covered(opening, &address))
		return true;
	if (address.ss_family == AF_UNIX)
		return bind_path(opening, &address);
	return bind_address(opening, text, &address, may_lack);
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
		     struct socket_set *available, const struct identity *owner,
		     struct problem *problem)
{
	struct opening opening = { .set = set, .available = available, .problem = problem };

	memset(set, 0, sizeof(*set));
	set->owner = *owner;
	for (size_t i = 0; i < available->count; i++)
		available->sockets[i].taken = false;
	set->sockets =
		allocate(most_sockets(configuration, available) + 1, sizeof(set->sockets[0]));
	if (!set->sockets)
		return problem_set(problem, "out of memory");
	for (size_t i = 0; i < configuration->listen_count; i++) {
		opening.section = &configuration->listens[i];
		if (!open_section(&opening)) {
			socket_set_close(set, available);
			return false;
		}
	}
	if (set->count > 0)
		return true;
	socket_set_close(set, available);
	return problem_set(problem, "nothing to listen on: add a `listen` section");
}

const struct bound_socket *socket_set_unused(const struct socket_set *available)
{
	for (size_t i = 0; i < available->count; i++)
		if (available->sockets[i].activated && !available->sockets[i].taken)
			return &available->sockets[i];
	return NULL;
}

/* Whether the other set has this very unix socket, and not another of its path. */
static bool is_kept(const struct bound_socket *socket, const struct socket_set *kept)
{
	const struct bound_socket *other = kept ? find_in_set(kept, &socket->address) : NULL;

	return other && other->file.device == socket->file.device &&
	       other->file.inode == socket->file.inode;
}

static void remove_file(const struct socket_set *set, const struct bound_socket *socket)
{
	const struct sockaddr_un *local = listen_address_unix(&socket->address);

	if (local && !socket->activated)
		socket_file_remove(local->sun_path, &set->owner, &socket->file);
}

void socket_set_close(struct socket_set *set, const struct socket_set *kept)
{
	for (size_t i = 0; i < set->count; i++) {
		if (!is_kept(&set->sockets[i], kept))
			remove_file(set, &set->sockets[i]);
		close(set->sockets[i].descriptor);
	}
	free(set->sockets);
	memset(set, 0, sizeof(*set));
}

void bound_socket_describe(const struct bound_socket *socket, char *text, size_t size, int *port)
{
	const struct sockaddr_un *local = listen_address_unix(&socket->address);

	*port = listen_address_port(&socket->address);
	if (local)
		strlcpy(text, local->sun_path, size);
	else if (getnameinfo((const struct sockaddr *)&socket->address,
			     listen_address_length(&socket->address), text, (socklen_t)size, NULL,
			     0, NI_NUMERICHOST) != 0)
		strlcpy(text, "?", size);
}

const char *bound_socket_name(const struct bound_socket *socket, char name[LISTEN_NAME_SIZE])
{
	size_t used;
	int port;

	bound_socket_describe(socket, name, LISTEN_ADDRESS_SIZE, &port);
	used = strlen(name);
	if (port != 0)
		snprintf(name + used, LISTEN_NAME_SIZE - used, " port %d", port);
	return name;
}
