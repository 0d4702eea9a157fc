/*
 * worker.h - what all rooms of the worker share: one struct, made once
 */
#ifndef POSTERN_WORKER_WORKER_H
#define POSTERN_WORKER_WORKER_H

#include <bsd/sys/queue.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "common/configuration/configuration.h"
#include "common/scoreboard/scoreboard.h"
#include "common/smtp/server.h"
#include "common/tables/tables.h"

struct condition;
struct listener;
struct outbox;
struct session;
struct spool;
struct tls_contexts;

enum worker_state {
	WORKER_STARTING = 1, /* waits for START */
	WORKER_RUNNING = 2,
	WORKER_DRAINING = 4, /* accepts no more, sessions go on */
	WORKER_STOPPING = 8, /* sessions end with what they have in hand */
};

/* The bytes of one read(2) from any client; nothing of it outlives the callback. */
#define WORKER_INPUT_SIZE 65536

struct worker {
	struct event_base *loop;
	enum worker_state state;
	bool is_late;	 /* when it ends, it waits for nothing but its sessions */
	uint32_t serial; /* unlike that of any other process of this master */
	uint32_t slot;	 /* of the scoreboard */

	struct configuration *configuration;
	struct tables *tables;
	struct scoreboard *board;
	struct spool *spool;
	struct outbox *outbox;
	const struct condition *condition; /* of delivery; NULL: it is fine */
	struct tls_contexts *tls;	   /* NULL: no certificate is configured */

	LIST_HEAD(listeners, listener) listeners;
	LIST_HEAD(sessions, session) sessions;
	size_t session_count;
	int log;     /* the descriptor of the log */
	int reserve; /* a descriptor to give up when there are no others left */

	struct event control;
	struct event deadline;	   /* of DRAIN or STOP */
	struct event accept_pause; /* ends a pause in accepting */
	struct event ratchet;	   /* new keys for session tickets */

	/* Common timeouts of libevent: thousands of timers of one length cost one queue. */
	const struct timeval *wait_command;
	const struct timeval *wait_handshake;
	const struct timeval *wait_proxy;
	const struct timeval *wait_data;
	const struct timeval *wait_write;
	const struct timeval *wait_linger;

	char input[WORKER_INPUT_SIZE];
};

/* Leaves the loop when the worker has nothing more to do. Called when a session has ended. */
void worker_end_if_done(struct worker *worker);

#endif
