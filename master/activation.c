/*
 * activation.c - sockets that the service manager has bound: sd_listen_fds(3)
 *
 * Runs in: posternd.  Privilege: that of the one who starts it.
 * Distrusts: that each is a listening TCP or unix socket.  Trusts: the service manager.
 */
#include "master/activation.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "master/address.h"

#define FIRST_DESCRIPTOR 3
#define MOST_DESCRIPTORS 256
/* Low numbers are those of standard streams and, in a child, of its channel. */
#define FIRST_OWN_DESCRIPTOR 10

/* A number in the environment; 0 where it is missing or no number. */
static long long environment_number(const char *name, long long highest)
{
	const char *text = getenv(name);
	const char *error;

	return text ? strtonum(text, 0, highest, &error) : 0;
}

static bool option_is(int descriptor, int option, int wanted)
{
	socklen_t size = sizeof(int);
	int value;

	return getsockopt(descriptor, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

/* A unix socket has a path that ends within its bounds, and is not abstract: unix(7). */
static bool is_known_family(const struct sockaddr_storage *address)
{
	const struct sockaddr_un *local = listen_address_unix(address);

	if (local)
		return local->sun_path[0] != '\0' &&
		       memchr(local->sun_path, '\0', sizeof(local->sun_path));
	return address->ss_family == AF_INET || address->ss_family == AF_INET6;
}

static bool is_listening(int descriptor, struct sockaddr_storage *address)
{
	socklen_t size = sizeof(*address);

	memset(address, 0, sizeof(*address));
	return getsockname(descriptor, (struct sockaddr *)address, &size) == 0 &&
	       is_known_family(address) && option_is(descriptor, SO_TYPE, SOCK_STREAM) &&
	       option_is(descriptor, SO_ACCEPTCONN, 1);
}

/* The socket moves: its first number is free afterwards. */
static bool take_one(struct bound_socket *socket, int given, struct problem *problem)
{
	int flags;

	if (!is_listening(given, &socket->address))
		return problem_set(problem,
				   "descriptor %d of socket activation is not a listening "
				   "TCP socket, nor a stream socket with a path",
				   given);
	socket->descriptor = fcntl(given, F_DUPFD_CLOEXEC, FIRST_OWN_DESCRIPTOR);
	if (socket->descriptor < 0)
		return problem_errno(problem, "socket activation");
	close(given);
	socket->activated = true;
	flags = fcntl(socket->descriptor, F_GETFL);
	if (flags < 0 || fcntl(socket->descriptor, F_SETFL, flags | O_NONBLOCK) != 0)
		return problem_errno(problem, "socket activation");
	return true;
}

/* LISTEN_FDNAMES: names with colons between them; a missing one is "". */
static void take_name(const char **names, struct bound_socket *socket)
{
	size_t length = *names ? strcspn(*names, ":") : 0;

	if (length > 0 && length < sizeof(socket->name))
		memcpy(socket->name, *names, length);
	if (*names)
		*names += length + ((*names)[length] == ':');
}

static bool is_zero(const char *text)
{
	return !text || strcmp(text, "0") == 0;
}

static bool is_for_us(void)
{
	return environment_number("LISTEN_PID", INT32_MAX) == getpid();
}

/* Where the kernel refuses there is nothing to be done: children close them in any case. */
void activation_close_others(void)
{
	long long count = is_for_us() ? environment_number("LISTEN_FDS", MOST_DESCRIPTORS) : 0;

	(void)syscall(SYS_close_range, (unsigned)(FIRST_DESCRIPTOR + count), ~0U, 0);
}

bool activation_take(struct socket_set *available, struct problem *problem)
{
	long long count = is_for_us() ? environment_number("LISTEN_FDS", MOST_DESCRIPTORS) : 0;
	const char *names = getenv("LISTEN_FDNAMES");

	memset(available, 0, sizeof(*available));
	if (count == 0 && is_for_us() && !is_zero(getenv("LISTEN_FDS")))
		return problem_set(problem, "LISTEN_FDS=%s: it is a number from 0 to %d",
				   getenv("LISTEN_FDS"), MOST_DESCRIPTORS);
	if (count == 0)
		return true;
	available->sockets = must_allocate((size_t)count, sizeof(available->sockets[0]));
	for (int i = 0; i < (int)count; i++) {
		struct bound_socket *socket = &available->sockets[available->count];

		if (!take_one(socket, FIRST_DESCRIPTOR + i, problem)) {
			socket_set_close(available, NULL);
			return false;
		}
		take_name(&names, socket);
		available->count++;
	}
	return true;
}
