/*
 * opening.c - the beginning of a session, up to its greeting
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: the client, who may speak before it is spoken to.
 *
 * In this order: PROXY header, TLS handshake, greeting; a listener may want each
 * of the first two, and that the greeting is held back.
 */
#include "worker/opening.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <bsd/string.h>
#include <event2/buffer.h>

#include "common/network/address.h"
#include "worker/introduction.h"
#include "worker/secure.h"
#include "worker/transport.h"

/* ---- who it is ---- */

static void name_local(int socket, char text[INET6_ADDRSTRLEN])
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	const void *place = &address;

	text[0] = '\0';
	if (getsockname(socket, (struct sockaddr *)&address, &length) < 0)
		return;
	if (address.ss_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)place)->sin_addr, text,
			  INET6_ADDRSTRLEN);
	else if (address.ss_family == AF_INET6)
		address_text(&((const struct sockaddr_in6 *)place)->sin6_addr, text);
}

void session_rename(struct session *session, const struct in6_addr *client, uint16_t port)
{
	struct worker *worker = session->worker;

	scoreboard_closed(worker->board, worker->slot, &session->client);
	session->client = *client;
	session->port = port;
	address_text(client, session->client_text);
	scoreboard_opened(worker->board, worker->slot, client);
}

/*
 * The session is counted already: its own makes one of them. A balancer that speaks for itself
 * (health checks) or does not say for whom is no client whose sessions could be too many.
 */
bool session_admit(struct session *session)
{
	long long limit = session->worker->configuration->limits.sessions_per_address;

	if (!limit || IN6_IS_ADDR_UNSPECIFIED(&session->client) ||
	    introduction_is_wanted(session) ||
	    scoreboard_from(session->worker->board, &session->client) <= (size_t)limit)
		return true;
	session_enter(session, PHASE_DIALOGUE);
	smtp_server_close(session->engine, SMTP_REPLY_TOO_MANY_FROM_YOU, NULL,
			  "sessions-per-address", (unsigned long long)limit);
	return false;
}

static void log_connect(const struct session *session, const char *proxy)
{
	char local[INET6_ADDRSTRLEN];
	struct log_line line;

	if (session_is_unlogged(session))
		return;
	name_local(session->socket, local);
	session_log(session, &line, EVENT_CONNECT);
	log_number(&line, "port", session->port);
	log_text(&line, "local", *local ? local : NULL);
	log_text(&line, "listener", session->listener->configuration->title);
	log_text(&line, "proxy", *proxy ? proxy : NULL);
	log_end(&line);
}

/* ---- what comes next ---- */

void opening_greet(struct session *session)
{
	session_enter(session, PHASE_DIALOGUE);
	smtp_server_greet(session->engine);
	session_settle(session);
}

static void refuse_early_talker(struct session *session)
{
	session_enter(session, PHASE_DIALOGUE);
	session->decided = "early-talkers";
	smtp_server_close(session->engine, SMTP_REPLY_EARLY_TALKER, NULL, NULL, 0);
	session_settle(session);
}

static bool refuses_early_talkers(const struct session *session)
{
	return session->listener->configuration->early_talkers == IMPATIENCE_REFUSE;
}

void opening_interrupted(struct session *session)
{
	ssize_t seen = transport_peek(session);

	if (seen < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (session->blocked) /* readable, and not read: it would wake us all the while */
			event_del(&session->readable);
		return;
	}
	if (seen <= 0)
		session_end(session, seen == 0 ? "client closed" : strerror(errno));
	else if (refuses_early_talkers(session))
		refuse_early_talker(session);
	else
		event_del(&session->readable);
}

void session_ready(struct session *session)
{
	if (refuses_early_talkers(session) && transport_peek(session) > 0)
		refuse_early_talker(session);
	else if (session->listener->configuration->greeting_delay > 0)
		session_enter(session, PHASE_HOLDING);
	else
		opening_greet(session);
}

static unsigned privileges_of(const struct session *session)
{
	const struct listener *listener = session->listener;
	unsigned privileges = 0;

	if (is_trusted(&listener->xclient, &session->client))
		privileges |= SMTP_MAY_XCLIENT;
	if (is_trusted(&listener->xforward, &session->client))
		privileges |= SMTP_MAY_XFORWARD;
	return privileges;
}

static bool begins_with_tls(const struct session *session)
{
	return session->listener->configuration->tls == LISTEN_TLS_IMPLICIT && !session->secured;
}

/* A client that is not admitted would not understand why before the handshake is done. */
static void begin_tls(struct session *session, bool is_admitted)
{
	if (!is_admitted)
		session_end(session, "too many sessions");
	else if (!secure_prepare(session))
		session_end(session, "out of memory");
	else
		secure_begin(session);
}

void session_introduced(struct session *session, const char *proxy)
{
	bool is_admitted;

	log_connect(session, proxy);
	smtp_server_permit(session->engine, privileges_of(session));
	is_admitted = !*proxy || session_admit(session);
	if (begins_with_tls(session))
		begin_tls(session, is_admitted);
	else if (is_admitted)
		session_ready(session);
	else
		session_settle(session);
}

static bool make_parts(struct session *session)
{
	session->engine =
		smtp_server_new(&session->listener->settings, &worker_policy, session, session->id);
	session->output = evbuffer_new();
	if (session->engine && session->output &&
	    (!introduction_is_wanted(session) || introduction_begin(session)) &&
	    session_watch(session))
		return true;
	smtp_server_free(session->engine);
	if (session->output)
		evbuffer_free(session->output);
	free(session->introduction);
	return false;
}

bool session_open(struct listener *listener, int socket, const struct sockaddr_in6 *client)
{
	struct worker *worker = listener->worker;
	struct session *session = allocate(1, sizeof(*session));

	if (!session)
		return false;
	session->worker = worker;
	session->listener = listener;
	session->client = client->sin6_addr;
	session->socket = socket;
	id_new(worker->serial, session->id);
	if (!make_parts(session)) {
		free(session);
		return false;
	}
	session->port = ntohs(client->sin6_port);
	session->opened = clock_steady();
	address_text(&session->client, session->client_text);
	LIST_INSERT_HEAD(&worker->sessions, session, next);
	worker->session_count++;
	scoreboard_opened(worker->board, worker->slot, &session->client);
	if (session->introduction)
		session_enter(session, PHASE_INTRODUCTION);
	else
		session_introduced(session, "");
	return true;
}
