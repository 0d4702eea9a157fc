/*
 * reload.c - a new generation replaces the current one
 *
 * Runs in: posternd.  Privilege: CAP_NET_BIND_SERVICE, CAP_DAC_READ_SEARCH,
 * CAP_SETUID, CAP_SETGID, CAP_KILL.
 * Distrusts: the new configuration and tables, until they are read.
 */
#include "master/reload.h"

#include <string.h>

#include "master/certificates.h"
#include "master/child.h"
#include "master/logging.h"
#include "master/notify.h"
#include "master/place.h"
#include "master/prepare.h"
#include "master/supervise.h"

/* New workers must be ready in that time. */
#define READY_SECONDS 120

static bool has_processes(const struct generation *generation)
{
	const struct child *child;

	TAILQ_FOREACH (child, &generation->master->children, entry)
		if (child->generation == generation)
			return true;
	return false;
}

/* The generation is one of master->old. */
static void free_when_left(struct generation *generation)
{
	if (has_processes(generation))
		return;
	TAILQ_REMOVE(&generation->master->old, generation, entry);
	generation_free(generation);
}

void reload_worker_left(struct generation *generation)
{
	free_when_left(generation);
}

static void leave_places(struct generation *generation)
{
	for (size_t i = 0; i < generation->count; i++)
		place_leave(&generation->places[i]);
}

/* ---- refused ---- */

static void log_refused(const char *reason)
{
	log_event_text(EVENT_REFUSED_RELOAD, "reason", reason);
	notify_service_manager("READY=1");
}

void reload_refuse(struct master *master, const char *reason)
{
	struct generation *refused = master->next;
	struct child *child;

	event_del(&master->next_timer);
	master->next = NULL;
	TAILQ_INSERT_TAIL(&master->old, refused, entry);
	leave_places(refused);
	/* Its workers never had them: a second try finds every new address free. */
	socket_set_close(&refused->sockets, &master->current->sockets);
	TAILQ_FOREACH (child, &master->children, entry)
		if (child->generation == refused)
			child_kill(child, "its generation was refused");
	log_refused(reason);
	free_when_left(refused);
	reload_continue(master);
}

static void on_timeout(evutil_socket_t descriptor, short events, void *argument)
{
	(void)descriptor;
	(void)events;
	reload_refuse(argument, "the new workers were not ready in time");
}

/* ---- begun ---- */

/* Not reload_refuse() where a worker cannot be started: the caller is not to be called again. */
static void start_workers(struct master *master)
{
	const struct timeval longest = { .tv_sec = READY_SECONDS };
	struct generation *next = master->next;
	struct problem problem;

	evtimer_assign(&master->next_timer, master->base, on_timeout, master);
	evtimer_add(&master->next_timer, &longest);
	for (size_t i = 0; i < next->count; i++) {
		if (!place_fill(&next->places[i], &problem)) {
			reload_refuse(master, problem.text);
			return;
		}
	}
}

static void begin(struct master *master)
{
	struct problem problem;
	int status;

	notify_reloading();
	master->next = prepare_generation(master, AT_RELOAD, &status, &problem);
	if (master->next)
		start_workers(master);
	else
		log_refused(problem.text);
}

void reload_continue(struct master *master)
{
	while (master->reload_wanted && master->phase == PHASE_RUNNING && !master->next &&
	       !master->reload_finishing) {
		master->reload_wanted = false;
		begin(master);
	}
}

void reload_request(struct master *master)
{
	master->reload_wanted = true;
	reload_continue(master);
}

/* ---- in force ---- */

/* What only a restart can change, or NULL: users would need root, the pid file is locked. */
static const char *needs_restart(const struct configuration *before,
				 const struct configuration *after)
{
	bool pid_file = strcmp(before->pid_file, after->pid_file) != 0;
	bool users = false;

	for (unsigned i = 0; i < PROCESS_COUNT; i++)
		users = users || strcmp(process_user(i, before), process_user(i, after)) != 0;
	if (users && pid_file)
		return "users and pid-file stay as they were until a restart";
	if (users)
		return "users stay as they were until a restart";
	return pid_file ? "pid-file stays as it was until a restart" : NULL;
}

static void log_in_force(const struct generation *before, const struct generation *after)
{
	struct log_line line;

	logging_sockets(after);
	logging_accept_all(after);
	log_begin(&line, EVENT_RELOAD, NULL);
	log_number(&line, "generation", after->number);
	log_text(&line, "reason", needs_restart(before->configuration, after->configuration));
	log_end(&line);
}

static void drain(struct generation *generation)
{
	struct master *master = generation->master;
	uint32_t seconds = (uint32_t)generation->configuration->timeouts.drain;
	struct child *child;

	leave_places(generation);
	TAILQ_FOREACH (child, &master->children, entry)
		if (child->generation == generation)
			child_tell_to_end(child, MESSAGE_DRAIN, seconds);
	socket_set_close(&generation->sockets, &master->current->sockets);
	TAILQ_INSERT_TAIL(&master->old, generation, entry);
}

/* The old one commits what it has and ends; its place is filled when it has. */
static void replace_delivery(struct master *master)
{
	struct child *delivery = master->delivery.child;

	master->reload_finishing = true;
	if (delivery)
		child_tell_to_end(delivery, MESSAGE_STOP,
				  (uint32_t)master->current->configuration->timeouts.stop);
}

static void put_in_force(struct master *master)
{
	struct generation *before = master->current;

	event_del(&master->next_timer);
	master->current = master->next;
	master->next = NULL;
	logging_switch(master);
	log_in_force(before, master->current);
	certificates_watch(master);
	/* Messages of the new workers wait for the new delivery, whose tables are theirs. */
	replace_delivery(master);
	for (size_t i = 0; i < master->current->count; i++)
		place_send_sockets(&master->current->places[i]);
	drain(before);
	free_when_left(before);
}

void reload_worker_ready(struct master *master)
{
	if (supervise_all_ready(master->next))
		put_in_force(master);
}

void reload_delivery_ready(struct master *master)
{
	if (!master->reload_finishing)
		return;
	master->reload_finishing = false;
	notify_service_manager("READY=1");
	reload_continue(master);
}
