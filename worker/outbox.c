/*
 * outbox.c - hands completed messages to delivery and waits for its verdicts
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: the verdicts: delivery may have been broken into.
 */
#include "worker/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <bsd/string.h>

#include "common/fail/fail.h"
#include "common/frame/channel.h"
#include "common/log/log.h"
#include "worker/condition.h"
#include "worker/inlet.h"
#include "worker/notes.h"
#include "worker/receipts.h"

/* How often the age of waiting messages is looked at, in seconds. */
#define AGE_INTERVAL 1

TAILQ_HEAD(messages, message);

struct outbox {
	struct worker *worker;
	outbox_answer *answer;
	struct messages waiting; /* not, or not wholly, in the pipe; the first is on its way */
	struct messages sent;	 /* in the pipe, without a verdict */
	uint64_t last_handle;

	int messages; /* -1: delivery is away */
	int verdicts;
	struct event writable;
	struct event readable;
	struct event age;
	struct inlet inlet;
	struct notes notes;
	struct questions questions;
	struct receipts receipts;
};

static void on_writable(int descriptor, short what, void *context);
static void on_readable(int descriptor, short what, void *context);
static void on_age(int descriptor, short what, void *context);

struct outbox *outbox_new(struct worker *worker, outbox_answer *answer)
{
	static const struct timeval interval = { AGE_INTERVAL, 0 };
	struct outbox *outbox = must_allocate(1, sizeof(*outbox));

	outbox->worker = worker;
	outbox->answer = answer;
	outbox->messages = outbox->verdicts = -1;
	TAILQ_INIT(&outbox->waiting);
	TAILQ_INIT(&outbox->sent);
	questions_init(&outbox->questions);
	event_assign(&outbox->age, worker->loop, -1, EV_PERSIST, on_age, outbox);
	event_add(&outbox->age, &interval);
	return outbox;
}

static void forget(struct messages *list, struct message *message)
{
	TAILQ_REMOVE(list, message, next);
	message_free(message);
}

/* ---- the connection to delivery ---- */

/* What had no verdict goes to the front again, in its old order. */
static void take_back(struct outbox *outbox)
{
	struct message *message;

	while ((message = TAILQ_LAST(&outbox->sent, messages))) {
		TAILQ_REMOVE(&outbox->sent, message, next);
		TAILQ_INSERT_HEAD(&outbox->waiting, message, next);
	}
	TAILQ_FOREACH (message, &outbox->waiting, next) {
		if (!message->sent)
			continue;
		message->frame[MESSAGE_HEADER_SIZE + SUBMISSION_FLAGS_OFFSET] |= SUBMISSION_AGAIN;
		message->sent = 0;
		message->complete = false;
	}
}

static void disconnect(struct outbox *outbox)
{
	if (outbox->messages < 0)
		return;
	event_del(&outbox->writable);
	event_del(&outbox->readable);
	close(outbox->messages);
	close(outbox->verdicts);
	outbox->messages = outbox->verdicts = -1;
	outbox->inlet.used = 0;
	outbox->worker->condition = NULL; /* the next delivery says what it finds */
	take_back(outbox);
	questions_renew(&outbox->questions);
}

void outbox_connect(struct outbox *outbox, int verdicts, int messages)
{
	if (outbox->messages >= 0)
		on_readable(outbox->verdicts, EV_READ, outbox); /* the last words of the old one */
	disconnect(outbox);
	outbox->verdicts = verdicts;
	outbox->messages = messages;
	event_assign(&outbox->readable, outbox->worker->loop, verdicts, EV_READ | EV_PERSIST,
		     on_readable, outbox);
	event_assign(&outbox->writable, outbox->worker->loop, messages, EV_WRITE, on_writable,
		     outbox);
	event_add(&outbox->readable, NULL);
	questions_note(&outbox->questions, &outbox->notes);
	receipts_note_again(&outbox->receipts, &outbox->notes);
	if (!TAILQ_EMPTY(&outbox->waiting) || outbox->notes.used > 0)
		event_add(&outbox->writable, NULL);
}

/* ---- sending ---- */

bool outbox_submit(struct outbox *outbox, struct message *message, struct submission *submission)
{
	submission->handle = ++outbox->last_handle;
	memcpy(submission->id, message->id, sizeof(submission->id));
	submission->flags = message->flags;
	submission->sender = (struct wire_string){ message->sender, strlen(message->sender) };
	submission->parameters =
		(struct wire_string){ message->parameters, strlen(message->parameters) };
	submission->body_length = body_length(message->body);
	submission->recipient_count = message->recipient_count;
	if (!message_frame(message, submission))
		return false;
	message->handle = submission->handle;
	message->submitted = clock_steady();
	TAILQ_INSERT_TAIL(&outbox->waiting, message, next);
	/* At the end of this turn of the loop: several messages go in one write. */
	if (outbox->messages >= 0)
		event_active(&outbox->writable, EV_WRITE, 0);
	return true;
}

static ssize_t send_block(struct outbox *outbox, const struct message *message)
{
	uint64_t place = message->sent - message->frame_length;

	return spool_send(outbox->worker->spool, message->body->blocks[place / SPOOL_BLOCK],
			  place % SPOOL_BLOCK, outbox->messages);
}

#define PARTS 64

/* As many waiting messages as one writev(2) takes; one with blocks ends the row. */
static ssize_t send_parts(struct outbox *outbox)
{
	struct iovec parts[PARTS];
	struct message *message;
	int count = 0;

	TAILQ_FOREACH (message, &outbox->waiting, next) {
		if (count > PARTS - 2)
			break;
		count += message_parts(message, parts + count);
		if (message->body->block_count)
			break;
	}
	return writev(outbox->messages, parts, count);
}

/* `count` more bytes of the waiting messages are in the pipe. */
static void advance(struct outbox *outbox, uint64_t count)
{
	struct message *message;
	uint64_t left;

	while (count && (message = TAILQ_FIRST(&outbox->waiting))) {
		left = message->frame_length + body_length(message->body) - message->sent;
		if (count < left) {
			message->sent += count;
			return;
		}
		message->sent += left;
		count -= left;
		message->complete = true;
		TAILQ_REMOVE(&outbox->waiting, message, next);
		TAILQ_INSERT_TAIL(&outbox->sent, message, next);
	}
}

/* Takes a message away from its session, and answers it. */
static void answer(const struct outbox *outbox, struct message *message, enum smtp_reply reply)
{
	struct session *session = message->session;

	message->session = NULL;
	if (session)
		outbox->answer(session, message, reply);
}

/*
 * A block cannot be read back from the spool: its message is lost, and that is
 * said. What is in the pipe of it cannot be completed, so the pipe goes too.
 */
static void give_up_spooled(struct outbox *outbox, struct message *message, int error)
{
	struct log_line line;

	log_begin(&line, EVENT_SHORT, NULL);
	log_text(&line, "message", message->id);
	log_text(&line, "what", "spool");
	log_text(&line, "reason", strerror(error));
	log_end(&line);
	answer(outbox, message, SMTP_REPLY_SYSTEM_ERROR);
	forget(&outbox->waiting, message);
	disconnect(outbox);
}

/* Delivery has gone; its verdicts may still be in the other pipe. */
static void lose_reader(struct outbox *outbox)
{
	on_readable(outbox->verdicts, EV_READ, outbox);
	disconnect(outbox);
}

/* False: nothing more can be sent now. */
static bool send_some(struct outbox *outbox, struct message *message)
{
	bool spooled = message_is_in_blocks(message);
	ssize_t sent = spooled ? send_block(outbox, message) : send_parts(outbox);
	int error = sent == 0 ? EIO : errno;

	if (sent > 0) {
		advance(outbox, (uint64_t)sent);
		return true;
	}
	if (error == EINTR)
		return true;
	if (error == EAGAIN) {
		event_add(&outbox->writable, NULL);
	} else if (spooled && error != EPIPE) {
		give_up_spooled(outbox, message, error);
	} else {
		lose_reader(outbox);
	}
	return false;
}

/* False: nothing more can be sent now. Notes go between two messages only. */
static bool send_notes(struct outbox *outbox)
{
	const struct message *message = TAILQ_FIRST(&outbox->waiting);
	enum notes_result result;

	if (message && message->sent > 0)
		return true;
	do {
		result = notes_write(&outbox->notes, outbox->messages);
		if (result == NOTES_WRITTEN)
			questions_note(&outbox->questions, &outbox->notes);
	} while (result == NOTES_WRITTEN && outbox->notes.used > 0);
	if (result == NOTES_LEFT)
		event_add(&outbox->writable, NULL);
	else if (result == NOTES_NO_READER)
		lose_reader(outbox);
	return result == NOTES_WRITTEN;
}

void outbox_note(struct outbox *outbox, enum message_type type, const struct wire_writer *payload,
		 bool at_once)
{
	if (notes_add(&outbox->notes, type, payload) && at_once && outbox->messages >= 0)
		event_active(&outbox->writable, EV_WRITE, 0);
}

void outbox_ask(struct outbox *outbox, struct question *question)
{
	questions_add(&outbox->questions, question);
	questions_note(&outbox->questions, &outbox->notes);
	if (outbox->messages >= 0)
		event_active(&outbox->writable, EV_WRITE, 0);
}

void outbox_hurry(struct outbox *outbox)
{
	if (outbox->notes.used > 0 && outbox->messages >= 0)
		event_active(&outbox->writable, EV_WRITE, 0);
}

bool outbox_is_quiet(const struct outbox *outbox)
{
	return outbox->notes.used == 0;
}

void outbox_replied(struct outbox *outbox, uint64_t handle, bool taken)
{
	const struct message_replied replied = { .handle = handle, .taken = taken };

	receipts_add(&outbox->receipts, &replied, outbox->last_handle);
	receipts_note(&replied, &outbox->notes);
	if (!taken)
		outbox_hurry(outbox);
}

/* Nobody will take the 250 of a message that delivery has, or has a part of. */
static void disown(struct outbox *outbox, struct message *message)
{
	message->session = NULL;
	if (outbox->worker->configuration->delivery.remember > 0)
		outbox_replied(outbox, message->handle, false);
}

static void on_writable(int descriptor, short what, void *context)
{
	struct outbox *outbox = context;
	struct message *message;

	(void)descriptor;
	(void)what;
	while (outbox->messages >= 0 && send_notes(outbox) &&
	       (message = TAILQ_FIRST(&outbox->waiting)))
		if (!send_some(outbox, message))
			break;
	if (outbox_is_quiet(outbox))
		worker_end_if_done(outbox->worker);
}

/* ---- verdicts ---- */

static const enum smtp_reply replies[VERDICT_COUNT] = {
	[VERDICT_STORED] = SMTP_REPLY_STORED,
	[VERDICT_NO_ROOM] = SMTP_REPLY_NO_ROOM,
	[VERDICT_NO_QUOTA] = SMTP_REPLY_NO_QUOTA,
	[VERDICT_NO_QUOTA_MESSAGES] = SMTP_REPLY_NO_QUOTA,
	[VERDICT_OVER_QUOTA] = SMTP_REPLY_OVER_QUOTA,
	[VERDICT_SYSTEM_ERROR] = SMTP_REPLY_SYSTEM_ERROR,
	[VERDICT_NO_RECIPIENT] = SMTP_REPLY_UNKNOWN_USER,
};

static struct message *find(struct outbox *outbox, uint64_t handle)
{
	struct message *message;

	TAILQ_FOREACH (message, &outbox->sent, next)
		if (message->handle == handle)
			return message;
	return NULL;
}

static void report_violation(struct outbox *outbox, const char *reason)
{
	struct message_violation violation = { .serial = 0 };
	uint8_t bytes[MESSAGE_CONTROL_MAX];
	struct wire_writer writer = { bytes, sizeof(bytes), 0, false };

	log_event_text(EVENT_VIOLATION, "reason", reason);
	strlcpy(violation.reason, reason, sizeof(violation.reason));
	message_put_violation(&writer, &violation);
	channel_send(CHANNEL_DESCRIPTOR, MESSAGE_VIOLATION, &writer, NULL, 0);
	disconnect(outbox);
}

static bool take_verdict(void *context, const struct message_verdict *verdict,
			 struct problem *problem)
{
	struct outbox *outbox = context;
	struct message *message = find(outbox, verdict->handle);

	if (!message)
		return problem_set(problem, "a verdict for a message that was not submitted");
	receipts_confirm(&outbox->receipts, verdict->handle);
	/* It was told so before, but maybe to a delivery process that is no more. */
	if (!message->session && verdict->verdict == VERDICT_STORED)
		disown(outbox, message);
	answer(outbox, message, replies[verdict->verdict]);
	forget(&outbox->sent, message);
	return true;
}

static bool take_condition(void *context, const struct message_verdict *message,
			   struct problem *problem)
{
	const struct outbox *outbox = context;

	return condition_take(outbox->worker, message, problem);
}

static bool take_room(void *context, const struct message_verdict *room, struct problem *problem)
{
	const struct outbox *outbox = context;

	return questions_answer(&outbox->questions, room, problem);
}

static inlet_take *const takes[MESSAGE_COUNT] = {
	[MESSAGE_VERDICT] = take_verdict,
	[MESSAGE_CONDITION] = take_condition,
	[MESSAGE_ROOM] = take_room,
};

/* Reads frames until the pipe is empty; delivery has gone at its end. */
static void on_readable(int descriptor, short what, void *context)
{
	struct outbox *outbox = context;
	enum inlet_result result;
	struct problem problem;

	(void)what;
	do {
		result = inlet_read(&outbox->inlet, descriptor, takes, outbox, &problem);
	} while (result == INLET_SOME);
	if (result == INLET_VIOLATION)
		report_violation(outbox, problem.text);
	else if (result == INLET_CLOSED)
		disconnect(outbox);
}

/* ---- messages that wait too long, or for nobody ---- */

static struct message *find_old(struct messages *list, int64_t oldest)
{
	struct message *message;

	TAILQ_FOREACH (message, list, next)
		if (message->submitted <= oldest && (message->session || message->sent == 0))
			return message;
	return NULL;
}

/* Looks anew after each answer: it may end its session, and that take others from the list. */
static void give_up_old(struct outbox *outbox, struct messages *list, int64_t oldest)
{
	struct message *message;

	while ((message = find_old(list, oldest))) {
		answer(outbox, message, SMTP_REPLY_NO_VERDICT);
		/* What delivery has seen a part of stays, for the verdict that will come. */
		if (message->sent == 0)
			forget(list, message);
		else
			disown(outbox, message);
	}
}

static void on_age(int descriptor, short what, void *context)
{
	struct outbox *outbox = context;
	int64_t limit = outbox->worker->configuration->timeouts.delivery * 1000000;

	(void)descriptor;
	(void)what;
	give_up_old(outbox, &outbox->waiting, clock_steady() - limit);
	give_up_old(outbox, &outbox->sent, clock_steady() - limit);
	questions_give_up(&outbox->questions, clock_steady() - limit);
	outbox_hurry(outbox);
	/* The master gives a new pair at once when delivery has died; this is for all else. */
	if (outbox->messages < 0)
		channel_send(CHANNEL_DESCRIPTOR, MESSAGE_PIPES_LOST, NULL, NULL, 0);
}

void outbox_each(struct outbox *outbox, const struct session *session, outbox_visit *visit)
{
	struct messages *const lists[] = { &outbox->waiting, &outbox->sent };
	struct message *message;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		TAILQ_FOREACH (message, lists[i], next)
			if (message->session == session)
				visit(session, message);
}

void outbox_abandon(struct outbox *outbox, const struct session *session)
{
	struct message *message, *following;

	TAILQ_FOREACH (message, &outbox->sent, next)
		if (message->session == session)
			disown(outbox, message);
	TAILQ_FOREACH_SAFE (message, &outbox->waiting, next, following) {
		if (message->session != session)
			continue;
		message->session = NULL;
		if (message->sent == 0)
			forget(&outbox->waiting, message);
		else
			disown(outbox, message);
	}
}
