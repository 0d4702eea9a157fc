/*
 * notify.c - tells the service manager how it goes: sd_notify(3)
 *
 * Runs in: posternd.  Privilege: none needed.
 * Trusts: the environment that it was started with.
 */
#include "master/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <bsd/string.h>

/* "@name" is a name in the abstract space: unix(7). Returns the address's length, 0: none. */
static socklen_t find_manager(struct sockaddr_un *address)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (!path || (path[0] != '/' && path[0] != '@'))
		return 0;
	length = strlcpy(address->sun_path, path, sizeof(address->sun_path));
	if (length >= sizeof(address->sun_path))
		return 0;
	if (path[0] == '@')
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

void notify_service_manager(const char *state)
{
	struct sockaddr_un address;
	socklen_t length = find_manager(&address);
	int descriptor;

	if (length == 0)
		return;
	descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (descriptor < 0)
		return;
	(void)sendto(descriptor, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
		     length);
	close(descriptor);
}

void notify_reloading(void)
{
	struct timespec now;
	char state[80];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	notify_service_manager(state);
}
