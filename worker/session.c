/*
 * session.c - one connection of one client: socket, engine, timers
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: the client, in what it sends and in how it takes our replies.
 */
#include "worker/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "worker/introduction.h"
#include "worker/lingering.h"
#include "worker/opening.h"
#include "worker/outbox.h"
#include "worker/pace.h"
#include "worker/quota.h"
#include "worker/replied.h"
#include "worker/secure.h"
#include "worker/transport.h"
#include "worker/verdict.h"

/*
 * Replies can be longer than the commands that cause them. While commands come
 * in, they are taken in small pieces, and none more once so much output waits:
 * a client that sends and never reads costs this, not what it sends.
 */
#define COMMAND_PIECE 1024
#define OUTPUT_ENOUGH 8192

static void on_readable(int socket, short what, void *context);
static void on_writable(int socket, short what, void *context);
static void on_timer(int socket, short what, void *context);

void session_log(const struct session *session, struct log_line *line, enum log_event event)
{
	log_begin(line, event, session->id);
	log_text(line, "client", session->client_text);
}

bool session_is_unlogged(const struct session *session)
{
	return is_trusted(&session->listener->ignore_log, &session->client) && !log_is_verbose();
}

/* ---- the end ---- */

static void log_disconnect(const struct session *session)
{
	struct log_line line;

	if (session_is_unlogged(session) && !session->messages && !session->rejected)
		return;
	session_log(session, &line, EVENT_DISCONNECT);
	log_lower(&line, "reason", session->reason ? session->reason : "client closed");
	log_seconds(&line, "took", clock_steady() - session->opened);
	log_number(&line, "messages", session->messages);
	log_number(&line, "recipients", session->recipients);
	log_number(&line, "rejected", session->rejected);
	log_number(&line, "commands", (long long)smtp_server_commands(session->engine));
	log_end(&line);
}

static void free_parts(struct session *session)
{
	if (session->message)
		message_free(session->message);
	if (session->output)
		evbuffer_free(session->output);
	if (session->pending)
		evbuffer_free(session->pending);
	SSL_free(session->tls);
	SSL_free(session->prepared);
	smtp_server_free(session->engine);
	free(session->answers);
	free(session->introduction);
	free(session->secured);
	free(session->helo);
	free(session);
}

static void destroy(struct session *session)
{
	struct worker *worker = session->worker;

	log_disconnect(session);
	outbox_abandon(worker->outbox, session);
	quota_forget(session);
	replied_end(session);
	outbox_hurry(worker->outbox);
	event_del(&session->readable);
	event_del(&session->writable);
	event_del(&session->timer);
	close(session->socket);
	LIST_REMOVE(session, next);
	worker->session_count--;
	scoreboard_closed(worker->board, worker->slot, &session->client);
	free_parts(session);
	worker_end_if_done(worker);
}

void session_end(struct session *session, const char *reason)
{
	if (!session->reason)
		session->reason = reason;
	destroy(session);
}

static bool is_closed(const struct session *session)
{
	return smtp_server_state(session->engine) == SMTP_CLOSED;
}

/* ---- output ---- */

/* False when the connection is broken, and the session gone with it. */
static bool flush(struct session *session)
{
	if (session->broken) {
		session_end(session, "out of memory");
		return false;
	}
	if (transport_write(session)) {
		if (!session->blocked)
			replied_written(session);
		return true;
	}
	session_end(session, strerror(errno));
	return false;
}

/* Says a last reply, whatever the session waits for. */
void session_close(struct session *session, enum smtp_reply reply, const char *argument,
		   const char *limit, unsigned long long value)
{
	outbox_abandon(session->worker->outbox, session);
	replied_check(session);
	smtp_server_close(session->engine, reply, argument, limit, value);
}

/* ---- input ---- */

/* Whether the engine would take bytes now. */
static bool takes_bytes(const struct session *session)
{
	return !(smtp_server_state(session->engine) & (SMTP_CLOSED | SMTP_SECURING)) &&
	       !smtp_server_is_waiting(session->engine);
}

/* Whether more than these bytes has come; it costs a system call where it matters. */
static bool more_waits(struct session *session, size_t rest)
{
	return rest > 0 ||
	       (session->listener->settings.refuse_pipelining && transport_peek(session) > 0);
}

/* Feeds the engine as long as it takes, and as the client takes what comes out. */
static size_t feed(struct session *session, const char *bytes, size_t length)
{
	size_t used = 0, piece;

	while (used < length && takes_bytes(session)) {
		piece = length - used;
		if (!smtp_server_expects_body(session->engine) && piece > COMMAND_PIECE)
			piece = COMMAND_PIECE;
		smtp_server_more_waits(session->engine, more_waits(session, length - used - piece));
		used += smtp_server_input(session->engine, bytes + used, piece);
		if (evbuffer_get_length(session->output) >= OUTPUT_ENOUGH)
			break;
	}
	return used;
}

/* What the engine has not taken is kept; at most one read(2) of it. */
static void keep(struct session *session, const char *bytes, size_t length)
{
	if (length == 0 || is_closed(session))
		return;
	if (!session->pending)
		session->pending = evbuffer_new();
	if (!session->pending || evbuffer_add(session->pending, bytes, length) < 0)
		session_close(session, SMTP_REPLY_NO_RESOURCES, NULL, NULL, 0);
}

static size_t pending_length(const struct session *session)
{
	return session->pending ? evbuffer_get_length(session->pending) : 0;
}

static void feed_pending(struct session *session)
{
	size_t length = pending_length(session);
	const char *bytes;

	if (length == 0)
		return;
	bytes = (const char *)evbuffer_pullup(session->pending, -1);
	if (!bytes) {
		session_close(session, SMTP_REPLY_NO_RESOURCES, NULL, NULL, 0);
		return;
	}
	evbuffer_drain(session->pending, feed(session, bytes, length));
}

static void drop_pending(struct session *session)
{
	if (session->pending)
		evbuffer_free(session->pending);
	session->pending = NULL;
}

static bool takes_input(const struct session *session)
{
	return takes_bytes(session) && !session->blocked && !session->pending;
}

/* Whether there is something that was read ahead of the engine, which would take it now. */
static bool is_ahead(const struct session *session)
{
	return pending_length(session) && !session->blocked && takes_bytes(session);
}

/* What was read ahead of the engine, as far as it and the client take it. False: it is gone. */
static bool settle_pending(struct session *session)
{
	while (is_ahead(session)) {
		feed_pending(session);
		if (session->asks_tls)
			secure_answer(session);
		if (!flush(session))
			return false;
	}
	if (pending_length(session) == 0 || is_closed(session))
		drop_pending(session);
	return true;
}

static void wait_for_input(struct session *session)
{
	event_add(&session->readable, NULL);
	if (transport_has_more(session))
		event_active(&session->readable, EV_READ, 0);
}

void session_settle(struct session *session)
{
	if (session->asks_tls)
		secure_answer(session);
	/* What was sent ahead is answered in one write with what went before it. */
	if (!is_ahead(session) && !flush(session))
		return;
	if (!settle_pending(session))
		return;
	if (session->blocked)
		event_add(&session->writable, NULL);
	else if (smtp_server_state(session->engine) == SMTP_SECURING) {
		secure_begin(session);
		return;
	}
	if (takes_input(session))
		wait_for_input(session);
	if (is_closed(session) && !session->blocked)
		lingering_begin(session);
	else
		pace_set(session);
}

/* ---- the phases ---- */

static void on_end_of_input(struct session *session, ssize_t length)
{
	if (length < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (session->blocked) { /* what waits to be read would wake us all the while */
			event_del(&session->readable);
			event_add(&session->writable, NULL);
		}
		return;
	}
	if (length == 0)
		lingering_client_ended(session);
	else
		session_end(session, strerror(errno));
}

static void read_dialogue(struct session *session)
{
	char *input = session->worker->input;
	ssize_t length;
	size_t used;

	if (!takes_input(session)) {
		/* Only now: most clients are silent while they wait, and it costs a system call. */
		session->spoke_early = true;
		event_del(&session->readable);
		return;
	}
	length = transport_read(session, input, WORKER_INPUT_SIZE);
	if (length == 0)
		replied_check(session);
	if (length == 0 && session->tls && !replied_is_open(session))
		transport_finish(session); /* close_notify is answered (RFC 5246 7.2.1) */
	if (length <= 0) {
		on_end_of_input(session, length);
		return;
	}
	replied_heard(session);
	used = feed(session, input, (size_t)length);
	keep(session, input + used, (size_t)length - used);
	session_settle(session);
}

static void dialogue_is_late(struct session *session)
{
	if (session->blocked) {
		session_end(session, "timeout: the client takes no replies");
		return;
	}
	pace_is_over(session);
}

static const struct {
	void (*on_readable)(struct session *session);
	void (*on_writable)(struct session *session);
	void (*on_timer)(struct session *session);
} phases[PHASE_COUNT] = {
	[PHASE_INTRODUCTION] = { introduction_continue, NULL, introduction_is_late },
	[PHASE_HANDSHAKE] = { secure_continue, secure_continue, secure_is_late },
	[PHASE_HOLDING] = { opening_interrupted, NULL, opening_greet },
	[PHASE_DIALOGUE] = { read_dialogue, session_settle, dialogue_is_late },
	[PHASE_LINGERING] = { lingering_read, NULL, lingering_is_over },
};

static void on_readable(int socket, short what, void *context)
{
	struct session *session = context;

	(void)socket;
	(void)what;
	phases[session->phase].on_readable(session);
}

static void on_writable(int socket, short what, void *context)
{
	struct session *session = context;

	(void)socket;
	(void)what;
	if (phases[session->phase].on_writable)
		phases[session->phase].on_writable(session);
}

static void on_timer(int socket, short what, void *context)
{
	struct session *session = context;

	(void)socket;
	(void)what;
	phases[session->phase].on_timer(session);
}

bool session_watch(struct session *session)
{
	struct event_base *loop = session->worker->loop;

	event_assign(&session->readable, loop, session->socket, EV_READ | EV_PERSIST, on_readable,
		     session);
	event_assign(&session->writable, loop, session->socket, EV_WRITE, on_writable, session);
	event_assign(&session->timer, loop, -1, 0, on_timer, session);
	/* The first event of a socket is the one that can need memory. */
	return event_add(&session->readable, NULL) == 0;
}

void session_enter(struct session *session, enum phase phase)
{
	const struct timeval held = {
		.tv_sec = (time_t)session->listener->configuration->greeting_delay
	};
	const struct timeval *times[PHASE_COUNT] = {
		[PHASE_INTRODUCTION] = session->worker->wait_proxy,
		[PHASE_HANDSHAKE] = session->worker->wait_handshake,
		[PHASE_HOLDING] = &held,
		[PHASE_LINGERING] = session->worker->wait_linger,
	};

	session->phase = phase;
	event_del(&session->timer);
	if (times[phase])
		event_add(&session->timer, times[phase]);
	if (phase != PHASE_DIALOGUE)
		event_add(&session->readable, NULL);
}

/* ---- stopping ---- */

/* Nothing can be said yet, or not in the middle of a handshake. */
static bool is_speechless(const struct session *session)
{
	return session->phase == PHASE_INTRODUCTION || session->phase == PHASE_HANDSHAKE ||
	       smtp_server_state(session->engine) == SMTP_SECURING;
}

void session_stop(struct session *session)
{
	if (session->phase == PHASE_LINGERING || is_closed(session))
		return;
	if (is_speechless(session)) {
		session_end(session, "stopping");
		return;
	}
	session->stopping = true;
	replied_check(session);
	if (session->phase == PHASE_HOLDING)
		session_enter(session, PHASE_DIALOGUE);
	smtp_server_close_after(session->engine, SMTP_REPLY_STOPPING,
				session->listener->settings.hostname);
	session_settle(session);
}

void session_cut(struct session *session)
{
	if (!is_speechless(session)) {
		outbox_each(session->worker->outbox, session, verdict_log_cut);
		session->decided = "timeouts.stop";
		session_close(session, SMTP_REPLY_STOPPING, session->listener->settings.hostname,
			      "timeouts.stop",
			      (unsigned long long)session->worker->configuration->timeouts.stop);
		if (!flush(session))
			return;
	}
	destroy(session);
}
