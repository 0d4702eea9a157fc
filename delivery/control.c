/*
 * control.c - what the master tells delivery
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: messages out of state.  Trusts: the master, its configuration and
 * its tables.
 */
#include "delivery/control.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <bsd/string.h>

#include "common/configuration/configuration.h"
#include "common/confine/confine.h"
#include "common/frame/channel.h"
#include "common/log/log.h"
#include "common/tables/tables.h"
#include "delivery/boxes.h"
#include "delivery/condition.h"
#include "delivery/inbox.h"

/* Of 512 workers and old generations, of mailboxes and batch: see inbox.h. */
#define DESCRIPTORS_WANTED 4096
#define DESCRIPTORS_OTHER 640 /* batch, workers, log, tables */
/* Without a word from the master: how long workers may take to read their last verdicts. */
#define LAST_SECONDS 5
/* How often a mail root that is not mounted, or a disk that refuses, is tried again. */
#define UNREADY_SECONDS 2

/* Bits: a message is allowed in a set of states. */
enum state { STATE_NEW = 1, STATE_RUNNING = 2, STATE_STOPPING = 4 };

struct control {
	struct event_base *base;
	struct event *readable, *flushed, *deadline, *unready, *second;
	int channel;
	enum state state;
	struct configuration *configuration;
	struct tables *tables;
	struct log_settings log;
	char *root_path;
	const char *template;
	int root;
	struct remember *remember; /* NULL: nothing is remembered */
	struct store store;
	struct condition *condition;
	struct inbox *inbox;
	struct boxes *boxes;
};

/* ---- to the master ---- */

/* A packet that does not get through means that the master is stuck or gone: it will notice us. */
static void tell(struct control *control, enum message_type type, const struct wire_writer *payload)
{
	if (!channel_send(control->channel, type, payload, NULL, 0))
		log_event_text(EVENT_SHORT, "reason", "the master takes no messages");
}

static void on_violation(void *context, uint32_t serial, const char *reason)
{
	struct message_violation violation = { .serial = serial };
	uint8_t bytes[MESSAGE_CONTROL_MAX];
	struct wire_writer writer = { bytes, sizeof(bytes), 0, false };

	strlcpy(violation.reason, reason, sizeof(violation.reason));
	message_put_violation(&writer, &violation);
	tell(context, MESSAGE_VIOLATION, &writer);
}

static void on_log_lost(void *context)
{
	tell(context, MESSAGE_LOG_LOST, NULL);
}

/* ---- START ---- */

static void open_log(struct control *control, int descriptor, bool is_syslog)
{
	control->log.descriptor = descriptor;
	control->log.is_syslog = is_syslog;
	log_open("postern-delivery", &control->log);
}

static void read_settings(struct control *control, const int *descriptors)
{
	struct problem problem;

	control->configuration =
		configuration_read_sealed(descriptors[START_CONFIGURATION], &problem);
	if (!control->configuration)
		fail_exit(EX_CONFIG, "configuration: %s", problem.text);
	control->tables = tables_open(descriptors[START_TABLES], &problem);
	if (!control->tables)
		fail_exit(EX_CONFIG, "tables: %s", problem.text);
	control->root_path = configuration_mail_root(control->configuration, &control->template);
	if (!control->root_path)
		fail_exit(EX_OSERR, "out of memory");
	close(descriptors[START_CONFIGURATION]);
	close(descriptors[START_TABLES]);
	control->root = descriptors[START_MAIL_ROOT];
}

static void open_memory(struct control *control, int descriptor)
{
	int64_t window = control->configuration->delivery.remember * 1000000;
	struct problem problem;

	if (window > 0) {
		control->remember = remember_open(descriptor, window, &problem);
		if (!control->remember)
			fail_exit(EX_OSERR, "%s", problem.text);
	}
	close(descriptor);
}

/* Mailboxes take two descriptors each; with few to spare fewer are kept open. */
static size_t open_mailboxes(void)
{
	size_t limit = confine_descriptors(DESCRIPTORS_WANTED);
	size_t spare = limit > DESCRIPTORS_OTHER ? (limit - DESCRIPTORS_OTHER) / 4 : 0;

	return spare < 8 ? 8 : spare < STORE_MAILBOXES_OPEN ? spare : STORE_MAILBOXES_OPEN;
}

static void open_store(struct control *control)
{
	const struct configuration *configuration = control->configuration;
	enum create_mailboxes create = configuration->delivery.create_mailboxes;
	const struct store_settings settings = {
		.root = control->root,
		.hostname = configuration->hostname,
		.batch = (size_t)configuration->delivery.batch,
		.open_mailboxes = open_mailboxes(),
		.create_mailboxes = create == CREATE_BOTH || create == CREATE_ON_DELIVERY,
		.answer = inbox_answer,
		.remember = control->remember,
	};
	struct problem problem;

	if (!store_open(&control->store, &settings, &problem))
		fail_exit(EX_OSERR, "%s", problem.text);
}

static void on_condition(void *context)
{
	struct control *control = context;

	inbox_condition_changed(control->inbox);
}

static void open_condition(struct control *control)
{
	const struct configuration *configuration = control->configuration;
	const struct condition_settings settings = {
		.root = control->root,
		.reserve = (uint64_t)configuration->delivery.reserve,
		.reserve_inodes = (uint64_t)configuration->delivery.reserve_inodes,
		.changed = on_condition,
		.context = control,
	};

	control->condition = condition_new(&settings);
	if (!control->condition)
		fail_exit(EX_OSERR, "out of memory");
}

static void open_inbox(struct control *control)
{
	const struct inbox_settings settings = {
		.base = control->base,
		.store = &control->store,
		.condition = control->condition,
		.tables = control->tables,
		.template = control->template,
		.message_size = (uint64_t)control->configuration->limits.message_size,
		.recipients = (uint32_t)control->configuration->limits.recipients,
		.violation = on_violation,
		.log_lost = on_log_lost,
		.context = control,
	};

	control->inbox = inbox_new(&settings);
	if (!control->inbox)
		fail_exit(EX_OSERR, "out of memory");
}

/* ---- the mail root ---- */

static void begin_boxes(struct control *control)
{
	enum create_mailboxes create = control->configuration->delivery.create_mailboxes;
	const struct boxes_settings settings = {
		.tables = control->tables,
		.template = control->template,
		.store = &control->store,
		.create = create == CREATE_BOTH || create == CREATE_AT_START,
		.sweep = !control->store.mark.was_in_order,
	};

	if (settings.create || settings.sweep)
		control->boxes = boxes_begin(control->base, &settings);
}

static void log_root(const char *state, const char *reason)
{
	struct log_line line;

	log_begin(&line, EVENT_MAIL_ROOT, NULL);
	log_text(&line, "state", state);
	log_text(&line, "reason", reason);
	log_end(&line);
}

/* All mail is put off until it works. */
static void make_ready(struct control *control)
{
	static const struct timeval later = { UNREADY_SECONDS, 0 };
	struct problem before = control->store.unready;
	enum mark_result result = store_make_ready(&control->store);

	condition_set_root_fault(control->condition,
				 result == MARK_OPEN ? NULL : control->store.unready.text);
	if (result == MARK_OPEN) {
		if (*before.text)
			log_root("ready", NULL);
		begin_boxes(control);
		return;
	}
	if (strcmp(before.text, control->store.unready.text) != 0)
		log_root("unready", control->store.unready.text);
	if (result == MARK_MISSING)
		tell(control, MESSAGE_ROOT_LOST, NULL);
	event_add(control->unready, &later);
}

static void on_unready(evutil_socket_t descriptor, short what, void *context)
{
	struct control *control = context;

	(void)descriptor;
	(void)what;
	if (control->state == STATE_RUNNING)
		make_ready(control);
}

/* What is looked at also when no mail comes. */
static void on_second(evutil_socket_t descriptor, short what, void *context)
{
	struct control *control = context;

	(void)descriptor;
	(void)what;
	condition_look(control->condition);
	store_tidy(&control->store);
}

static bool on_start(struct control *control, struct channel_message *message)
{
	static const struct timeval second = { 1, 0 };
	struct wire_reader reader = channel_payload(message);
	struct message_start start;

	if (!message_get_start(&reader, &start) ||
	    message->descriptor_count != START_DESCRIPTORS_DELIVERY)
		return false;
	read_settings(control, message->descriptors);
	control->log.verbose = start.verbose;
	control->log.format =
		control->configuration->log.format == LOG_FORMAT_JSON ? LOG_JSON : LOG_KEY_VALUE;
	open_log(control, message->descriptors[START_LOG], start.log_is_syslog);
	log_started(start.serial);
	open_memory(control, message->descriptors[START_REMEMBER]);
	open_store(control);
	open_condition(control);
	open_inbox(control);
	event_add(control->second, &second);
	control->state = STATE_RUNNING;
	tell(control, MESSAGE_READY, NULL);
	make_ready(control);
	return true;
}

/* ---- the others ---- */

static bool on_pipes(struct control *control, struct channel_message *message)
{
	struct wire_reader reader = channel_payload(message);
	struct message_pipes pipes;

	if (!message_get_pipes(&reader, &pipes))
		return false;
	if (!inbox_add(control->inbox, pipes.serial, message->descriptors[0],
		       message->descriptors[1]))
		log_event_text(EVENT_SHORT, "reason", "no memory for another worker");
	return true;
}

static bool on_ended(struct control *control, struct channel_message *message)
{
	struct wire_reader reader = channel_payload(message);
	struct message_ended ended;

	if (!message_get_ended(&reader, &ended))
		return false;
	inbox_ended(control->inbox, ended.serial);
	return true;
}

static bool on_log(struct control *control, struct channel_message *message)
{
	struct wire_reader reader = channel_payload(message);
	struct message_log log;
	int old = control->log.descriptor;

	if (!message_get_log(&reader, &log))
		return false;
	open_log(control, message->descriptors[0], log.log_is_syslog);
	close(old);
	return true;
}

static void on_deadline(evutil_socket_t descriptor, short what, void *context)
{
	struct control *control = context;

	(void)descriptor;
	(void)what;
	event_base_loopbreak(control->base);
}

/* Looks every few milliseconds whether the last verdicts are written. */
static void on_flushed(evutil_socket_t descriptor, short what, void *context)
{
	struct control *control = context;

	(void)descriptor;
	(void)what;
	if (inbox_is_idle(control->inbox))
		event_base_loopbreak(control->base);
}

static void stop(struct control *control, uint32_t seconds)
{
	const struct timeval look = { 0, 10000 };
	const struct timeval limit = { (time_t)seconds, 0 };

	control->state = STATE_STOPPING;
	inbox_finish(control->inbox);
	if (inbox_is_idle(control->inbox) || event_add(control->flushed, &look) != 0 ||
	    event_add(control->deadline, &limit) != 0)
		event_base_loopbreak(control->base);
}

static bool on_stop(struct control *control, struct channel_message *message)
{
	struct wire_reader reader = channel_payload(message);
	struct message_deadline deadline;

	if (!message_get_deadline(&reader, &deadline))
		return false;
	if (control->state == STATE_RUNNING)
		stop(control, deadline.seconds);
	else if (control->state == STATE_NEW)
		event_base_loopbreak(control->base);
	return true;
}

/* ---- the channel ---- */

typedef bool handle(struct control *control, struct channel_message *message);

static const struct {
	enum message_type type;
	unsigned states;
	handle *handle;
} handlers[] = {
	{ MESSAGE_START, STATE_NEW, on_start },
	{ MESSAGE_PIPES, STATE_RUNNING, on_pipes },
	{ MESSAGE_ENDED, STATE_RUNNING | STATE_STOPPING, on_ended },
	{ MESSAGE_LOG, STATE_RUNNING | STATE_STOPPING, on_log },
	{ MESSAGE_STOP, STATE_NEW | STATE_RUNNING | STATE_STOPPING, on_stop },
};

static void close_descriptors(struct channel_message *message)
{
	for (int i = 0; i < message->descriptor_count; i++)
		close(message->descriptors[i]);
}

static bool dispatch(struct control *control, struct channel_message *message)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == message->header.type &&
		    (handlers[i].states & control->state))
			return handlers[i].handle(control, message);
	/* Pipes that come while we stop: their worker will be served by the next delivery. */
	if (message->header.type == MESSAGE_PIPES && control->state == STATE_STOPPING) {
		close_descriptors(message);
		return true;
	}
	return false;
}

/* The master is gone: finish as if it had said STOP. */
static void lose_master(struct control *control)
{
	event_del(control->readable);
	if (control->state == STATE_RUNNING)
		stop(control, LAST_SECONDS);
	else if (control->state == STATE_NEW)
		event_base_loopbreak(control->base);
}

static void on_readable(evutil_socket_t descriptor, short what, void *context)
{
	struct control *control = context;
	struct channel_message message;
	struct problem problem;
	enum channel_result result;

	(void)what;
	while ((result = channel_receive(descriptor, FROM_MASTER, TO_DELIVERY, &message,
					 &problem)) == CHANNEL_MESSAGE)
		if (!dispatch(control, &message))
			fail_exit(EX_PROTOCOL, "the master sent %s out of state or malformed",
				  message_describe(message.header.type)->name);
	if (result == CHANNEL_VIOLATION)
		fail_exit(EX_PROTOCOL, "the master sent %s", problem.text);
	if (result == CHANNEL_CLOSED)
		lose_master(control);
}

static void close_control(struct control *control)
{
	boxes_free(control->boxes);
	inbox_free(control->inbox);
	condition_free(control->condition);
	if (control->inbox) {
		store_close(&control->store);
		close(control->root);
	}
	remember_close(control->remember);
	tables_close(control->tables);
	configuration_free(control->configuration);
	free(control->root_path);
	event_free(control->readable);
	event_free(control->flushed);
	event_free(control->deadline);
	event_free(control->second);
	event_free(control->unready);
}

void control_run(struct event_base *base, int channel)
{
	struct control control = { .base = base, .channel = channel, .state = STATE_NEW };

	control.readable = event_new(base, channel, EV_READ | EV_PERSIST, on_readable, &control);
	control.flushed = event_new(base, -1, EV_PERSIST, on_flushed, &control);
	control.deadline = event_new(base, -1, 0, on_deadline, &control);
	control.unready = event_new(base, -1, 0, on_unready, &control);
	control.second = event_new(base, -1, EV_PERSIST, on_second, &control);
	if (!control.readable || !control.flushed || !control.deadline || !control.unready ||
	    !control.second || event_priority_set(control.readable, PRIORITY_READ) != 0 ||
	    event_add(control.readable, NULL) != 0)
		fail_exit(EX_OSERR, "out of memory");
	event_base_dispatch(base);
	close_control(&control);
}
