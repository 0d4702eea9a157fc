/*
 * accept.c - listening sockets, and who gets a session
 *
 * Runs in: postern-worker.  Privilege: none; the sockets were bound by the master.
 * Distrusts: the clients, who may be too many.
 */
#include "worker/accept.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bsd/string.h>
#include <netinet/tcp.h>

#include "common/fail/fail.h"
#include "common/frame/message.h"
#include "common/log/log.h"
#include "common/network/address.h"
#include "worker/id.h"
#include "worker/listener.h"
#include "worker/session.h"

/* Connections taken in one turn of the loop, so that sessions get theirs. */
#define ACCEPT_AT_ONCE 32

static void on_connection(int socket, short what, void *context);

void accept_add(struct worker *worker, int socket, const char *title)
{
	struct listener *listener = listener_new(worker, socket, title);

	evutil_make_socket_nonblocking(socket);
	event_assign(&listener->readable, worker->loop, socket, EV_READ | EV_PERSIST, on_connection,
		     listener);
	LIST_INSERT_HEAD(&worker->listeners, listener, next);
}

void accept_start(struct worker *worker)
{
	struct listener *listener;

	LIST_FOREACH (listener, &worker->listeners, next)
		if (listener->socket >= 0)
			event_add(&listener->readable, NULL);
}

void accept_stop(struct worker *worker)
{
	struct listener *listener;

	/* They stay in the list: sessions use their titles, and the process ends soon. */
	LIST_FOREACH (listener, &worker->listeners, next) {
		event_del(&listener->readable);
		if (listener->socket >= 0)
			close(listener->socket);
		listener->socket = -1;
	}
	event_del(&worker->accept_pause);
}

/* Leaves new connections to others, or in the backlog, for a moment. */
static void pause_accepting(struct worker *worker)
{
	static const struct timeval moment = { 0, 50000 };
	struct listener *listener;

	LIST_FOREACH (listener, &worker->listeners, next)
		event_del(&listener->readable);
	event_add(&worker->accept_pause, &moment);
}

/* The client of a unix socket has no address: see map_address(). */
static bool is_local(const struct sockaddr_in6 *client)
{
	return IN6_IS_ADDR_UNSPECIFIED(&client->sin6_addr);
}

/* ---- refusing ---- */

static void log_refusal(const struct listener *listener, const char *id,
			const struct sockaddr_in6 *client, const char *limit, long long value)
{
	char text[INET6_ADDRSTRLEN];
	struct log_line line;

	address_text(&client->sin6_addr, text);
	log_begin(&line, EVENT_REFUSE, id);
	log_text(&line, "client", text);
	log_text(&line, "listener", listener->configuration->title);
	log_number(&line, "code", 421);
	log_text(&line, "limit", limit);
	log_number(&line, "value", value);
	log_end(&line);
}

static void refuse(const struct listener *listener, int socket, const struct sockaddr_in6 *client,
		   enum smtp_reply reply, const char *limit, long long value)
{
	char line[SMTP_REPLY_SIZE];
	char id[ID_SIZE];
	size_t length;

	id_new(listener->worker->serial, id);
	length = smtp_reply_format(reply, NULL, false, id, line);
	log_refusal(listener, id, client, limit, value);
	/* A client that begins with TLS would not understand it. */
	if (listener->configuration->tls != LISTEN_TLS_IMPLICIT && write(socket, line, length) < 0)
		errno = 0; /* it is gone: nothing is owed to it */
	close(socket);
}

static bool has_room(const struct worker *worker)
{
	return worker->session_count < (size_t)worker->configuration->workers.sessions;
}

static void admit(struct listener *listener, int socket, const struct sockaddr_in6 *client)
{
	struct worker *worker = listener->worker;
	long long per_address = worker->configuration->limits.sessions_per_address;
	long long sessions = worker->configuration->workers.sessions;
	static const int on = 1;

	if (!has_room(worker)) {
		refuse(listener, socket, client, SMTP_REPLY_TOO_MANY_SESSIONS, "workers.sessions",
		       sessions);
		return;
	}
	if (per_address && !is_trusted(&listener->proxy, &client->sin6_addr) && !is_local(client) &&
	    scoreboard_from(worker->board, &client->sin6_addr) >= (size_t)per_address) {
		refuse(listener, socket, client, SMTP_REPLY_TOO_MANY_FROM_YOU,
		       "limits.sessions-per-address", per_address);
		return;
	}
	/* Replies are written whole: Nagle's algorithm would only hold them back. */
	if (!is_local(client))
		setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!session_open(listener, socket, client))
		refuse(listener, socket, client, SMTP_REPLY_NO_RESOURCES, "memory", 0);
}

/* ---- accepting ---- */

/*
 * An IPv4 address as an IPv4-mapped one, so that there is one kind. The client
 * of a unix socket is ::, port 0, which no client of TCP can be.
 */
static void map_address(const struct sockaddr_storage *from, struct sockaddr_in6 *to)
{
	const struct sockaddr_in *old = (const struct sockaddr_in *)from;

	if (from->ss_family == AF_INET6) {
		memcpy(to, from, sizeof(*to));
		return;
	}
	memset(to, 0, sizeof(*to));
	to->sin6_family = AF_INET6;
	if (from->ss_family != AF_INET)
		return;
	to->sin6_port = old->sin_port;
	address_map(&old->sin_addr, &to->sin6_addr);
}

static int take(const struct listener *listener, struct sockaddr_in6 *client)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int socket = accept4(listener->socket, (struct sockaddr *)&address, &length,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (socket >= 0)
		map_address(&address, client);
	return socket;
}

/*
 * No descriptor left: gives up the one in reserve for as long as it takes to
 * tell one client, who would otherwise hang in the backlog.
 */
static void refuse_without_descriptor(struct listener *listener)
{
	struct worker *worker = listener->worker;
	struct sockaddr_in6 client;
	int socket;

	if (worker->reserve >= 0)
		close(worker->reserve);
	socket = take(listener, &client);
	if (socket >= 0)
		refuse(listener, socket, &client, SMTP_REPLY_NO_RESOURCES, "descriptors",
		       (long long)worker->session_count);
	worker->reserve = dup(STDIN_FILENO);
}

/* At most once a second: it lasts, and each refusal is in the log as well. */
static void log_shortage(int error)
{
	static int64_t last;
	struct log_line line;

	if (last && clock_steady() - last < 1000000)
		return;
	last = clock_steady();
	log_begin(&line, EVENT_SHORT, NULL);
	log_text(&line, "what", "accept");
	log_text(&line, "reason", strerror(error));
	log_end(&line);
}

/* False: accept no more in this turn. */
static bool after_failure(struct listener *listener, int error)
{
	if (error == EAGAIN)
		return false;
	if (error == EINTR || error == ECONNABORTED)
		return true;
	log_shortage(error);
	if (error == EMFILE)
		refuse_without_descriptor(listener);
	pause_accepting(listener->worker);
	return false;
}

static void on_connection(int socket, short what, void *context)
{
	struct listener *listener = context;
	struct worker *worker = listener->worker;
	struct sockaddr_in6 client;

	(void)what;
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		if (!has_room(worker) && scoreboard_room_elsewhere(worker->board, worker->slot)) {
			pause_accepting(worker);
			return;
		}
		socket = take(listener, &client);
		if (socket >= 0)
			admit(listener, socket, &client);
		else if (!after_failure(listener, errno))
			return;
	}
}
