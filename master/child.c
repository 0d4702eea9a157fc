/*
 * child.c - one process that the master has started, and the channel to it
 *
 * Runs in: posternd.  Privilege: CAP_SETUID, CAP_SETGID, CAP_KILL.
 * Distrusts: that the process reads, and ends.
 */
#include "master/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/frame/channel.h"
#include "master/incoming.h"
#include "master/spawn.h"

/* A process gets so many seconds more than it was told before it is killed. */
#define GRACE_SECONDS 5
/* Until a message that a process had no room for is sent again. */
#define RETRY_MICROSECONDS 20000

void child_log_begin(struct log_line *line, enum log_event event, const struct child *child)
{
	log_begin(line, event, NULL);
	log_text(line, "program", process_describe(child->process)->program);
	log_number(line, "pid", child->pid);
}

/* ---- its end ---- */

void child_kill(struct child *child, const char *reason)
{
	struct log_line line;

	if (!child->killed) {
		child_log_begin(&line, EVENT_KILL, child);
		log_text(&line, "reason", reason);
		log_end(&line);
	}
	child->killed = true;
	kill(child->pid, SIGKILL);
}

void child_violated(struct child *child, const char *reason)
{
	struct log_line line;

	child_log_begin(&line, EVENT_VIOLATION, child);
	log_text(&line, "reason", reason);
	log_end(&line);
	child->killed = true;
	kill(child->pid, SIGKILL);
}

static void on_deadline(evutil_socket_t descriptor, short events, void *argument)
{
	(void)descriptor;
	(void)events;
	child_kill(argument, "it did not end in its time");
}

static void set_deadline(struct child *child, uint32_t seconds)
{
	const struct timeval time = { .tv_sec = (time_t)seconds + GRACE_SECONDS };

	evtimer_add(&child->deadline, &time);
}

void child_tell_to_end(struct child *child, enum message_type type, uint32_t seconds)
{
	const struct message_deadline deadline = { .seconds = seconds };
	uint8_t bytes[OUTGOING_SIZE];
	struct wire_writer payload = { bytes, sizeof(bytes), 0, false };

	child->leaving = true;
	message_put_deadline(&payload, &deadline);
	child_post(child, type, &payload, NULL, 0);
	set_deadline(child, seconds);
}

/* ---- what is sent to it ---- */

static void outgoing_free(struct outgoing *outgoing)
{
	for (int i = 0; i < outgoing->descriptor_count; i++)
		close(outgoing->descriptors[i]);
	free(outgoing);
}

/* Copies the descriptors, as the caller closes its own. */
static bool copy_descriptors(struct outgoing *outgoing, const int *descriptors, int count)
{
	for (int i = 0; i < count; i++) {
		int copy = fcntl(descriptors[i], F_DUPFD_CLOEXEC, 0);

		if (copy < 0)
			return false;
		outgoing->descriptors[outgoing->descriptor_count++] = copy;
	}
	return true;
}

static struct outgoing *outgoing_new(enum message_type type, const struct wire_writer *payload,
				     const int *descriptors, int count)
{
	struct outgoing *outgoing = allocate(1, sizeof(*outgoing));

	if (!outgoing)
		return NULL;
	outgoing->type = type;
	if (payload) {
		require(payload->used <= sizeof(outgoing->payload));
		memcpy(outgoing->payload, payload->bytes, payload->used);
		outgoing->length = payload->used;
	}
	if (copy_descriptors(outgoing, descriptors, count))
		return outgoing;
	outgoing_free(outgoing);
	return NULL;
}

/* No room in the channel, or too many descriptors on their way: unix(7). */
static bool is_for_later(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ETOOMANYREFS;
}

static void send_later(struct child *child)
{
	const struct timeval time = { .tv_usec = RETRY_MICROSECONDS };

	evtimer_add(&child->retry, &time);
}

static void on_retry(evutil_socket_t descriptor, short events, void *argument)
{
	struct child *child = argument;
	struct outgoing *first;

	(void)descriptor;
	(void)events;
	while ((first = STAILQ_FIRST(&child->outgoing))) {
		const struct wire_writer payload = { first->payload, sizeof(first->payload),
						     first->length, false };

		if (!channel_send(child->channel, first->type, &payload, first->descriptors,
				  first->descriptor_count) &&
		    is_for_later(errno)) {
			send_later(child);
			return;
		}
		STAILQ_REMOVE_HEAD(&child->outgoing, entry);
		child->outgoing_count--;
		outgoing_free(first);
	}
}

void child_post(struct child *child, enum message_type type, const struct wire_writer *payload,
		const int *descriptors, int count)
{
	struct outgoing *outgoing;

	if (STAILQ_EMPTY(&child->outgoing) &&
	    (channel_send(child->channel, type, payload, descriptors, count) ||
	     !is_for_later(errno)))
		return;
	outgoing = child->outgoing_count < OUTGOING_MOST
			   ? outgoing_new(type, payload, descriptors, count)
			   : NULL;
	if (!outgoing) {
		child_kill(child, "it does not read its channel");
		return;
	}
	STAILQ_INSERT_TAIL(&child->outgoing, outgoing, entry);
	child->outgoing_count++;
	send_later(child);
}

/* ---- what comes from it ---- */

static void on_incoming(evutil_socket_t descriptor, short events, void *argument)
{
	struct child *child = argument;

	(void)descriptor;
	(void)events;
	if (incoming_read(child))
		return;
	/* The end of the channel is the end of the process; it is waited for elsewhere. */
	event_del(&child->incoming);
	if (!evtimer_pending(&child->deadline, NULL))
		set_deadline(child, 0);
}

/* ---- its beginning ---- */

static bool take_slot(struct child *child, struct problem *problem)
{
	const struct generation *generation = child->generation;

	if (!generation)
		return true;
	child->slot = scoreboard_take(child->master->scoreboard,
				      (size_t)generation->configuration->workers.sessions);
	return child->slot >= 0 ? true : problem_set(problem, "all slots for workers are taken");
}

static void release(struct child *child)
{
	if (child->slot >= 0)
		scoreboard_release(child->master->scoreboard, (size_t)child->slot);
	if (child->channel >= 0)
		close(child->channel);
	free(child);
}

static struct child *child_new(struct place *place, struct problem *problem)
{
	struct child *child = allocate(1, sizeof(*child));

	if (!child) {
		problem_set(problem, "out of memory");
		return NULL;
	}
	child->master = place->master;
	child->generation = place->generation;
	child->process = place->process;
	child->serial = ++place->master->last_serial;
	child->slot = -1;
	child->channel = -1;
	child->born = clock_steady();
	STAILQ_INIT(&child->outgoing);
	return child;
}

static bool spawn(struct child *child, struct problem *problem)
{
	int ends[2];

	if (!take_slot(child, problem))
		return false;
	if (channel_pair(ends) != 0)
		return problem_errno(problem, "channel");
	child->channel = ends[0];
	child->pid = spawn_process(child->master, child->process, ends[1]);
	if (child->pid < 0)
		problem_errno(problem, "fork");
	close(ends[1]);
	return child->pid >= 0;
}

struct child *child_start(struct place *place, struct problem *problem)
{
	struct child *child = child_new(place, problem);
	struct event_base *base = place->master->base;

	if (!child)
		return NULL;
	if (!spawn(child, problem)) {
		release(child);
		return NULL;
	}
	event_assign(&child->incoming, base, child->channel, EV_READ | EV_PERSIST, on_incoming,
		     child);
	evtimer_assign(&child->deadline, base, on_deadline, child);
	evtimer_assign(&child->retry, base, on_retry, child);
	event_add(&child->incoming, NULL);
	TAILQ_INSERT_TAIL(&place->master->children, child, entry);
	child->place = place;
	place->child = child;
	return child;
}

void child_free(struct child *child)
{
	struct outgoing *outgoing;

	event_del(&child->incoming);
	event_del(&child->deadline);
	event_del(&child->retry);
	while ((outgoing = STAILQ_FIRST(&child->outgoing))) {
		STAILQ_REMOVE_HEAD(&child->outgoing, entry);
		outgoing_free(outgoing);
	}
	TAILQ_REMOVE(&child->master->children, child, entry);
	if (child->place)
		child->place->child = NULL;
	release(child);
}
