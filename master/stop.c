/*
 * stop.c - the service ends: first the workers, then delivery, then the master
 *
 * Runs in: posternd.  Privilege: CAP_KILL.
 * Distrusts: that a process ends by itself.
 */
#include "master/stop.h"

#include <sysexits.h>

#include "master/child.h"
#include "master/notify.h"
#include "master/place.h"

static bool is_stopping(const struct master *master)
{
	return master->phase == PHASE_STOPPING_WORKERS || master->phase == PHASE_STOPPING_DELIVERY;
}

static bool has_workers(const struct master *master)
{
	const struct child *child;

	TAILQ_FOREACH (child, &master->children, entry)
		if (child->process == PROCESS_WORKER)
			return true;
	return false;
}

static void tell_all(struct master *master, enum process process)
{
	struct child *child;

	TAILQ_FOREACH (child, &master->children, entry)
		if (child->process == process)
			child_tell_to_end(child, MESSAGE_STOP, master->stop_seconds);
}

static void leave_generation(struct generation *generation)
{
	for (size_t i = 0; generation && i < generation->count; i++)
		place_leave(&generation->places[i]);
	if (generation)
		socket_set_close(&generation->sockets, NULL);
}

static void log_stop(const struct master *master, const char *signal)
{
	struct log_line line;

	log_begin(&line, EVENT_STOP, NULL);
	log_text(&line, "signal", signal);
	log_number(&line, "deadline", master->stop_seconds);
	log_end(&line);
}

static void begin(struct master *master)
{
	if (master->next)
		event_del(&master->next_timer);
	leave_generation(master->current);
	leave_generation(master->next);
	master->phase = PHASE_STOPPING_WORKERS;
}

/* Delivery outlives the workers: they wait for its verdicts. */
static void stop_delivery(struct master *master)
{
	event_del(&master->delivery.timer);
	if (!master->delivery.child)
		event_base_loopbreak(master->base);
	else if (master->phase == PHASE_STOPPING_WORKERS)
		tell_all(master, PROCESS_DELIVERY);
	master->phase = PHASE_STOPPING_DELIVERY;
}

void stop_continue(struct master *master, int64_t lived)
{
	struct place *delivery = &master->delivery;

	if (!has_workers(master))
		stop_delivery(master);
	else if (!delivery->child && master->exit_status == 0 &&
		 !evtimer_pending(&delivery->timer, NULL))
		place_fill_later(delivery, lived);
}

static void stop(struct master *master, const char *signal)
{
	bool again = is_stopping(master);

	master->stop_seconds = again ? 0 : (uint32_t)master->current->configuration->timeouts.stop;
	log_stop(master, signal);
	if (!again) {
		notify_service_manager("STOPPING=1");
		begin(master);
	}
	tell_all(master,
		 master->phase == PHASE_STOPPING_WORKERS ? PROCESS_WORKER : PROCESS_DELIVERY);
	stop_continue(master, 0);
}

void stop_request(struct master *master, const char *signal)
{
	stop(master, signal);
}

void stop_give_up(struct master *master, enum process process, int deaths, int64_t within)
{
	struct log_line line;

	log_begin(&line, EVENT_GIVE_UP, NULL);
	log_text(&line, "program", process_describe(process)->program);
	log_number(&line, "deaths", deaths);
	log_seconds(&line, "seconds", within);
	log_end(&line);
	master->exit_status = EX_SOFTWARE;
	stop(master, NULL);
}
