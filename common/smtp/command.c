/*
 * command.c - the command table, and the way from a line to a handler
 *
 * Runs in: postern-worker, tests, fuzzers.  Privilege: none needed.
 * Distrusts: every byte of the client.
 */
#include "common/smtp/command.h"

#include <string.h>

#include "common/smtp/session.h"

#define ALWAYS (SMTP_CONNECTED | SMTP_GREETED | SMTP_MAIL | SMTP_RCPT)

/*
 * RFC 5321 4.1.4: which command is allowed when. EXPN, and what belongs to
 * extensions that are not offered, is known and not served; so are the verbs
 * of legend, which only probes still send, and which therefore count.
 */
const struct smtp_command smtp_commands[] = {
	{ "HELO", ALWAYS, SMTP_IN_HELP, SMTP_NAME, smtp_on_helo, "HELO host-name" },
	{ "EHLO", ALWAYS, SMTP_IN_HELP | SMTP_LAST_IN_GROUP, SMTP_NAME, smtp_on_ehlo,
	  "EHLO host-name" },
	{ "MAIL", SMTP_GREETED, SMTP_IN_HELP, SMTP_FROM, smtp_on_mail, "MAIL FROM:<address>" },
	{ "RCPT", SMTP_MAIL | SMTP_RCPT, SMTP_IN_HELP, SMTP_TO, smtp_on_rcpt, "RCPT TO:<address>" },
	{ "DATA", SMTP_RCPT, SMTP_IN_HELP | SMTP_LAST_IN_GROUP, SMTP_NO_ARGUMENT, smtp_on_data,
	  "DATA" },
	{ "RSET", ALWAYS, SMTP_IN_HELP, SMTP_NO_ARGUMENT, smtp_on_rset, "RSET" },
	{ "NOOP", ALWAYS, SMTP_IN_HELP | SMTP_LAST_IN_GROUP, SMTP_ANY_ARGUMENT, smtp_on_noop,
	  "NOOP" },
	{ "QUIT", ALWAYS, SMTP_IN_HELP | SMTP_LAST_IN_GROUP, SMTP_NO_ARGUMENT, smtp_on_quit,
	  "QUIT" },
	{ "VRFY", ALWAYS, SMTP_IN_HELP | SMTP_LAST_IN_GROUP, SMTP_STRING, smtp_on_vrfy,
	  "VRFY name" },
	{ "HELP", ALWAYS, SMTP_IN_HELP, SMTP_ANY_ARGUMENT, smtp_on_help, "HELP" },
	{ "EXPN", ALWAYS, SMTP_LAST_IN_GROUP, SMTP_ANY_ARGUMENT, smtp_on_unserved, "EXPN" },
	{ "AUTH", ALWAYS, SMTP_LAST_IN_GROUP, SMTP_ANY_ARGUMENT, smtp_on_unserved, "AUTH" },
	{ "STARTTLS", ALWAYS, SMTP_LAST_IN_GROUP, SMTP_ANY_ARGUMENT, smtp_on_unserved, "STARTTLS" },
	{ "BDAT", ALWAYS, 0, SMTP_ANY_ARGUMENT, smtp_on_unserved, "BDAT" },
	{ "ETRN", ALWAYS, 0, SMTP_ANY_ARGUMENT, smtp_on_unserved, "ETRN" },
	{ "TURN", ALWAYS, SMTP_COUNTS_UNKNOWN, SMTP_ANY_ARGUMENT, smtp_on_unserved, "TURN" },
	{ "SEND", ALWAYS, SMTP_COUNTS_UNKNOWN, SMTP_ANY_ARGUMENT, smtp_on_unserved, "SEND" },
	{ "SOML", ALWAYS, SMTP_COUNTS_UNKNOWN, SMTP_ANY_ARGUMENT, smtp_on_unserved, "SOML" },
	{ "SAML", ALWAYS, SMTP_COUNTS_UNKNOWN, SMTP_ANY_ARGUMENT, smtp_on_unserved, "SAML" },
	{ "DEBUG", ALWAYS, SMTP_COUNTS_UNKNOWN, SMTP_ANY_ARGUMENT, smtp_on_unserved, "DEBUG" },
	{ "WIZ", ALWAYS, SMTP_COUNTS_UNKNOWN, SMTP_ANY_ARGUMENT, smtp_on_unserved, "WIZ" },
	{ "SHELL", ALWAYS, SMTP_COUNTS_UNKNOWN, SMTP_ANY_ARGUMENT, smtp_on_unserved, "SHELL" },
	{ "KILL", ALWAYS, SMTP_COUNTS_UNKNOWN, SMTP_ANY_ARGUMENT, smtp_on_unserved, "KILL" },
	{ NULL, 0, 0, SMTP_NO_ARGUMENT, NULL, NULL },
};

/* Why a command came out of order, by the state it came in. */
static const struct {
	unsigned states;
	const char *cure;
} cures[] = {
	{ SMTP_CONNECTED, "HELO or EHLO comes first" },
	{ SMTP_GREETED, "MAIL comes first" },
	{ SMTP_MAIL, "a recipient must be accepted first, one MAIL at a time" },
	{ SMTP_RCPT, "one MAIL at a time" },
};

const struct smtp_command *smtp_command_find(struct smtp_text verb)
{
	for (const struct smtp_command *row = smtp_commands; row->verb; row++)
		if (smtp_text_is(verb, row->verb))
			return row;
	return NULL;
}

static void out_of_sequence(struct smtp_server *server)
{
	for (size_t i = 0; i < sizeof(cures) / sizeof(cures[0]); i++)
		if (cures[i].states & server->state)
			smtp_fault(server, SMTP_REPLY_BAD_SEQUENCE, cures[i].cure);
}

static void unknown_command(struct smtp_server *server)
{
	smtp_fault(server, SMTP_REPLY_UNKNOWN_COMMAND, NULL);
	smtp_count_unknown(server);
}

/* Splits at the first space; spaces at the end of the line are dropped (RFC 5321 4.1.1). */
static void split(struct smtp_server *server, struct smtp_text line)
{
	const char *space;

	while (line.length && line.bytes[line.length - 1] == ' ')
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

void smtp_command_line(struct smtp_server *server, struct smtp_text line)
{
	struct smtp_argument argument = { 0 };
	const struct smtp_command *row;

	if (server->policy->command)
		server->policy->command(server->context, line);
	split(server, line);
	row = smtp_command_find(server->verb);
	if (!row)
		unknown_command(server);
	else if (!(row->states & server->state))
		out_of_sequence(server);
	else if (smtp_argument_parse(server, row, &argument))
		row->handler(server, &argument);
	if (row && row->flags & SMTP_COUNTS_UNKNOWN)
		smtp_count_unknown(server);
}
