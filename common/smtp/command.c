/*
 * command.c - the command table, and the way from a line to a handler
 *
 * Runs in: postern-worker, tests, fuzzers.  Privilege: none needed.
 * Distrusts: every byte of the client.
 */
#include "common/smtp/command.h"

#include <string.h>

#include "common/fail/fail.h"
#include "common/smtp/body.h"
#include "common/smtp/extension.h"
#include "common/smtp/session.h"

#define ALWAYS (SMTP_CONNECTED | SMTP_GREETED | SMTP_MAIL | SMTP_RCPT | SMTP_CHUNKS)
#define GREETS (SMTP_IN_HELP | SMTP_LAST_IN_GROUP | SMTP_IDLE)

/* Known, not served; LEGEND: only probes still send it, and therefore it counts. */
#define UNSERVED(verb, flags)                                                  \
	{                                                                      \
		verb, ALWAYS, flags, SMTP_ANY_ARGUMENT, smtp_on_unserved, verb \
	}
#define LEGEND(verb) UNSERVED(verb, SMTP_COUNTS_UNKNOWN)
/* A verb of HTTP: who sends it is a browser that was lured here. */
#define FOREIGN(verb)                                                                   \
	{                                                                               \
		verb, ALWAYS, SMTP_BEFORE_TLS, SMTP_ANY_ARGUMENT, smtp_on_foreign, verb \
	}

/*
 * RFC 5321 4.1.4: which command is allowed when. BDAT is refused by its handler
 * where it comes out of order, since its octets must be read first in any case.
 */
const struct smtp_command smtp_commands[] = {
	{ "HELO", ALWAYS, GREETS | SMTP_NOT_LMTP, SMTP_NAME, smtp_on_helo, "HELO host-name" },
	{ "EHLO", ALWAYS, GREETS | SMTP_NOT_LMTP | SMTP_BEFORE_TLS, SMTP_NAME, smtp_on_ehlo,
	  "EHLO host-name" },
	{ "LHLO", ALWAYS, GREETS | SMTP_LMTP_ONLY | SMTP_BEFORE_TLS, SMTP_NAME, smtp_on_ehlo,
	  "LHLO host-name" },
	{ "STARTTLS", SMTP_GREETED,
	  SMTP_IN_HELP | SMTP_LAST_IN_GROUP | SMTP_BEFORE_TLS | SMTP_OPTIONAL, SMTP_NO_ARGUMENT,
	  smtp_on_starttls, "STARTTLS" },
	{ "MAIL", SMTP_GREETED, SMTP_IN_HELP, SMTP_FROM, smtp_on_mail, "MAIL FROM:<address>" },
	{ "RCPT", SMTP_MAIL | SMTP_RCPT, SMTP_IN_HELP, SMTP_TO, smtp_on_rcpt, "RCPT TO:<address>" },
	{ "DATA", SMTP_RCPT, SMTP_IN_HELP | SMTP_LAST_IN_GROUP, SMTP_NO_ARGUMENT, smtp_on_data,
	  "DATA" },
	{ "BDAT", SMTP_RCPT | SMTP_CHUNKS, SMTP_IN_HELP | SMTP_OPTIONAL, SMTP_CHUNK_SIZE,
	  smtp_on_bdat, "BDAT octets [LAST]" },
	{ "RSET", ALWAYS, SMTP_IN_HELP | SMTP_IDLE, SMTP_NO_ARGUMENT, smtp_on_rset, "RSET" },
	{ "NOOP", ALWAYS, SMTP_IN_HELP | SMTP_LAST_IN_GROUP | SMTP_IDLE | SMTP_BEFORE_TLS,
	  SMTP_ANY_ARGUMENT, smtp_on_noop, "NOOP" },
	{ "QUIT", ALWAYS, SMTP_IN_HELP | SMTP_LAST_IN_GROUP | SMTP_BEFORE_TLS, SMTP_NO_ARGUMENT,
	  smtp_on_quit, "QUIT" },
	{ "VRFY", ALWAYS, SMTP_IN_HELP | SMTP_LAST_IN_GROUP | SMTP_IDLE | SMTP_OPTIONAL,
	  SMTP_STRING, smtp_on_vrfy, "VRFY name" },
	{ "HELP", ALWAYS, SMTP_IN_HELP | SMTP_IDLE | SMTP_OPTIONAL, SMTP_ANY_ARGUMENT, smtp_on_help,
	  "HELP" },
	{ "XCLIENT", SMTP_CONNECTED | SMTP_GREETED, SMTP_LAST_IN_GROUP | SMTP_OPTIONAL,
	  SMTP_ANY_ARGUMENT, smtp_on_xclient, "XCLIENT name=value" },
	{ "XFORWARD", SMTP_GREETED, SMTP_OPTIONAL, SMTP_ANY_ARGUMENT, smtp_on_xforward,
	  "XFORWARD name=value" },
	UNSERVED("EXPN", SMTP_LAST_IN_GROUP | SMTP_OPTIONAL),
	UNSERVED("AUTH", SMTP_LAST_IN_GROUP | SMTP_OPTIONAL),
	UNSERVED("ETRN", SMTP_OPTIONAL),
	UNSERVED("TURN", SMTP_COUNTS_UNKNOWN | SMTP_LAST_IN_GROUP),
	LEGEND("SEND"),
	LEGEND("SOML"),
	LEGEND("SAML"),
	LEGEND("DEBUG"),
	LEGEND("WIZ"),
	LEGEND("SHELL"),
	LEGEND("KILL"),
	FOREIGN("GET"),
	FOREIGN("HEAD"),
	FOREIGN("POST"),
	FOREIGN("PUT"),
	FOREIGN("DELETE"),
	FOREIGN("OPTIONS"),
	FOREIGN("TRACE"),
	FOREIGN("PATCH"),
	FOREIGN("CONNECT"),
	FOREIGN("PRI"),
	{ NULL, 0, 0, SMTP_NO_ARGUMENT, NULL, NULL },
};

_Static_assert(sizeof(smtp_commands) / sizeof(smtp_commands[0]) <= 64,
	       "a bit of smtp_settings.disabled for each");

uint64_t smtp_command_bit(const struct smtp_command *row)
{
	return UINT64_C(1) << (row - smtp_commands);
}

/* Why a command came out of order, by the state it came in. */
static const struct {
	unsigned states;
	const char *cure;
} cures[] = {
	{ SMTP_CONNECTED, "a greeting comes first" },
	{ SMTP_GREETED, "MAIL comes first" },
	{ SMTP_MAIL, "a recipient must be accepted first, one MAIL at a time" },
	{ SMTP_RCPT, "one MAIL at a time" },
	{ SMTP_CHUNKS, "the rest of the message comes first, by BDAT" },
};

const struct smtp_command *smtp_command_find(struct smtp_text verb)
{
	for (const struct smtp_command *row = smtp_commands; row->verb; row++)
		if (smtp_text_is(verb, row->verb))
			return row;
	return NULL;
}

bool smtp_refuse_pipelining(struct smtp_server *server, unsigned flags)
{
	bool may_go_on = server->extended && !(flags & SMTP_LAST_IN_GROUP) &&
			 smtp_extension_is_offered(server, "PIPELINING");

	if (!server->settings->refuse_pipelining || !server->is_followed || may_go_on)
		return false;
	smtp_server_close(server, SMTP_REPLY_BAD_PIPELINING, NULL, NULL, 0);
	return true;
}

/* ---- why a known command is not carried out: each answers, and says that it has ---- */

typedef bool refusal(struct smtp_server *server, const struct smtp_command *row);

/* The octets of a chunk belong to their command. */
static bool came_too_early(struct smtp_server *server, const struct smtp_command *row)
{
	return server->chunk_left == 0 && smtp_refuse_pipelining(server, row->flags);
}

/* A chunk of no octets that is not the last one does nothing, either. */
static bool is_idle(const struct smtp_server *server, const struct smtp_command *row)
{
	bool is_chunk = row->grammar == SMTP_CHUNK_SIZE;

	return row->flags & SMTP_IDLE ||
	       (is_chunk && server->chunk_size == 0 && !server->chunk_is_last);
}

static bool is_one_idle_too_many(struct smtp_server *server, const struct smtp_command *row)
{
	unsigned limit = server->settings->idle_commands;

	if (!is_idle(server, row) || !limit || ++server->idle_commands <= limit)
		return false;
	smtp_server_close(server, SMTP_REPLY_TOO_MANY_IDLE, NULL, "idle-commands", limit);
	return true;
}

static bool refuse(struct smtp_server *server, const struct smtp_command *row,
		   enum smtp_reply reply, const char *argument)
{
	if (row->grammar == SMTP_CHUNK_SIZE)
		smtp_chunk_refuse(server, CHUNK_UNWANTED, reply, argument);
	else
		smtp_fault(server, reply, argument);
	return true;
}

static bool is_disabled(struct smtp_server *server, const struct smtp_command *row)
{
	if (!(server->settings->disabled & smtp_command_bit(row)))
		return false;
	return refuse(server, row, SMTP_REPLY_NOT_IMPLEMENTED, NULL);
}

static bool lacks_tls(struct smtp_server *server, const struct smtp_command *row)
{
	if (server->settings->tls != SMTP_TLS_REQUIRED || server->secured ||
	    row->flags & SMTP_BEFORE_TLS)
		return false;
	return refuse(server, row, SMTP_REPLY_NEEDS_TLS, NULL);
}

static bool is_out_of_sequence(struct smtp_server *server, const struct smtp_command *row)
{
	if (row->states & server->state)
		return false;
	for (size_t i = 0; i < sizeof(cures) / sizeof(cures[0]); i++)
		if (cures[i].states & server->state)
			return refuse(server, row, SMTP_REPLY_BAD_SEQUENCE, cures[i].cure);
	impossible("a command in a state that has none");
}

static refusal *const refusals[] = {
	came_too_early, is_one_idle_too_many, is_disabled, lacks_tls, is_out_of_sequence,
};

static bool is_refused(struct smtp_server *server, const struct smtp_command *row)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (refusals[i](server, row))
			return true;
	return false;
}

/* ---- a line ---- */

static void unknown_command(struct smtp_server *server)
{
	if (smtp_refuse_pipelining(server, 0))
		return;
	smtp_fault(server, SMTP_REPLY_UNKNOWN_COMMAND, NULL);
	smtp_count_unknown(server);
}

/* Splits at the first space; white space at the end of the line is dropped (RFC 5321 4.1.1). */
static void split(struct smtp_server *server, struct smtp_text line)
{
	const char *space;

	while (line.length &&
	       (line.bytes[line.length - 1] == ' ' || line.bytes[line.length - 1] == '\t'))
		line.length--;
	space = line.length ? memchr(line.bytes, ' ', line.length) : NULL;
	server->verb = line;
	server->argument = (struct smtp_text){ line.bytes + line.length, 0 };
	if (!space)
		return;
	server->verb.length = (size_t)(space - line.bytes);
	server->argument.bytes = space + 1;
	server->argument.length = line.length - server->verb.length - 1;
}

/* The row of the verb, where its protocol is the one that is spoken here. */
static const struct smtp_command *find_for(const struct smtp_server *server)
{
	const struct smtp_command *row = smtp_command_find(server->verb);
	unsigned foreign = server->settings->lmtp ? SMTP_NOT_LMTP : SMTP_LMTP_ONLY;

	return row && !(row->flags & foreign) ? row : NULL;
}

void smtp_command_line(struct smtp_server *server, struct smtp_text line)
{
	struct smtp_argument argument = { 0 };
	const struct smtp_command *row;

	if (server->policy->command)
		server->policy->command(server->context, line);
	split(server, line);
	row = find_for(server);
	server->chunks_failed &= row && row->grammar == SMTP_CHUNK_SIZE;
	if (row && row->grammar == SMTP_CHUNK_SIZE && !smtp_chunk_announce(server))
		return;
	if (!row)
		unknown_command(server);
	else if (!is_refused(server, row) && smtp_argument_parse(server, row, &argument))
		row->handler(server, &argument);
	if (row && row->flags & SMTP_COUNTS_UNKNOWN)
		smtp_count_unknown(server);
	smtp_close_if_due(server); /* RSET or EHLO may have ended the message it waits for */
}
