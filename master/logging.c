/*
 * logging.c - the log of all processes: opened again, and lines about the service
 *
 * Runs in: posternd.  Privilege: that of its own user.
 * Trusts: the configuration.
 */
#include "master/logging.h"

#include "common/configuration/options.h"
#include "common/configuration/values.h"
#include "master/child.h"
#include "master/log_file.h"

#define REOPEN_PAUSE SECOND

static void hand_out(struct master *master)
{
	const struct log_settings *settings = &master->current->log;
	const struct message_log message = { .log_is_syslog = settings->is_syslog };
	uint8_t bytes[OUTGOING_SIZE];
	struct wire_writer payload = { bytes, sizeof(bytes), 0, false };
	struct child *child;

	message_put_log(&payload, &message);
	TAILQ_FOREACH (child, &master->children, entry)
		child_post(child, MESSAGE_LOG, &payload, &settings->descriptor, 1);
}

void logging_switch(struct master *master)
{
	log_open(process_describe(PROCESS_MASTER)->program, &master->current->log);
	hand_out(master);
}

void logging_reopen(struct master *master)
{
	struct generation *current = master->current;
	struct log_settings old = current->log, opened;
	int64_t now = clock_steady();
	struct problem problem;

	if (master->log_reopened && now - master->log_reopened < REOPEN_PAUSE)
		return;
	master->log_reopened = now;
	if (!log_file_open(current->configuration, &master->identities[PROCESS_MASTER], &opened,
			   &problem))
		return;
	current->log = opened;
	logging_switch(master);
	log_file_close(&old);
}

void logging_check(struct master *master)
{
	if (log_lost() > 0)
		logging_reopen(master);
}

void logging_sockets(const struct generation *generation)
{
	const struct socket_set *set = &generation->sockets;
	struct log_line line;
	char address[LISTEN_ADDRESS_SIZE];
	int port;

	for (size_t i = 0; i < set->count; i++) {
		bound_socket_describe(&set->sockets[i], address, sizeof(address), &port);
		log_begin(&line, EVENT_LISTEN, NULL);
		log_text(&line, "listener", set->sockets[i].title);
		log_text(&line, "address", address);
		if (port != 0)
			log_number(&line, "port", port);
		log_end(&line);
	}
}

void logging_accept_all(const struct generation *generation)
{
	const struct configuration *configuration = generation->configuration;
	enum accept_all mode = configuration->accept_all.mode;
	const char *word;
	size_t length = value_choice(option_find("accept-all", "mode"), mode, &word);
	struct log_line line;

	if (mode == ACCEPT_ALL_OFF)
		return;
	log_begin(&line, EVENT_ACCEPT_ALL, NULL);
	log_bytes(&line, "mode", word, length);
	if (mode == ACCEPT_ALL_ONE)
		log_text(&line, "mailbox", configuration->accept_all.mailbox);
	log_end(&line);
}
