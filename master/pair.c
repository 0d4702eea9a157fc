/*
 * pair.c - the pair of pipes between a worker and delivery
 *
 * Runs in: posternd.  Privilege: none needed.
 * Trusts: the kernel.
 */
#include "master/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "master/child.h"

/* Room for messages in a pipe, so that a worker wakes delivery seldom. More may not be granted. */
#define MESSAGES_SIZE (1024 * 1024)

enum { READ_END, WRITE_END };

static void close_both(const int pipe[2])
{
	close(pipe[READ_END]);
	close(pipe[WRITE_END]);
}

static bool make_pipes(int messages[2], int verdicts[2])
{
	if (pipe2(messages, O_CLOEXEC | O_NONBLOCK) != 0)
		return false;
	if (pipe2(verdicts, O_CLOEXEC | O_NONBLOCK) != 0) {
		close_both(messages);
		return false;
	}
	(void)fcntl(messages[WRITE_END], F_SETPIPE_SZ, MESSAGES_SIZE);
	return true;
}

static void send_pipes(struct child *child, uint32_t serial, int reads, int writes)
{
	const struct message_pipes pipes = { .serial = serial };
	const int descriptors[] = { reads, writes };
	uint8_t bytes[OUTGOING_SIZE];
	struct wire_writer payload = { bytes, sizeof(bytes), 0, false };

	message_put_pipes(&payload, &pipes);
	child_post(child, MESSAGE_PIPES, &payload, descriptors, 2);
}

/* A worker without pipes is of no use, so where none can be made it is replaced, with back-off. */
static void connect_pair(struct child *worker, struct child *delivery)
{
	int messages[2], verdicts[2];

	if (!make_pipes(messages, verdicts)) {
		child_kill(worker, strerror(errno));
		return;
	}
	send_pipes(delivery, worker->serial, messages[READ_END], verdicts[WRITE_END]);
	send_pipes(worker, worker->serial, verdicts[READ_END], messages[WRITE_END]);
	close_both(messages);
	close_both(verdicts);
}

void pair_with_delivery(struct child *worker)
{
	struct child *delivery = worker->master->delivery.child;

	/* The one that follows a leaving delivery is paired with all workers. */
	if (delivery && !delivery->leaving)
		connect_pair(worker, delivery);
}

static void send_ended(struct child *delivery, uint32_t serial)
{
	const struct message_ended ended = { .serial = serial };
	uint8_t bytes[OUTGOING_SIZE];
	struct wire_writer payload = { bytes, sizeof(bytes), 0, false };

	message_put_ended(&payload, &ended);
	child_post(delivery, MESSAGE_ENDED, &payload, NULL, 0);
}

void pair_ended(const struct master *master, uint32_t serial)
{
	struct child *delivery = master->delivery.child;

	if (delivery && !delivery->leaving)
		send_ended(delivery, serial);
}

void pair_with_workers(struct child *delivery)
{
	struct master *master = delivery->master;
	struct child *child;

	TAILQ_FOREACH (child, &master->children, entry)
		if (child->process == PROCESS_WORKER &&
		    (!master->next || child->generation != master->next))
			connect_pair(child, delivery);
	send_ended(delivery, 0);
}
