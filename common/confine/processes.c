/*
 * processes.c - the process table: one row for each program
 *
 * Runs in: every program.  Privilege: none needed.
 * Distrusts: nothing (constants).  Trusts: configuration.c.
 */
#include "common/confine/processes.h"

#include <cap-ng.h>

#include "common/fail/fail.h"

/* What the master keeps after it has become its own user, all else is dropped. */
static const struct kept_capability master_capabilities[] = {
	{ CAP_SETUID, "start workers and delivery as their own users" },
	{ CAP_SETGID, "start workers and delivery in their own groups" },
	{ CAP_KILL, "end a process of another user that does not end by itself" },
	{ CAP_NET_BIND_SERVICE, "bind a port below 1024 that a reload adds" },
	{ CAP_DAC_READ_SEARCH, "read at a reload what only root may read; reach the mail root" },
	{ 0, NULL },
};

static const struct kept_capability no_capabilities[] = { { 0, NULL } };

static const struct process_description processes[PROCESS_COUNT] = {
	[PROCESS_MASTER] = {
		.program = "posternd",
		.folder = "master",
		.user = offsetof(struct configuration, users.master),
		.capabilities = master_capabilities,
		.descriptors = "none: it opens everything, and hands it over",
		.reaches = "its configuration and tables to read, its programs to run, its pid file, "
			   "unix sockets, log and spool folder",
		.cannot = "parse a byte from the network",
	},
	[PROCESS_WORKER] = {
		.program = "postern-worker",
		.folder = "worker",
		.user = offsetof(struct configuration, users.worker),
		.capabilities = no_capabilities,
		.descriptors = "control channel, configuration, tables, log, spool file, scoreboard, "
			       "listening sockets, a pair of pipes to delivery",
		.reaches = "what was handed over, and the clients that connect",
		.cannot = "become another user, gain a privilege, write to a mailbox",
	},
	[PROCESS_DELIVERY] = {
		.program = "postern-delivery",
		.folder = "delivery",
		.user = offsetof(struct configuration, users.delivery),
		.capabilities = no_capabilities,
		.descriptors = "control channel, configuration, tables, log, mail root, "
			       "memory of messages, a pair of pipes to each worker",
		.reaches = "the mail root",
		.cannot = "become another user, gain a privilege, deliver to a mailbox that its tables do "
			  "not list",
	},
};

const struct process_description *process_describe(enum process process)
{
	require(process < PROCESS_COUNT);
	return &processes[process];
}

const char *process_user(enum process process, const struct configuration *configuration)
{
	const char *members = (const char *)configuration;

	return *(char *const *)(const void *)(members + process_describe(process)->user);
}

size_t process_number(enum process process, const struct configuration *configuration)
{
	return process == PROCESS_WORKER ? configuration_worker_count(configuration) : 1;
}
