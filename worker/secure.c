/*
 * secure.c - TLS: STARTTLS, the handshake, and what the log says of it
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: the client.  Until the handshake is done nothing it sends is read by
 * anything but OpenSSL.
 */
#include "worker/secure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <bsd/string.h>
#include <event2/buffer.h>
#include <openssl/err.h>

#include "common/proxy/proxy.h"
#include "common/tls/context.h"
#include "common/tls/description.h"
#include "common/tls/library.h"

/* ---- the log ---- */

void secure_log(struct session *session, const char *otherwise)
{
	static const char left[] = "the client left";
	struct log_line line;
	char reason[256];

	tls_error_text(reason, sizeof(reason));
	if (session->tls_failed)
		return;
	session->tls_failed = true;
	session_log(session, &line, EVENT_TLS_FAILED);
	log_text(&line, "listener", session->listener->configuration->title);
	log_text(&line, "reason", *reason ? reason : otherwise ? otherwise : left);
	log_end(&line);
}

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

static void log_secured(const struct session *session, const struct tls_description *description)
{
	struct log_line line;

	session_log(session, &line, EVENT_TLS);
	log_text(&line, "version", description->version);
	log_text(&line, "cipher", description->cipher);
	log_text(&line, "group", or_null(description->group));
	log_text(&line, "sni", or_null(description->server_name));
	log_text(&line, "subject", or_null(description->client));
	if (*description->client)
		log_text(&line, "verified", description->verified);
	if (description->resumed)
		log_number(&line, "resumed", 1);
	log_end(&line);
}

/* ---- the handshake ---- */

bool secure_prepare(struct session *session)
{
	session->prepared = tls_contexts_session(session->worker->tls, session->socket);
	return session->prepared;
}

void secure_begin(struct session *session)
{
	session->tls = session->prepared;
	session->prepared = NULL;
	session_enter(session, PHASE_HANDSHAKE);
}

static bool describe(struct session *session)
{
	struct tls_description description;
	struct session_tls *secured = allocate(1, sizeof(*secured));

	if (!secured)
		return false;
	tls_describe(session->tls, &description);
	strlcpy(secured->version, description.version, sizeof(secured->version));
	strlcpy(secured->cipher, description.cipher, sizeof(secured->cipher));
	strlcpy(secured->name, description.server_name, sizeof(secured->name));
	session->secured = secured;
	log_secured(session, &description);
	return true;
}

/* RFC 3207 4.2: what was said before is forgotten; what the proxy or XCLIENT said is not. */
static void finish(struct session *session)
{
	bool was_implicit = session->listener->configuration->tls == LISTEN_TLS_IMPLICIT;

	if (!describe(session)) {
		session_end(session, "out of memory");
		return;
	}
	free(session->helo);
	session->helo = NULL;
	smtp_server_secured(session->engine);
	if (was_implicit) {
		session_ready(session);
		return;
	}
	session_enter(session, PHASE_DIALOGUE);
	session_settle(session);
}

static void fail(struct session *session, int system_error)
{
	secure_log(session, system_error ? strerror(system_error) : NULL);
	session_end(session, "handshake failed");
}

void secure_continue(struct session *session)
{
	int result, error;

	ERR_clear_error();
	errno = 0;
	result = SSL_do_handshake(session->tls);
	error = errno;
	if (result == 1) {
		finish(session);
		return;
	}
	switch (SSL_get_error(session->tls, result)) {
	case SSL_ERROR_WANT_READ:
		event_add(&session->readable, NULL);
		return;
	case SSL_ERROR_WANT_WRITE:
		/* What the client sends meanwhile is not read, and would wake us all the while. */
		event_del(&session->readable);
		event_add(&session->writable, NULL);
		return;
	default:
		fail(session, error);
	}
}

void secure_is_late(struct session *session)
{
	ERR_clear_error(); /* whatever it holds is of another session */
	secure_log(session, "the handshake took too long");
	session_end(session, "timeout: timeouts.handshake");
}

/* ---- STARTTLS ---- */

/*
 * What came behind STARTTLS before its reply was sent in the clear, and must not
 * be taken for something that was said under TLS (RFC 3207 4.2, 6).
 */
static bool came_something_behind(const struct session *session)
{
	char byte;

	return (session->pending && evbuffer_get_length(session->pending) > 0) ||
	       recv(session->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void secure_answer(struct session *session)
{
	session->asks_tls = false;
	if (came_something_behind(session))
		smtp_server_close(session->engine, SMTP_REPLY_BEHIND_STARTTLS, NULL, NULL, 0);
	else if (secure_prepare(session))
		smtp_server_answer(session->engine, SMTP_REPLY_TLS_READY, NULL);
	else /* RFC 3207 4 */
		smtp_server_answer(session->engine, SMTP_REPLY_NO_TLS, NULL);
}

/* ---- the proxy in front ---- */

static void copy(struct smtp_text text, char *place, size_t size)
{
	size_t length = text.length < size - 1 ? text.length : size - 1;

	memcpy(place, text.bytes, length);
	place[length] = '\0';
}

/* A certificate's name counts only where the proxy has verified it. */
static void log_proxied(const struct session *session, const struct proxy_header *header)
{
	const struct session_tls *secured = session->secured;
	struct log_line line;

	session_log(session, &line, EVENT_TLS);
	log_text(&line, "version", secured->version);
	log_text(&line, "cipher", or_null(secured->cipher));
	log_text(&line, "sni", or_null(secured->name));
	if (header->client_verified) {
		log_bytes(&line, "subject", header->common_name.bytes, header->common_name.length);
		log_text(&line, "verified", "proxy");
	}
	log_end(&line);
}

bool secure_by_proxy(struct session *session, const struct proxy_header *header)
{
	static const struct smtp_text unnamed = { "TLS", 3 };
	struct session_tls *secured = allocate(1, sizeof(*secured));

	if (!secured)
		return false;
	copy(header->tls_version.length ? header->tls_version : unnamed, secured->version,
	     sizeof(secured->version));
	copy(header->tls_cipher, secured->cipher, sizeof(secured->cipher));
	copy(header->authority, secured->name, sizeof(secured->name));
	session->secured = secured;
	log_proxied(session, header);
	smtp_server_secured(session->engine);
	return true;
}
