/*
 * control.c - the worker's side of the control channel: what the master says
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: nothing: who commands the master commands all. What breaks the
 * message table is impossible() here.
 */
#include "worker/control.h"

#include <string.h>
#include <unistd.h>

#include "common/fail/fail.h"
#include "common/frame/channel.h"
#include "common/log/log.h"
#include "common/tls/context.h"
#include "common/tls/tickets.h"
#include "worker/accept.h"
#include "worker/outbox.h"
#include "worker/session.h"
#include "worker/spool.h"

/* ---- START ---- */

static void open_log(const struct worker *worker, const struct message_start *start, int descriptor)
{
	struct log_settings settings = {
		.descriptor = descriptor,
		.is_syslog = start->log_is_syslog,
		.format = worker->configuration->log.format == LOG_FORMAT_JSON ? LOG_JSON
									       : LOG_KEY_VALUE,
		.verbose = start->verbose,
	};

	log_open("postern-worker", &settings);
}

static const struct timeval *common_timeout(struct worker *worker, long long seconds)
{
	struct timeval duration = { .tv_sec = (time_t)seconds };

	return event_base_init_common_timeout(worker->loop, &duration);
}

#define LINGER_SECONDS 2

static void fill_timeouts(struct worker *worker)
{
	worker->wait_command = common_timeout(worker, worker->configuration->timeouts.command);
	worker->wait_handshake = common_timeout(worker, worker->configuration->timeouts.handshake);
	worker->wait_proxy = common_timeout(worker, worker->configuration->timeouts.proxy);
	worker->wait_data = common_timeout(worker, worker->configuration->timeouts.data);
	worker->wait_write = common_timeout(worker, worker->configuration->timeouts.write);
	worker->wait_linger = common_timeout(worker, LINGER_SECONDS);
}

static void read_files(struct worker *worker, const int *descriptors)
{
	struct problem problem;

	worker->configuration =
		configuration_read_sealed(descriptors[START_CONFIGURATION], &problem);
	if (!worker->configuration)
		impossible(problem.text);
	worker->tables = tables_open(descriptors[START_TABLES], &problem);
	if (!worker->tables)
		impossible(problem.text);
	worker->board = scoreboard_map(descriptors[START_SCOREBOARD], &problem);
	if (!worker->board)
		impossible(problem.text);
	if (!tls_contexts_open(descriptors[START_TLS], worker->configuration, &worker->tls,
			       &problem))
		impossible(problem.text);
	close(descriptors[START_CONFIGURATION]);
	close(descriptors[START_TABLES]);
	close(descriptors[START_TLS]);
	close(descriptors[START_SCOREBOARD]);
}

/* More often than each hour: common/tls/tickets.h. */
#define RATCHET_SECONDS 600

static void on_ratchet(int descriptor, short what, void *context)
{
	struct worker *worker = context;

	(void)descriptor;
	(void)what;
	tls_contexts_ratchet(worker->tls, tls_tickets_clock());
}

static void watch_tickets(struct worker *worker)
{
	static const struct timeval interval = { .tv_sec = RATCHET_SECONDS };

	event_assign(&worker->ratchet, worker->loop, -1, EV_PERSIST, on_ratchet, worker);
	if (worker->tls)
		event_add(&worker->ratchet, &interval);
}

static void on_start(struct worker *worker, const struct channel_message *message)
{
	struct wire_reader reader = channel_payload(message);
	struct message_start start;

	require(message->descriptor_count == START_DESCRIPTORS_WORKER);
	require(message_get_start(&reader, &start));
	worker->serial = start.serial;
	worker->slot = start.slot;
	require(start.slot < SCOREBOARD_SLOTS);
	read_files(worker, message->descriptors);
	worker->log = message->descriptors[START_LOG];
	open_log(worker, &start, worker->log);
	worker->spool = spool_new(message->descriptors[START_SPOOL],
				  (uint64_t)worker->configuration->limits.spool);
	worker->outbox = outbox_new(worker, session_answer);
	fill_timeouts(worker);
	watch_tickets(worker);
	worker->state = WORKER_RUNNING;
	log_started(start.serial);
	channel_send(CHANNEL_DESCRIPTOR, MESSAGE_READY, NULL, NULL, 0);
}

/* ---- the others ---- */

static void on_listener(struct worker *worker, const struct channel_message *message)
{
	struct wire_reader reader = channel_payload(message);
	struct message_listener listener;

	require(message_get_listener(&reader, &listener));
	accept_add(worker, message->descriptors[0], listener.title);
	accept_start(worker);
}

static void on_pipes(struct worker *worker, const struct channel_message *message)
{
	struct wire_reader reader = channel_payload(message);
	struct message_pipes pipes;

	require(message_get_pipes(&reader, &pipes));
	outbox_connect(worker->outbox, message->descriptors[0], message->descriptors[1]);
}

static void on_log(struct worker *worker, const struct channel_message *message)
{
	struct wire_reader reader = channel_payload(message);
	struct message_log log;
	struct message_start start = { .verbose = log_is_verbose() };

	require(message_get_log(&reader, &log));
	start.log_is_syslog = log.log_is_syslog;
	open_log(worker, &start, message->descriptors[0]);
	close(worker->log);
	worker->log = message->descriptors[0];
}

static void set_deadline(struct worker *worker, uint32_t seconds)
{
	struct timeval time = { .tv_sec = (time_t)seconds };

	event_add(&worker->deadline, &time);
}

static void on_drain(struct worker *worker, const struct channel_message *message)
{
	struct wire_reader reader = channel_payload(message);
	struct message_deadline deadline;

	require(message_get_deadline(&reader, &deadline));
	worker->state = WORKER_DRAINING;
	scoreboard_draining(worker->board, worker->slot);
	accept_stop(worker);
	set_deadline(worker, deadline.seconds);
	worker_end_if_done(worker);
}

static void stop(struct worker *worker, uint32_t seconds)
{
	struct session *session, *following;

	worker->state = WORKER_STOPPING;
	if (worker->board)
		scoreboard_draining(worker->board, worker->slot);
	accept_stop(worker);
	LIST_FOREACH_SAFE (session, &worker->sessions, next, following)
		session_stop(session);
	set_deadline(worker, seconds);
	worker_end_if_done(worker);
}

static void on_stop(struct worker *worker, const struct channel_message *message)
{
	struct wire_reader reader = channel_payload(message);
	struct message_deadline deadline;

	require(message_get_deadline(&reader, &deadline));
	stop(worker, deadline.seconds);
}

/* The end of a drain is a stop; the end of a stop cuts what is left. */
static void on_deadline(int descriptor, short what, void *context)
{
	struct worker *worker = context;
	struct session *session, *following;

	(void)descriptor;
	(void)what;
	if (worker->state == WORKER_DRAINING) {
		stop(worker, (uint32_t)worker->configuration->timeouts.stop);
		return;
	}
	LIST_FOREACH_SAFE (session, &worker->sessions, next, following)
		session_cut(session);
	worker->is_late = true;
	worker_end_if_done(worker);
}

/* ---- the table of what may come when ---- */

#define RUNNING (WORKER_RUNNING | WORKER_DRAINING | WORKER_STOPPING)

static const struct {
	enum message_type type;
	unsigned states;
	void (*handler)(struct worker *worker, const struct channel_message *message);
} rules[] = {
	{ MESSAGE_START, WORKER_STARTING, on_start },
	{ MESSAGE_LISTENER, WORKER_RUNNING, on_listener },
	{ MESSAGE_PIPES, RUNNING, on_pipes },
	{ MESSAGE_LOG, RUNNING, on_log },
	{ MESSAGE_DRAIN, WORKER_RUNNING | WORKER_DRAINING, on_drain },
	{ MESSAGE_STOP, WORKER_STARTING | RUNNING, on_stop },
};

static void handle(struct worker *worker, const struct channel_message *message)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].type != message->header.type)
			continue;
		require(rules[i].states & worker->state);
		rules[i].handler(worker, message);
		return;
	}
	impossible("a control message without a rule");
}

/* The master has gone: nobody will start anything again, so this is a stop. */
static void master_is_gone(struct worker *worker)
{
	event_del(&worker->control);
	worker->is_late = true;
	if (worker->state == WORKER_STARTING)
		event_base_loopbreak(worker->loop);
	else
		stop(worker, (uint32_t)worker->configuration->timeouts.stop);
}

static void on_control(int channel, short what, void *context)
{
	struct worker *worker = context;
	struct channel_message message;
	struct problem problem;

	(void)what;
	for (;;) {
		switch (channel_receive(channel, FROM_MASTER, TO_WORKER, &message, &problem)) {
		case CHANNEL_MESSAGE:
			handle(worker, &message);
			break;
		case CHANNEL_EMPTY:
			return;
		case CHANNEL_CLOSED:
			master_is_gone(worker);
			return;
		case CHANNEL_VIOLATION:
			impossible(problem.text);
		}
	}
}

static void on_pause_end(int descriptor, short what, void *context)
{
	(void)descriptor;
	(void)what;
	accept_start(context);
}

void control_start(struct worker *worker)
{
	worker->state = WORKER_STARTING;
	event_assign(&worker->control, worker->loop, CHANNEL_DESCRIPTOR, EV_READ | EV_PERSIST,
		     on_control, worker);
	event_assign(&worker->deadline, worker->loop, -1, 0, on_deadline, worker);
	event_assign(&worker->accept_pause, worker->loop, -1, 0, on_pause_end, worker);
	event_add(&worker->control, NULL);
}
