/*
 * inbox.c - the messages that come in from the workers
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: the workers, which talk to the Internet and may have been broken
 * into. What intake.c refuses is a violation: the worker's pipes are closed,
 * the master ends it.
 */
#include "delivery/inbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/sys/queue.h>

#include "common/log/log.h"
#include "delivery/collect.h"
#include "delivery/intake.h"
#include "delivery/once.h"
#include "delivery/room.h"
#include "delivery/verdicts.h"

#define READ_SIZE (256 * 1024)
/* Reads for one worker at the end: more than the largest pipe holds. */
#define FINISH_READS 16

#define ROOM_MIN 64 /* verdicts; with less room the worker is paused */
struct worker {
	LIST_ENTRY(worker) entry;
	struct inbox *inbox;
	uint32_t serial;
	int messages, verdicts;
	struct event *readable, *writable;
	bool is_paused;

	struct intake intake;
	size_t in_batch; /* its messages that wait for the commit */
	struct verdict_queue queue;
	enum condition_cause told; /* the condition as the worker knows it */
};

struct inbox {
	struct inbox_settings settings;
	struct intake_settings intake;
	struct event *commit;
	struct collect collect;
	bool has_answers; /* verdicts were queued since the last write */
	bool is_finished;
	int64_t collecting_since; /* clock_steady() of the first message of the batch */
	size_t count;
	LIST_HEAD(, worker) workers;
	char bytes[READ_SIZE];
};

/* ---- workers ---- */

static void remove_worker(struct worker *worker)
{
	intake_drop(&worker->intake);
	store_forget_owner(worker->inbox->settings.store, worker);
	if (worker->readable)
		event_free(worker->readable);
	if (worker->writable)
		event_free(worker->writable);
	close(worker->messages);
	close(worker->verdicts);
	LIST_REMOVE(worker, entry);
	worker->inbox->count--;
	free(worker);
}

/* Not now: the worker keeps its message, and asks the master for new pipes. */
static void let_go(struct worker *worker, const struct problem *problem)
{
	log_event_text(EVENT_SHORT, "reason", problem->text);
	remove_worker(worker);
}

static void violate(struct worker *worker, const struct problem *problem)
{
	const struct inbox_settings *settings = &worker->inbox->settings;
	uint32_t serial = worker->serial;
	struct log_line line;

	remove_worker(worker);
	log_begin(&line, EVENT_VIOLATION, NULL);
	log_text(&line, "program", "postern-worker");
	log_text(&line, "reason", problem->text);
	log_end(&line);
	settings->violation(settings->context, serial, problem->text);
}

/* How many more of its messages may be completed. */
static size_t room_for(const struct worker *worker)
{
	size_t open = worker->in_batch + verdicts_waiting(&worker->queue);

	return open < VERDICTS_MAX ? VERDICTS_MAX - open : 0;
}

/* A worker that does not read its verdicts is not read from. */
static void pause_or_resume(struct worker *worker)
{
	size_t room = room_for(worker);

	if (worker->inbox->is_finished)
		return;
	if (!worker->is_paused && room < ROOM_MIN)
		worker->is_paused = event_del(worker->readable) == 0;
	else if (worker->is_paused && room >= VERDICTS_MAX / 2)
		worker->is_paused = event_add(worker->readable, NULL) != 0;
}

/* ---- the loop ---- */

static void note_complete(struct worker *worker)
{
	struct inbox *inbox = worker->inbox;

	worker->in_batch++;
	if (inbox->settings.store->count == 1)
		inbox->collecting_since = clock_steady();
}

/* Whether there is a message, or a part of one, that no batch holds yet. */
static bool is_anything_waiting(const struct inbox *inbox)
{
	struct pollfd pipe = { .events = POLLIN };
	const struct worker *worker;

	LIST_FOREACH (worker, &inbox->workers, entry) {
		pipe.fd = worker->messages;
		if (worker->intake.transaction ||
		    (poll(&pipe, 1, 0) > 0 && (pipe.revents & POLLIN)))
			return true;
	}
	return false;
}

/* The verdicts are queued; write_all_verdicts() is still to be called. */
static void commit(struct inbox *inbox)
{
	struct store *store = inbox->settings.store;
	struct commit_outcome outcome = { .count = store->count };
	int64_t spent = store->durable.spent;

	store_commit(store);
	if (outcome.count == 0)
		return;
	outcome.ended = clock_steady();
	outcome.flush_time = store->durable.spent - spent;
	outcome.others_wait = is_anything_waiting(inbox);
	collect_committed(&inbox->collect, &outcome);
}

/* False: the worker is no more. Commits in between when the batch is full. */
static bool take_all(struct worker *worker, const char *bytes, size_t length)
{
	struct store *store = worker->inbox->settings.store;
	struct intake_piece piece = { .bytes = bytes, .length = length };
	struct problem problem;

	for (; piece.length > 0; piece.bytes += piece.used, piece.length -= piece.used) {
		if (!intake_take(&worker->intake, &piece, &problem)) {
			(piece.come_again ? let_go : violate)(worker, &problem);
			return false;
		}
		if (piece.complete)
			note_complete(worker);
		if (store_is_due(store))
			commit(worker->inbox);
	}
	return true;
}

/*
 * Reads once, but no more than the verdict queue has room for. False: nothing
 * (more) there, or the worker is gone.
 */
static bool read_once(struct worker *worker)
{
	struct inbox *inbox = worker->inbox;
	size_t most = room_for(worker) < 2 ? 0 : (room_for(worker) - 1) * INTAKE_FRAME_MIN;
	ssize_t length;

	if (most == 0)
		return false;
	length = read(worker->messages, inbox->bytes, most < READ_SIZE ? most : READ_SIZE);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (length <= 0) {
		/* The worker has ended: what it had not completed, nobody was promised. */
		remove_worker(worker);
		return false;
	}
	return take_all(worker, inbox->bytes, (size_t)length);
}

static void write_verdicts(struct worker *worker)
{
	enum verdicts_result result = verdicts_write(&worker->queue, worker->verdicts);

	if (result == VERDICTS_NO_READER) {
		remove_worker(worker);
		return;
	}
	if (result == VERDICTS_LEFT)
		event_add(worker->writable, NULL);
	pause_or_resume(worker);
}

static void on_writable(evutil_socket_t descriptor, short what, void *context)
{
	(void)descriptor;
	(void)what;
	write_verdicts(context);
}

/* With no room in the queue it is told when some verdicts have been read. */
static void tell_condition(struct worker *worker)
{
	enum condition_cause cause = condition_cause(worker->inbox->settings.condition);

	if (worker->told == cause || room_for(worker) == 0)
		return;
	verdicts_add(&worker->queue, MESSAGE_CONDITION, cause, condition_verdict(cause));
	worker->told = cause;
}

static void write_all_verdicts(struct inbox *inbox)
{
	struct worker *worker, *next;

	inbox->has_answers = false;
	LIST_FOREACH_SAFE (worker, &inbox->workers, entry, next) {
		tell_condition(worker);
		if (worker->queue.used > 0)
			write_verdicts(worker);
	}
	if (log_lost() > 0)
		inbox->settings.log_lost(inbox->settings.context);
}

static void on_readable(evutil_socket_t descriptor, short what, void *context)
{
	struct worker *worker = context;
	struct inbox *inbox = worker->inbox;

	(void)descriptor;
	(void)what;
	if (read_once(worker))
		pause_or_resume(worker);
	if (inbox->has_answers)
		write_all_verdicts(inbox);
	if (inbox->settings.store->count == 0)
		return;
	if (clock_steady() - inbox->collecting_since >= collect_limit(&inbox->collect))
		inbox_commit(inbox);
	else
		event_active(inbox->commit, EV_TIMEOUT, 0);
}

/* Runs when no pipe has anything to read, see PRIORITY_COMMIT, or when that has been so for a
 * while. */
static void on_idle(evutil_socket_t descriptor, short what, void *context)
{
	struct inbox *inbox = context;
	size_t count = inbox->settings.store->count;
	int64_t wait = count > 0 ? collect_wait(&inbox->collect, count, clock_steady()) : 0;
	const struct timeval time = { wait / 1000000, wait % 1000000 };

	(void)descriptor;
	(void)what;
	if (wait == 0 || event_add(inbox->commit, &time) != 0)
		inbox_commit(inbox);
}

void inbox_answer(void *owner, uint64_t handle, enum verdict verdict)
{
	struct worker *worker = owner;

	require(worker->in_batch > 0);
	worker->in_batch--;
	verdicts_add(&worker->queue, MESSAGE_VERDICT, handle, verdict);
	worker->inbox->has_answers = true;
}

void inbox_condition_changed(struct inbox *inbox)
{
	event_active(inbox->commit, EV_TIMEOUT, 0);
}

void inbox_commit(struct inbox *inbox)
{
	commit(inbox);
	write_all_verdicts(inbox);
}

/* ---- from outside ---- */

/* intake_settings: is_coming_in. */
static bool is_coming_in(void *context, const char *id)
{
	const struct inbox *inbox = context;
	const struct transaction *transaction;
	const struct worker *worker;

	LIST_FOREACH (worker, &inbox->workers, entry) {
		transaction = worker->intake.transaction;
		if (transaction && strcmp(transaction->submission.id, id) == 0)
			return true;
	}
	return false;
}

/* intake_settings: replied. */
static void on_replied(void *owner, const struct message_replied *replied)
{
	const struct worker *worker = owner;
	const struct remember_owner whose = { worker->serial, replied->handle };

	once_replied(worker->inbox->settings.store, &whose, replied->taken);
}

/* intake_settings: asked. The answer waits for no commit. */
static void on_asked(void *owner, const struct message_quota *question)
{
	struct worker *worker = owner;
	const struct inbox_settings *settings = &worker->inbox->settings;
	enum verdict verdict = VERDICT_SYSTEM_ERROR; /* as it would be for the message */

	if (settings->store->is_ready)
		verdict = room_for_message(settings->store->quotas, settings->tables,
					   settings->template, question);
	verdicts_add(&worker->queue, MESSAGE_ROOM, question->handle, verdict);
	event_active(worker->writable, EV_WRITE, 0);
}

struct inbox *inbox_new(const struct inbox_settings *settings)
{
	struct inbox *inbox = allocate(1, sizeof(*inbox));

	if (!inbox)
		return NULL;
	inbox->settings = *settings;
	inbox->intake = (struct intake_settings){
		.store = settings->store,
		.condition = settings->condition,
		.tables = settings->tables,
		.template = settings->template,
		.message_size = settings->message_size,
		.recipients = settings->recipients,
		.is_coming_in = is_coming_in,
		.replied = on_replied,
		.asked = on_asked,
		.context = inbox,
	};
	LIST_INIT(&inbox->workers);
	collect_open(&inbox->collect);
	inbox->commit = event_new(settings->base, -1, 0, on_idle, inbox);
	if (!inbox->commit) {
		free(inbox);
		return NULL;
	}
	event_priority_set(inbox->commit, PRIORITY_COMMIT);
	return inbox;
}

void inbox_free(struct inbox *inbox)
{
	struct worker *worker;

	if (!inbox)
		return;
	while ((worker = LIST_FIRST(&inbox->workers)))
		remove_worker(worker);
	event_free(inbox->commit);
	free(inbox);
}

static void remove_older(struct inbox *inbox, uint32_t serial)
{
	struct worker *worker, *next;

	LIST_FOREACH_SAFE (worker, &inbox->workers, entry, next)
		if (worker->serial == serial)
			remove_worker(worker);
}

static bool is_non_blocking(int descriptor)
{
	int flags = fcntl(descriptor, F_GETFL);

	return flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0;
}

static bool add_events(struct worker *worker)
{
	struct event_base *base = worker->inbox->settings.base;

	worker->readable =
		event_new(base, worker->messages, EV_READ | EV_PERSIST, on_readable, worker);
	worker->writable = event_new(base, worker->verdicts, EV_WRITE, on_writable, worker);
	return worker->readable && worker->writable &&
	       event_priority_set(worker->readable, PRIORITY_READ) == 0 &&
	       event_priority_set(worker->writable, PRIORITY_READ) == 0 &&
	       event_add(worker->readable, NULL) == 0;
}

bool inbox_add(struct inbox *inbox, uint32_t serial, int messages, int verdicts)
{
	struct worker *worker = allocate(1, sizeof(*worker));

	if (!worker) {
		close(messages);
		close(verdicts);
		return false;
	}
	remove_older(inbox, serial);
	once_worker_lives(inbox->settings.store, serial);
	worker->inbox = inbox;
	worker->serial = serial;
	worker->intake.settings = &inbox->intake;
	worker->intake.owner = worker;
	worker->intake.serial = serial;
	worker->messages = messages;
	worker->verdicts = verdicts;
	LIST_INSERT_HEAD(&inbox->workers, worker, entry);
	inbox->count++;
	if (is_non_blocking(messages) && is_non_blocking(verdicts) && add_events(worker)) {
		tell_condition(worker);
		if (worker->queue.used > 0)
			event_add(worker->writable, NULL);
		return true;
	}
	remove_worker(worker);
	return false;
}

void inbox_ended(struct inbox *inbox, uint32_t serial)
{
	struct worker *worker, *next;

	LIST_FOREACH_SAFE (worker, &inbox->workers, entry, next) {
		if (worker->serial != serial || inbox->is_finished)
			continue;
		/* What is complete is stored; its end removes the worker. */
		while (read_once(worker))
			continue;
	}
	remove_older(inbox, serial);
	inbox_commit(inbox);
	once_worker_ended(inbox->settings.store, serial);
}

size_t inbox_workers(const struct inbox *inbox)
{
	return inbox->count;
}

void inbox_finish(struct inbox *inbox)
{
	struct worker *worker, *next;
	int reads;

	inbox->is_finished = true;
	LIST_FOREACH_SAFE (worker, &inbox->workers, entry, next) {
		event_del(worker->readable);
		for (reads = 0; reads < FINISH_READS && read_once(worker); reads++)
			continue;
	}
	LIST_FOREACH (worker, &inbox->workers, entry)
		intake_drop(&worker->intake);
	inbox_commit(inbox);
}

bool inbox_is_idle(const struct inbox *inbox)
{
	const struct worker *worker;

	LIST_FOREACH (worker, &inbox->workers, entry)
		if (worker->queue.used > 0)
			return false;
	return true;
}
