/*
 * peer.c - XCLIENT and XFORWARD: a client that speaks for another one
 *
 * Runs in: postern-worker.  Privilege: none.
 * Trusts: who asks, since it is in a network that the configuration names.
 */
#include "worker/peer.h"

#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "worker/session.h"

/* Which attribute goes under which key of the log. */
struct logged {
	enum smtp_xclient_attribute attribute;
	const char *key;
};

static void log_attributes(struct log_line *line, const struct smtp_xclient *attributes,
			   const struct logged *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (attributes->attributes[rows[i].attribute].state == SMTP_XCLIENT_GIVEN)
			log_text(line, rows[i].key, attributes->attributes[rows[i].attribute].text);
}

static bool is_given(const struct smtp_xclient *attributes, enum smtp_xclient_attribute attribute)
{
	return attributes->attributes[attribute].state == SMTP_XCLIENT_GIVEN;
}

static void log_xclient(const struct session *session, const struct smtp_xclient *attributes,
			const char *former)
{
	static const struct logged rows[] = {
		{ SMTP_XCLIENT_NAME, "name" },
		{ SMTP_XCLIENT_HELO, "helo" },
		{ SMTP_XCLIENT_PROTO, "protocol" },
		{ SMTP_XCLIENT_LOGIN, "login" },
	};
	struct log_line line;

	session_log(session, &line, EVENT_XCLIENT);
	log_number(&line, "port", session->port);
	log_attributes(&line, attributes, rows, sizeof(rows) / sizeof(rows[0]));
	log_text(&line, "former", former);
	log_end(&line);
}

/* What is said of HELO holds until the client says its own. */
static void set_helo(struct session *session, const struct smtp_xclient *attributes)
{
	free(session->helo);
	session->helo = is_given(attributes, SMTP_XCLIENT_HELO)
				? strdup(attributes->attributes[SMTP_XCLIENT_HELO].text)
				: NULL;
}

void peer_xclient(void *context, const struct smtp_xclient *attributes)
{
	struct session *session = context;
	char former[INET6_ADDRSTRLEN];

	strlcpy(former, session->client_text, sizeof(former));
	if (is_given(attributes, SMTP_XCLIENT_ADDR))
		session_rename(session, &attributes->address, attributes->port);
	set_helo(session, attributes);
	log_xclient(session, attributes, former);
	if (session_admit(session))
		smtp_server_answer(session->engine, SMTP_REPLY_GREETING, NULL);
}

void peer_xforward(void *context, const struct smtp_xclient *attributes)
{
	static const struct logged rows[] = {
		{ SMTP_XCLIENT_ADDR, "origin" },    { SMTP_XCLIENT_PORT, "port" },
		{ SMTP_XCLIENT_NAME, "name" },	    { SMTP_XCLIENT_HELO, "helo" },
		{ SMTP_XCLIENT_PROTO, "protocol" }, { SMTP_XCLIENT_IDENT, "ident" },
		{ SMTP_XCLIENT_SOURCE, "source" },
	};
	struct session *session = context;
	struct log_line line;

	session_log(session, &line, EVENT_XFORWARD);
	log_attributes(&line, attributes, rows, sizeof(rows) / sizeof(rows[0]));
	log_end(&line);
	smtp_server_answer(session->engine, SMTP_REPLY_OK, NULL);
}
