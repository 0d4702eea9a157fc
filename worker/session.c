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

#include "worker/outbox.h"

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

/* ---- the end ---- */

static void log_disconnect(const struct session *session)
{
	struct log_line line;

	session_log(session, &line, EVENT_DISCONNECT);
	log_lower(&line, "reason", session->reason ? session->reason : "client closed");
	log_seconds(&line, "took", clock_steady() - session->opened);
	log_number(&line, "messages", session->messages);
	log_number(&line, "recipients", session->recipients);
	log_number(&line, "rejected", session->rejected);
	log_number(&line, "commands", (long long)smtp_server_commands(session->engine));
	log_end(&line);
}

static void destroy(struct session *session)
{
	struct worker *worker = session->worker;

	log_disconnect(session);
	outbox_abandon(worker->outbox, session);
	if (session->message)
		message_free(session->message, worker->spool);
	event_del(&session->readable);
	event_del(&session->writable);
	event_del(&session->timer);
	close(session->socket);
	evbuffer_free(session->output);
	if (session->pending)
		evbuffer_free(session->pending);
	smtp_server_free(session->engine);
	LIST_REMOVE(session, next);
	worker->session_count--;
	scoreboard_closed(worker->board, worker->slot, &session->client);
	free(session->helo);
	free(session);
	worker_end_if_done(worker);
}

static void end(struct session *session, const char *reason)
{
	if (!session->reason)
		session->reason = reason;
	destroy(session);
}

static bool is_closed(const struct session *session)
{
	return smtp_server_state(session->engine) == SMTP_CLOSED;
}

/*
 * The last reply must reach a client that is still sending: closing a socket
 * with unread bytes resets the connection and can destroy the reply. After QUIT
 * nothing more comes.
 */
static void linger(struct session *session)
{
	if (!session->reason) {
		end(session, "quit");
		return;
	}
	session->lingering = true;
	shutdown(session->socket, SHUT_WR);
	event_add(&session->readable, NULL);
	event_add(&session->timer, session->worker->wait_linger);
}

/* ---- output ---- */

/* False when the connection is broken, and the session gone with it. */
static bool flush(struct session *session)
{
	session->blocked = false;
	if (session->broken) {
		end(session, "out of memory");
		return false;
	}
	while (evbuffer_get_length(session->output)) {
		if (evbuffer_write(session->output, session->socket) >= 0 || errno == EINTR)
			continue;
		if (errno == EAGAIN) {
			session->blocked = true;
			return true;
		}
		end(session, strerror(errno));
		return false;
	}
	return true;
}

/* ---- timers ---- */

/*
 * RFC 5321 4.5.3.2: each phase has a time of its own. The time for a command
 * begins anew with the next command, not with each byte of one.
 */
static void set_timer(struct session *session)
{
	unsigned long commands = smtp_server_commands(session->engine);

	if (smtp_server_is_waiting(session->engine)) {
		event_del(&session->timer);
	} else if (session->blocked) {
		event_add(&session->timer, session->worker->wait_write);
	} else if (smtp_server_state(session->engine) == SMTP_DATA) {
		event_add(&session->timer, session->worker->wait_data);
	} else if (commands != session->commands_timed ||
		   !event_pending(&session->timer, EV_TIMEOUT, NULL)) {
		event_add(&session->timer, session->worker->wait_command);
	}
	session->commands_timed = commands;
}

/* ---- input ---- */

/* Feeds the engine as long as it takes, and as the client takes what comes out. */
static size_t feed(struct session *session, const char *bytes, size_t length)
{
	size_t used = 0, piece;

	while (used < length && !is_closed(session) && !smtp_server_is_waiting(session->engine)) {
		piece = length - used;
		if (smtp_server_state(session->engine) != SMTP_DATA && piece > COMMAND_PIECE)
			piece = COMMAND_PIECE;
		used += smtp_server_input(session->engine, bytes + used, piece);
		if (evbuffer_get_length(session->output) >= OUTPUT_ENOUGH)
			break;
	}
	return used;
}

/* Says 421 whatever the session waits for. */
static void close_now(struct session *session, enum smtp_reply reply, const char *argument)
{
	outbox_abandon(session->worker->outbox, session);
	smtp_server_close(session->engine, reply, argument);
}

/* What the engine has not taken is kept; at most one read(2) of it. */
static void keep(struct session *session, const char *bytes, size_t length)
{
	if (length == 0 || is_closed(session))
		return;
	if (!session->pending)
		session->pending = evbuffer_new();
	if (!session->pending || evbuffer_add(session->pending, bytes, length) < 0)
		close_now(session, SMTP_REPLY_NO_RESOURCES, NULL);
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
		close_now(session, SMTP_REPLY_NO_RESOURCES, NULL);
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
	return !is_closed(session) && !session->blocked && !session->pending &&
	       !smtp_server_is_waiting(session->engine);
}

/* After every step: sends what there is to say, and waits for what comes next. */
static void settle(struct session *session)
{
	if (!flush(session))
		return;
	while (pending_length(session) && !session->blocked && !is_closed(session) &&
	       !smtp_server_is_waiting(session->engine)) {
		feed_pending(session);
		if (!flush(session))
			return;
	}
	if (pending_length(session) == 0 || is_closed(session))
		drop_pending(session);
	if (session->blocked)
		event_add(&session->writable, NULL);
	if (takes_input(session))
		event_add(&session->readable, NULL);
	if (is_closed(session) && !session->blocked)
		linger(session);
	else
		set_timer(session);
}

static void on_readable(int socket, short what, void *context)
{
	struct session *session = context;
	char *input = session->worker->input;
	ssize_t length;
	size_t used;

	(void)what;
	if (!session->lingering && !takes_input(session)) {
		/* Only now: most clients are silent while they wait, and it costs a system call. */
		event_del(&session->readable);
		return;
	}
	length = read(socket, input, WORKER_INPUT_SIZE);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length <= 0) {
		end(session, length == 0 ? "client closed" : strerror(errno));
		return;
	}
	if (session->lingering)
		return;
	used = feed(session, input, (size_t)length);
	keep(session, input + used, (size_t)length - used);
	settle(session);
}

static void on_writable(int socket, short what, void *context)
{
	(void)socket;
	(void)what;
	settle(context);
}

static void on_timer(int socket, short what, void *context)
{
	struct session *session = context;

	(void)socket;
	(void)what;
	if (session->lingering) {
		destroy(session);
	} else if (session->blocked) {
		end(session, "timeout: the client takes no replies");
	} else {
		session->decided = smtp_server_state(session->engine) == SMTP_DATA
					   ? "timeouts.data"
					   : "timeouts.command";
		close_now(session, SMTP_REPLY_IDLE_TOO_LONG, NULL);
		settle(session);
	}
}

/* ---- the beginning ---- */

static bool make_parts(struct session *session)
{
	session->engine = smtp_server_new(&session->worker->settings, &worker_policy, session);
	session->output = evbuffer_new();
	if (session->engine && session->output)
		return true;
	smtp_server_free(session->engine);
	if (session->output)
		evbuffer_free(session->output);
	return false;
}

/* An address as text; an IPv4-mapped one as IPv4. */
static void name_in6(const struct in6_addr *address, char text[INET6_ADDRSTRLEN])
{
	if (IN6_IS_ADDR_V4MAPPED(address))
		inet_ntop(AF_INET, address->s6_addr + 12, text, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, address, text, INET6_ADDRSTRLEN);
}

static void name_address(const struct sockaddr_storage *address, char text[INET6_ADDRSTRLEN])
{
	const void *place = address;

	if (address->ss_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)place)->sin_addr, text,
			  INET6_ADDRSTRLEN);
	else if (address->ss_family == AF_INET6)
		name_in6(&((const struct sockaddr_in6 *)place)->sin6_addr, text);
}

static void log_connect(const struct session *session)
{
	char local[INET6_ADDRSTRLEN] = "";
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	struct log_line line;

	if (getsockname(session->socket, (struct sockaddr *)&address, &length) == 0)
		name_address(&address, local);
	session_log(session, &line, EVENT_CONNECT);
	log_number(&line, "port", session->port);
	log_text(&line, "local", local);
	log_text(&line, "listener", session->listener);
	log_end(&line);
}

bool session_open(struct worker *worker, int socket, const struct sockaddr_in6 *client,
		  const char *listener)
{
	struct session *session = allocate(1, sizeof(*session));

	if (!session)
		return false;
	session->worker = worker;
	if (!make_parts(session)) {
		free(session);
		return false;
	}
	session->socket = socket;
	session->client = client->sin6_addr;
	session->port = ntohs(client->sin6_port);
	session->listener = listener;
	session->opened = clock_steady();
	id_new(worker->serial, session->id);
	name_in6(&session->client, session->client_text);
	event_assign(&session->readable, worker->loop, socket, EV_READ | EV_PERSIST, on_readable,
		     session);
	event_assign(&session->writable, worker->loop, socket, EV_WRITE, on_writable, session);
	event_assign(&session->timer, worker->loop, -1, 0, on_timer, session);
	LIST_INSERT_HEAD(&worker->sessions, session, next);
	worker->session_count++;
	scoreboard_opened(worker->board, worker->slot, &session->client);
	log_connect(session);
	smtp_server_greet(session->engine);
	settle(session);
	return true;
}

/* ---- what became of a message ---- */

static void log_message(const struct session *session, const struct message *message,
			enum smtp_reply reply)
{
	char text[SMTP_REPLY_SIZE];
	struct log_line line;

	smtp_reply_format(reply, message->id, false, text);
	text[strcspn(text, "\r")] = '\0';
	session_log(session, &line, EVENT_MESSAGE);
	log_text(&line, "message", message->id);
	log_text(&line, "helo", session->helo);
	log_text(&line, "protocol", smtp_server_protocol(session->engine));
	log_text(&line, "from", message->sender);
	log_number(&line, "recipients", message->recipient_count);
	log_number(&line, "size", (long long)message_body_length(message));
	log_number(&line, "code", smtp_reply_describe(reply)->code);
	log_text(&line, "reply", text);
	log_seconds(&line, "took", clock_steady() - message->submitted);
	log_end(&line);
}

void session_answer(struct session *session, const struct message *message, enum smtp_reply reply)
{
	if (reply == SMTP_REPLY_STORED) {
		session->messages++;
		session->recipients += message->recipient_count;
	}
	log_message(session, message, reply);
	session->decided = "delivery";
	smtp_server_answer(session->engine, reply, message->id);
	session->decided = NULL;
	settle(session);
}

/* ---- stopping ---- */

void session_stop(struct session *session)
{
	if (session->lingering || is_closed(session))
		return;
	session->stopping = true;
	smtp_server_close_after(session->engine, SMTP_REPLY_STOPPING,
				session->worker->settings.hostname);
	settle(session);
}

void session_cut(struct session *session)
{
	const struct message *message = outbox_find(session->worker->outbox, session);

	if (message)
		log_message(session, message, SMTP_REPLY_STOPPING);
	session->decided = "timeouts.stop";
	close_now(session, SMTP_REPLY_STOPPING, session->worker->settings.hostname);
	if (flush(session))
		destroy(session);
}
