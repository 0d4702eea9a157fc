/*
 * extension.c - the extensions that EHLO and LHLO announce
 *
 * Runs in: postern-worker, tests, fuzzers; every program that reads the
 * configuration.  Privilege: none needed.
 * Distrusts: nothing.
 */
#include "common/smtp/extension.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/smtp/session.h"

#define VALUE_SIZE 128

/* ---- when they are offered ---- */

static bool always(const struct smtp_server *server)
{
	(void)server;
	return true;
}

static bool before_tls(const struct smtp_server *server)
{
	return server->settings->tls != SMTP_TLS_NONE && !server->secured;
}

/* RFC 8689 2: only a session under TLS can keep the promise. */
static bool under_tls(const struct smtp_server *server)
{
	return server->secured;
}

/* LMTP has a reply for each recipient anyway. */
static bool without_lmtp(const struct smtp_server *server)
{
	return !server->settings->lmtp;
}

/* RFC 3030 3: only where chunks are taken. */
static bool with_chunking(const struct smtp_server *server)
{
	return smtp_extension_is_offered(server, "CHUNKING");
}

static bool may_xclient(const struct smtp_server *server)
{
	return server->privileges & SMTP_MAY_XCLIENT;
}

static bool may_xforward(const struct smtp_server *server)
{
	return server->privileges & SMTP_MAY_XFORWARD;
}

/* ---- what stands behind them ---- */

static void write_size(const struct smtp_server *server, char value[VALUE_SIZE])
{
	snprintf(value, VALUE_SIZE, "%" PRIu64, server->settings->message_size);
}

/* RFC 9422 4 */
static void write_limits(const struct smtp_server *server, char value[VALUE_SIZE])
{
	snprintf(value, VALUE_SIZE, "RCPTMAX=%u", server->settings->recipients);
}

static void write_xclient(const struct smtp_server *server, char value[VALUE_SIZE])
{
	(void)server;
	snprintf(value, VALUE_SIZE, "%s", smtp_xclient_keywords(SMTP_XCLIENT));
}

static void write_xforward(const struct smtp_server *server, char value[VALUE_SIZE])
{
	(void)server;
	snprintf(value, VALUE_SIZE, "%s", smtp_xclient_keywords(SMTP_XFORWARD));
}

static const struct extension {
	const char *keyword;
	bool (*is_offered)(const struct smtp_server *server);
	const char *verb; /* the command it needs, or NULL */
	void (*write)(const struct smtp_server *server, char value[VALUE_SIZE]);
} extensions[] = {
	{ "PIPELINING", always, NULL, NULL },	       /* RFC 2920 */
	{ "SIZE", always, NULL, write_size },	       /* RFC 1870 */
	{ "STARTTLS", before_tls, "STARTTLS", NULL },  /* RFC 3207 */
	{ "8BITMIME", always, NULL, NULL },	       /* RFC 6152 */
	{ "ENHANCEDSTATUSCODES", always, NULL, NULL }, /* RFC 2034 */
	{ "SMTPUTF8", always, NULL, NULL },	       /* RFC 6531 */
	{ "CHUNKING", always, "BDAT", NULL },	       /* RFC 3030 */
	{ "BINARYMIME", with_chunking, NULL, NULL },   /* RFC 3030 */
	{ "DSN", always, NULL, NULL },		       /* RFC 3461 */
	{ "REQUIRETLS", under_tls, NULL, NULL },       /* RFC 8689 */
	{ "PRDR", without_lmtp, NULL, NULL },	       /* draft-hall-prdr-00 */
	{ "LIMITS", always, NULL, write_limits },      /* RFC 9422 */
	{ "XCLIENT", may_xclient, "XCLIENT", write_xclient },
	{ "XFORWARD", may_xforward, "XFORWARD", write_xforward },
	{ "HELP", always, "HELP", NULL }, /* RFC 5321 4.1.1.1 */
};

#define EXTENSION_COUNT (sizeof(extensions) / sizeof(extensions[0]))

_Static_assert(EXTENSION_COUNT <= 32, "a bit of smtp_settings.hidden for each");

uint32_t smtp_extension_bit(const char *keyword)
{
	for (size_t i = 0; i < EXTENSION_COUNT; i++)
		if (strcmp(extensions[i].keyword, keyword) == 0)
			return UINT32_C(1) << i;
	return 0;
}

static bool is_disabled(const struct smtp_server *server, const char *verb)
{
	struct smtp_text text = { verb, strlen(verb) };

	return smtp_command_bit(smtp_command_find(text)) & server->settings->disabled;
}

static bool is_offered(const struct smtp_server *server, const struct extension *extension)
{
	uint32_t bit = UINT32_C(1) << (extension - extensions);

	if (server->settings->hidden & bit || !extension->is_offered(server))
		return false;
	if (extension->verb && is_disabled(server, extension->verb))
		return false;
	return !server->settings->little_before_tls || !before_tls(server) ||
	       extension->is_offered == before_tls;
}

bool smtp_extension_is_offered(const struct smtp_server *server, const char *keyword)
{
	for (size_t i = 0; i < EXTENSION_COUNT; i++)
		if (strcmp(extensions[i].keyword, keyword) == 0)
			return is_offered(server, &extensions[i]);
	return false;
}

static void write_line(const struct smtp_server *server, const struct extension *extension,
		       char *line, size_t size)
{
	char value[VALUE_SIZE];

	if (!extension->write) {
		snprintf(line, size, "%s", extension->keyword);
		return;
	}
	extension->write(server, value);
	snprintf(line, size, "%s %s", extension->keyword, value);
}

void smtp_extensions_say(struct smtp_server *server)
{
	const struct smtp_settings *settings = server->settings;
	char line[SMTP_REPLY_SIZE];

	/* A line is said when the next one is known: the last one has no "-". */
	snprintf(line, sizeof(line), "%s%s%s", settings->hostname, *settings->helo ? " " : "",
		 settings->helo);
	for (size_t i = 0; i < EXTENSION_COUNT; i++) {
		if (!is_offered(server, &extensions[i]))
			continue;
		smtp_say_line(server, SMTP_REPLY_HELO, line, true);
		write_line(server, &extensions[i], line, sizeof(line));
	}
	smtp_say_line(server, SMTP_REPLY_HELO, line, false);
}
