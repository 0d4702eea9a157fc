/*
 * introduction.c - the PROXY header: who the client of a proxy is
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: the bytes, although the configuration names the network they come from.
 *
 * What follows the header may be a TLS handshake, which OpenSSL reads from the
 * socket itself: so no byte behind the header is taken.
 */
#include "worker/introduction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <bsd/string.h>

#include "common/proxy/proxy.h"
#include "worker/secure.h"

struct introduction {
	size_t used;
	char bytes[PROXY_HEADER_MAX];
};

bool introduction_is_wanted(const struct session *session)
{
	return is_trusted(&session->listener->proxy, &session->client);
}

bool introduction_begin(struct session *session)
{
	session->introduction = allocate(1, sizeof(*session->introduction));
	return session->introduction;
}

static void begin_refusal(const struct session *session, struct log_line *line)
{
	session_log(session, line, EVENT_REFUSE);
	log_text(line, "listener", session->listener->configuration->title);
}

static void refuse(struct session *session, const char *reason)
{
	struct log_line line;

	begin_refusal(session, &line);
	log_text(&line, "reason", reason);
	log_end(&line);
	session_end(session, "bad PROXY header");
}

void introduction_is_late(struct session *session)
{
	struct log_line line;

	begin_refusal(session, &line);
	log_text(&line, "limit", "timeouts.proxy");
	log_number(&line, "value", session->worker->configuration->timeouts.proxy);
	log_text(&line, "reason", "the PROXY header has not come");
	log_end(&line);
	session_end(session, "timeout: timeouts.proxy");
}

/* Takes `length` bytes, which have been seen already, from the socket. */
static bool consume(struct session *session, size_t length)
{
	struct introduction *introduction = session->introduction;

	if (recv(session->socket, introduction->bytes + introduction->used, length, 0) !=
	    (ssize_t)length)
		return false;
	introduction->used += length;
	return true;
}

/* :: is no client's address; elsewhere it stands for unix sockets. */
static bool names_nobody(const struct proxy_header *header)
{
	return !header->is_local && IN6_IS_ADDR_UNSPECIFIED(&header->source);
}

static void finish(struct session *session, const struct proxy_header *header)
{
	char proxy[INET6_ADDRSTRLEN];

	if (names_nobody(header)) {
		refuse(session, "PROXY: the source address is ::");
		return;
	}
	strlcpy(proxy, session->client_text, sizeof(proxy));
	if (!header->is_local)
		session_rename(session, &header->source, header->source_port);
	if (header->over_tls && !secure_by_proxy(session, header)) {
		session_end(session, "out of memory");
		return;
	}
	free(session->introduction);
	session->introduction = NULL;
	session_introduced(session, proxy);
}

void introduction_continue(struct session *session)
{
	struct introduction *introduction = session->introduction;
	size_t before = introduction->used;
	ssize_t seen = recv(session->socket, introduction->bytes + before,
			    sizeof(introduction->bytes) - before, MSG_PEEK);
	struct proxy_header header;
	struct problem problem;
	enum proxy_result result;

	if (seen < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (seen <= 0) {
		session_end(session, seen == 0 ? "client closed" : strerror(errno));
		return;
	}
	result = proxy_parse(introduction->bytes, before + (size_t)seen, &header, &problem);
	if (result == PROXY_MALFORMED)
		refuse(session, problem.text);
	else if (!consume(session,
			  result == PROXY_COMPLETE ? header.length - before : (size_t)seen))
		session_end(session, "the PROXY header could not be read");
	else if (result == PROXY_COMPLETE)
		finish(session, &header);
}
