/*
 * place.c - a place is filled with a process, and filled again
 *
 * Runs in: posternd.  Privilege: CAP_SETUID, CAP_SETGID.
 * Trusts: the sealed files of its generation.
 */
#include "master/place.h"

#include <unistd.h>

#include <bsd/string.h>

#include "master/child.h"
#include "master/folder.h"
#include "master/pair.h"

static void on_timer(evutil_socket_t descriptor, short events, void *argument)
{
	(void)descriptor;
	(void)events;
	place_fill_now(argument);
}

void place_init(struct place *place, struct master *master, struct generation *generation,
		enum process process)
{
	place->master = master;
	place->generation = generation;
	place->process = process;
	evtimer_assign(&place->timer, master->base, on_timer, place);
}

/* START for the process there, with the descriptors in the order of message.h. */
static void send_start(struct child *child, const struct generation *generation,
		       const int *descriptors, int count)
{
	const struct message_start start = {
		.serial = child->serial,
		.slot = child->slot >= 0 ? (uint32_t)child->slot : 0,
		.log_is_syslog = generation->log.is_syslog,
		.verbose = generation->configuration->log.verbose,
	};
	uint8_t bytes[OUTGOING_SIZE];
	struct wire_writer payload = { bytes, sizeof(bytes), 0, false };

	message_put_start(&payload, &start);
	child_post(child, MESSAGE_START, &payload, descriptors, count);
}

static bool fill_with_delivery(struct place *place, struct problem *problem)
{
	const struct generation *current = place->master->current;
	int descriptors[START_DESCRIPTORS_DELIVERY];

	if (!child_start(place, problem))
		return false;
	descriptors[START_CONFIGURATION] = current->configuration_descriptor;
	descriptors[START_TABLES] = current->tables;
	descriptors[START_LOG] = current->log.descriptor;
	descriptors[START_MAIL_ROOT] = current->mail_root;
	descriptors[START_REMEMBER] = place->master->remember;
	send_start(place->child, current, descriptors, START_DESCRIPTORS_DELIVERY);
	return true;
}

static bool fill_with_worker(struct place *place, struct problem *problem)
{
	const struct generation *generation = place->generation;
	int descriptors[START_DESCRIPTORS_WORKER];
	int spool = folder_nameless_file(generation->spool);
	bool started;

	if (spool < 0)
		return problem_errno(problem, "spool file");
	started = child_start(place, problem) != NULL;
	if (started) {
		descriptors[START_CONFIGURATION] = generation->configuration_descriptor;
		descriptors[START_TABLES] = generation->tables;
		descriptors[START_LOG] = generation->log.descriptor;
		descriptors[START_SPOOL] = spool;
		descriptors[START_SCOREBOARD] = place->master->scoreboard_descriptor;
		descriptors[START_TLS] = generation->tls;
		send_start(place->child, generation, descriptors, START_DESCRIPTORS_WORKER);
	}
	close(spool);
	return started;
}

void place_send_sockets(const struct place *place)
{
	const struct socket_set *set = &place->generation->sockets;

	for (size_t i = 0; i < set->count; i++) {
		struct message_listener listener;
		uint8_t bytes[OUTGOING_SIZE];
		struct wire_writer payload = { bytes, sizeof(bytes), 0, false };

		strlcpy(listener.title, set->sockets[i].title, sizeof(listener.title));
		message_put_listener(&payload, &listener);
		child_post(place->child, MESSAGE_LISTENER, &payload, &set->sockets[i].descriptor,
			   1);
	}
}

bool place_fill(struct place *place, struct problem *problem)
{
	if (place->process == PROCESS_DELIVERY) {
		if (!fill_with_delivery(place, problem))
			return false;
		pair_with_workers(place->child);
		return true;
	}
	if (!fill_with_worker(place, problem))
		return false;
	/* A worker of the next generation waits: its tables are not delivery's yet. */
	if (place->generation == place->master->current) {
		place_send_sockets(place);
		pair_with_delivery(place->child);
	}
	return true;
}

void place_fill_later(struct place *place, int64_t lived)
{
	int64_t pause = backoff_next(&place->backoff, lived);
	const struct timeval time = { .tv_sec = (time_t)(pause / SECOND),
				      .tv_usec = (suseconds_t)(pause % SECOND) };
	struct log_line line;

	log_begin(&line, EVENT_RESPAWN, NULL);
	log_text(&line, "program", process_describe(place->process)->program);
	log_seconds(&line, "pause", pause);
	log_end(&line);
	evtimer_add(&place->timer, &time);
}

void place_fill_now(struct place *place)
{
	struct problem problem;
	struct log_line line;

	if (place_fill(place, &problem))
		return;
	log_begin(&line, EVENT_SHORT, NULL);
	log_text(&line, "what", process_describe(place->process)->program);
	log_text(&line, "reason", problem.text);
	log_end(&line);
	place_fill_later(place, 0);
}

void place_leave(struct place *place)
{
	event_del(&place->timer);
	if (place->child)
		place->child->place = NULL;
	place->child = NULL;
}
