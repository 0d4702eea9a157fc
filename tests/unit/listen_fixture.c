/*
 * listen_fixture.c - `listen` sections, and sockets as a service manager hands them over
 */
#include "tests/unit/listen_fixture.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bsd/string.h>

#include "master/activation.h"

struct identity listen_owner;

__attribute__((constructor)) static void find_owner(void)
{
	listen_owner = (struct identity){ geteuid(), getegid() };
}

void add_section(struct sections *sections, const char *title, const char *address, int port)
{
	struct configuration *configuration = &sections->configuration;
	size_t i = configuration->listen_count++;
	struct section *part = &sections->parts[i];

	strlcpy(part->title, title, sizeof(part->title));
	part->items[0] = (char *)address;
	sections->listens[i] = (struct listen_configuration){ .title = part->title,
							      .addresses = { part->items, 1 },
							      .port = port };
	configuration->listens = sections->listens;
}

void add_address(struct sections *sections, const char *address)
{
	size_t i = sections->configuration.listen_count - 1;

	sections->parts[i].items[1] = (char *)address;
	sections->listens[i].addresses.count = 2;
}

bool activate(int descriptor, const char *name, struct socket_set *available,
	      struct problem *problem)
{
	int before = fcntl(3, F_DUPFD_CLOEXEC, 100);
	char pid[32];
	bool taken;

	/* No assertion until then: libcheck would write to the socket. */
	dup2(descriptor, 3);
	close(descriptor);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", name, 1);
	taken = activation_take(available, problem);
	dup2(before, 3);
	return taken;
}

void must_activate(int descriptor, const char *name, struct socket_set *available)
{
	struct problem problem;

	ck_assert_msg(activate(descriptor, name, available, &problem), "%s", problem.text);
	ck_assert_uint_eq(available->count, 1);
}

bool same_socket(int a, int b)
{
	unsigned long long cookie_a = 0, cookie_b = 0;
	socklen_t size = sizeof(cookie_a);

	return getsockopt(a, SOL_SOCKET, SO_COOKIE, &cookie_a, &size) == 0 &&
	       getsockopt(b, SOL_SOCKET, SO_COOKIE, &cookie_b, &size) == 0 && cookie_a == cookie_b;
}
