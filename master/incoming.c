/*
 * incoming.c - what the processes tell the master
 *
 * Runs in: posternd.  Privilege: CAP_KILL.
 * Distrusts: every message: a worker may be in the hands of a client.
 */
#include "master/incoming.h"

#include "common/frame/channel.h"
#include "master/child.h"
#include "master/logging.h"
#include "master/mail_root.h"
#include "master/pair.h"
#include "master/supervise.h"

/* One process must not keep the master from the others. */
#define MESSAGES_AT_ONCE 16

static const unsigned sender_bits[PROCESS_COUNT] = {
	[PROCESS_WORKER] = FROM_WORKER,
	[PROCESS_DELIVERY] = FROM_DELIVERY,
};

static void on_ready(struct child *child, const struct channel_message *message)
{
	(void)message;
	if (child->ready) {
		child_violated(child, "READY twice");
		return;
	}
	child->ready = true;
	supervise_ready(child);
}

static struct child *find_serial(struct master *master, uint32_t serial)
{
	struct child *child;

	if (serial == 0)
		return master->delivery.child;
	TAILQ_FOREACH (child, &master->children, entry)
		if (child->serial == serial)
			return child;
	return NULL;
}

/*
 * A worker can accuse delivery only, delivery workers only. An accused one
 * that has ended in the meantime is nobody's fault. A worker that accuses ends
 * with the one it accuses: otherwise one that was broken into could end
 * delivery as often as it likes.
 */
static void on_violation(struct child *child, const struct channel_message *message)
{
	struct wire_reader reader = channel_payload(message);
	struct message_violation violation;
	struct child *accused;

	if (!message_get_violation(&reader, &violation) ||
	    (violation.serial == 0) != (child->process == PROCESS_WORKER)) {
		child_violated(child, "a false VIOLATION");
		return;
	}
	accused = find_serial(child->master, violation.serial);
	if (accused && accused->process != child->process) {
		child_violated(accused, violation.reason);
		if (child->process == PROCESS_WORKER)
			child_violated(child, "it accused delivery");
	} else if (accused) {
		child_violated(child, "a VIOLATION by one of its own kind");
	}
}

static void on_log_lost(struct child *child, const struct channel_message *message)
{
	(void)message;
	logging_reopen(child->master);
}

/* Delivery lives, but this worker's pair of pipes broke: an error of one side's resources. */
static void on_pipes_lost(struct child *child, const struct channel_message *message)
{
	const struct child *delivery = child->master->delivery.child;

	(void)message;
	/* A delivery that is starting will be paired with all workers. */
	if (child->ready && delivery && delivery->ready)
		pair_with_delivery(child);
}

static void on_root_lost(struct child *child, const struct channel_message *message)
{
	(void)message;
	mail_root_look_again(child->master);
}

static const struct {
	enum message_type type;
	void (*handle)(struct child *child, const struct channel_message *message);
} handlers[] = {
	{ MESSAGE_READY, on_ready },	     { MESSAGE_VIOLATION, on_violation },
	{ MESSAGE_LOG_LOST, on_log_lost },   { MESSAGE_PIPES_LOST, on_pipes_lost },
	{ MESSAGE_ROOT_LOST, on_root_lost },
};

static void handle(struct child *child, const struct channel_message *message)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (handlers[i].type == message->header.type) {
			handlers[i].handle(child, message);
			return;
		}
	}
	child_violated(child, "a message that the master does not take");
}

bool incoming_read(struct child *child)
{
	struct channel_message message;
	enum channel_result result = CHANNEL_MESSAGE;
	struct problem problem;

	for (int i = 0; i < MESSAGES_AT_ONCE && result == CHANNEL_MESSAGE; i++) {
		result = channel_receive(child->channel, sender_bits[child->process], TO_MASTER,
					 &message, &problem);
		if (result == CHANNEL_MESSAGE && !child->killed)
			handle(child, &message);
	}
	if (result == CHANNEL_VIOLATION && !child->killed)
		child_violated(child, problem.text);
	return result != CHANNEL_CLOSED;
}
