/*
 * supervise.c - what follows when a process is ready, and when it ends
 *
 * Runs in: posternd.  Privilege: CAP_SETUID, CAP_SETGID, CAP_KILL.
 * Distrusts: that a process which is started again lives longer.
 */
#include "master/supervise.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/background.h"
#include "master/certificates.h"
#include "master/child.h"
#include "master/logging.h"
#include "master/notify.h"
#include "master/pair.h"
#include "master/place.h"
#include "master/reload.h"
#include "master/stop.h"

/* What is left of a process. */
struct ended {
	enum process process;
	struct generation *generation;
	struct place *place;
	bool leaving;
	int64_t lived;
	int status; /* of waitpid(2) */
};

/* ---- ready ---- */

bool supervise_all_ready(const struct generation *generation)
{
	for (size_t i = 0; i < generation->count; i++)
		if (!generation->places[i].child || !generation->places[i].child->ready)
			return false;
	return true;
}

/* Someone at a terminal whose log goes elsewhere shall see that it runs, too. */
static void tell_terminal(const struct master *master)
{
	const struct configuration *configuration = master->current->configuration;

	if (master->line.foreground && master->current->log.descriptor != STDERR_FILENO &&
	    isatty(STDERR_FILENO))
		fprintf(stderr, "posternd: listening; the log goes to %s\n", configuration->log.to);
}

static void service_ready(struct master *master)
{
	struct log_line line;

	master->phase = PHASE_RUNNING;
	logging_sockets(master->current);
	logging_accept_all(master->current);
	log_begin(&line, EVENT_READY, NULL);
	log_number(&line, "listeners", (long long)master->current->sockets.count);
	log_number(&line, "workers", (long long)master->current->count);
	log_end(&line);
	certificates_watch(master);
	tell_terminal(master);
	notify_service_manager("READY=1");
	if (master->waiting >= 0)
		background_tell_ready(master->waiting);
	master->waiting = -1;
	reload_continue(master);
}

void supervise_ready(struct child *child)
{
	struct master *master = child->master;
	const struct child *delivery = master->delivery.child;

	if (master->phase == PHASE_STARTING) {
		if (supervise_all_ready(master->current) && delivery && delivery->ready)
			service_ready(master);
		return;
	}
	if (child->generation && child->generation == master->next)
		reload_worker_ready(master);
	if (child == delivery)
		reload_delivery_ready(master);
}

/* ---- ended ---- */

static void log_ended(const struct child *child, const struct ended *ended)
{
	struct log_line line;

	child_log_begin(&line, EVENT_END, child);
	if (WIFSIGNALED(ended->status))
		log_number(&line, "signal", WTERMSIG(ended->status));
	else
		log_number(&line, "status", WEXITSTATUS(ended->status));
	log_seconds(&line, "took", ended->lived);
	log_end(&line);
}

static struct ended bury(struct child *child, int status)
{
	struct ended ended = {
		.process = child->process,
		.generation = child->generation,
		.place = child->place,
		.leaving = child->leaving,
		.lived = clock_steady() - child->born,
		.status = status,
	};

	log_ended(child, &ended);
	if (child->process == PROCESS_WORKER)
		pair_ended(child->master, child->serial);
	child_free(child);
	return ended;
}

/*
 * A process that somebody killed has no fault of its own: the master for a
 * violation, the kernel for memory, an operator. It is started again, with
 * back-off, but it is not part of a crash loop.
 */
static bool was_killed(int status)
{
	return WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM);
}

static bool is_crash_loop(struct master *master, const struct ended *ended)
{
	return !was_killed(ended->status) &&
	       crash_history_add(&master->crashes[ended->process], clock_steady(), ended->lived);
}

/* Before the service is ready nobody waits for a second try. */
static void fail_start(struct master *master, const struct ended *ended)
{
	const char *program = process_describe(ended->process)->program;
	bool signalled = WIFSIGNALED(ended->status);

	fprintf(stderr, "posternd: %s ended before it was ready (%s %d); the log may say why\n",
		program, signalled ? "signal" : "status",
		signalled ? WTERMSIG(ended->status) : WEXITSTATUS(ended->status));
	stop_give_up(master, ended->process, 1, ended->lived);
}

static void after_end(struct master *master, const struct ended *ended)
{
	if (master->phase == PHASE_STARTING) {
		fail_start(master, ended);
	} else if (master->phase != PHASE_RUNNING) {
		stop_continue(master, ended->lived);
	} else if (ended->generation && ended->generation == master->next) {
		reload_refuse(master, "a worker ended before it was ready; the log may say why");
	} else if (ended->generation && ended->generation != master->current) {
		reload_worker_left(ended->generation);
	} else if (ended->leaving) {
		place_fill_now(ended->place);
	} else if (is_crash_loop(master, ended)) {
		stop_give_up(master, ended->process, CRASH_DEATHS, CRASH_WINDOW);
	} else {
		place_fill_later(ended->place, ended->lived);
	}
}

static struct child *find_pid(struct master *master, pid_t pid)
{
	struct child *child;

	TAILQ_FOREACH (child, &master->children, entry)
		if (child->pid == pid)
			return child;
	return NULL;
}

void supervise_reap(struct master *master)
{
	struct child *child;
	struct ended ended;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		child = find_pid(master, pid);
		if (!child)
			continue;
		ended = bury(child, status);
		after_end(master, &ended);
	}
	logging_check(master);
}

/* ---- the first start ---- */

bool supervise_start(struct master *master, struct problem *problem)
{
	struct generation *current = master->current;

	if (!place_fill(&master->delivery, problem))
		return false;
	for (size_t i = 0; i < current->count; i++)
		if (!place_fill(&current->places[i], problem))
			return false;
	return true;
}
