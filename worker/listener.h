/*
 * listener.h - a listening socket, and what its `listen` section says
 */
#ifndef POSTERN_WORKER_LISTENER_H
#define POSTERN_WORKER_LISTENER_H

#include "common/network/network.h"
#include "worker/worker.h"

/* Networks whose clients may do what others may not. */
struct trusted {
	struct network *networks;
	size_t count;
};

struct listener {
	LIST_ENTRY(listener) next;
	struct worker *worker;
	int socket; /* -1: closed, its sessions go on */
	struct event readable;
	const struct listen_configuration *configuration;
	struct smtp_settings settings;
	struct trusted proxy, xclient, xforward, ignore_log;
};

/*
 * A listener with the settings of the section of this title. What the master has
 * checked can only fail for want of memory, which ends the process, as does a title
 * that the configuration does not have.
 */
struct listener *listener_new(struct worker *worker, int socket, const char *title);

bool is_trusted(const struct trusted *trusted, const struct in6_addr *address);

#endif
