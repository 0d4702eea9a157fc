/*
 * master.h - what the master knows: its generations, places and processes
 *
 * A place is where one process runs: a place that must be filled is filled
 * again when its process dies. A generation is one configuration with its
 * tables, sockets and places of workers. There is one place of delivery, which
 * works with the files of the current generation.
 */
#ifndef POSTERN_MASTER_MASTER_H
#define POSTERN_MASTER_MASTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <bsd/sys/queue.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "common/configuration/configuration.h"
#include "common/confine/confine.h"
#include "common/frame/message.h"
#include "common/log/log.h"
#include "common/scoreboard/scoreboard.h"
#include "master/backoff.h"
#include "master/command_line.h"
#include "master/listen.h"

struct master;
struct generation;
struct child;

/* The longest payload of a control message that the master sends. */
#define OUTGOING_SIZE 128
/* Messages that wait for a process to read; one that leaves more unread is ended. */
#define OUTGOING_MOST 4096

struct outgoing {
	STAILQ_ENTRY(outgoing) entry;
	enum message_type type;
	uint8_t payload[OUTGOING_SIZE];
	size_t length;
	int descriptors[MESSAGE_DESCRIPTORS_MAX]; /* its own */
	int descriptor_count;
};

struct place {
	struct master *master;
	struct generation *generation; /* NULL for delivery: the current one */
	enum process process;
	struct child *child; /* NULL: empty */
	struct backoff backoff;
	struct event timer; /* until it is filled again */
};

struct child {
	TAILQ_ENTRY(child) entry;
	struct master *master;
	struct generation *generation; /* of a worker; NULL for delivery */
	struct place *place;	       /* NULL: it has been replaced */
	enum process process;
	pid_t pid;
	uint32_t serial;
	int slot; /* of the scoreboard; -1: none */
	int channel;
	int64_t born;
	bool ready;
	bool leaving; /* it was told to end */
	bool killed;  /* SIGKILL was sent, and logged */
	struct event incoming;
	struct event deadline; /* until it is killed */
	struct event retry;    /* until what waits is sent */
	STAILQ_HEAD(outgoing_list, outgoing) outgoing;
	size_t outgoing_count;
};

struct generation {
	TAILQ_ENTRY(generation) entry;
	struct master *master;
	unsigned number;
	struct configuration *configuration;
	int configuration_descriptor;
	int tables;
	int tls; /* certificates and keys; an empty file where there are none */
	int mail_root;
	int spool;
	struct log_settings log;
	struct socket_set sockets;
	struct place *places; /* of its workers */
	size_t count;
};

enum phase {
	PHASE_STARTING, /* until all processes of the first generation are ready */
	PHASE_RUNNING,
	PHASE_STOPPING_WORKERS,
	PHASE_STOPPING_DELIVERY,
};

#define MASTER_SIGNALS 4

struct master {
	struct command_line line;
	struct event_base *base;
	struct event signals[MASTER_SIGNALS];
	enum phase phase;
	int exit_status;
	int64_t born;
	bool is_root;
	struct identity identities[PROCESS_COUNT];
	int programs[PROCESS_COUNT]; /* to execute */
	int null;		     /* /dev/null */
	int waiting;		     /* who waits until we listen; -1: nobody */
	struct pidfh *pid_file;
	struct socket_set activated;
	int scoreboard_descriptor;
	struct scoreboard *scoreboard;
	int remember; /* the memory of messages: for delivery, never mapped here */
	TAILQ_HEAD(child_list, child) children;
	TAILQ_HEAD(generation_list, generation) old; /* their workers finish what they have */
	struct generation *current;
	struct generation *next;   /* being started by a reload */
	struct event next_timer;   /* until it must be ready */
	struct event certificates; /* each day */
	struct place delivery;
	struct crash_history crashes[PROCESS_COUNT];
	uint32_t last_serial;
	bool reload_wanted;
	bool reload_finishing; /* the new delivery is not yet ready */
	uint32_t stop_seconds; /* the deadline of STOP */
	int64_t log_reopened;
};

#endif
