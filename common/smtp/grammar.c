/*
 * grammar.c - arguments of commands: from text to struct smtp_argument
 *
 * Runs in: postern-worker, tests, fuzzers.  Privilege: none needed.
 * Distrusts: every byte of the client.
 */
#include <string.h>

#include "common/smtp/session.h"

static struct smtp_text text_from(struct smtp_text text, size_t start)
{
	return (struct smtp_text){ text.bytes + start, text.length - start };
}

/* A text as a C string for a reply, cut to fit. */
static const char *shown(struct smtp_text text, char *place, size_t size)
{
	size_t length = text.length < size - 1 ? text.length : size - 1;

	memcpy(place, text.bytes, length);
	place[length] = '\0';
	return place;
}

/* Answers a fault; the parsers return what it returns. */
static bool fault(struct smtp_server *server, enum smtp_reply reply, const char *argument)
{
	smtp_fault(server, reply, argument);
	return false;
}

static bool parse_no_argument(struct smtp_server *server, const struct smtp_command *row,
			      struct smtp_text text, struct smtp_argument *argument)
{
	(void)argument;
	return text.length == 0 || fault(server, SMTP_REPLY_SYNTAX, row->syntax);
}

static bool parse_any(struct smtp_server *server, const struct smtp_command *row,
		      struct smtp_text text, struct smtp_argument *argument)
{
	(void)server;
	(void)row;
	argument->text = text;
	return true;
}

/* RFC 6531 3.7.4.2: the parameter SMTPUTF8 may stand behind the string. */
static bool parse_string(struct smtp_server *server, const struct smtp_command *row,
			 struct smtp_text text, struct smtp_argument *argument)
{
	const char *space = text.length ? memrchr(text.bytes, ' ', text.length) : NULL;
	struct smtp_text culprit, last;

	if (space) {
		last = text_from(text, (size_t)(space - text.bytes));
		/* What is no parameter is a part of a name that has spaces in it. */
		if (smtp_parameters_parse(last, SMTP_FOR_VRFY, &argument->parameters, &culprit) ==
		    SMTP_PARAMETER_FINE)
			text.length -= last.length;
		else
			argument->parameters = (struct smtp_parameters){ 0 };
	}
	if (argument->parameters.present & SMTP_HAS_SMTPUTF8 && !smtp_text_is_utf8(text))
		return fault(server, SMTP_REPLY_SYNTAX, row->syntax);
	argument->text = text;
	return text.length > 0 || fault(server, SMTP_REPLY_SYNTAX, row->syntax);
}

static bool parse_name(struct smtp_server *server, const struct smtp_command *row,
		       struct smtp_text text, struct smtp_argument *argument)
{
	argument->text = text;
	if (text.length == 0)
		return server->settings->helo_argument_optional ||
		       fault(server, SMTP_REPLY_SYNTAX, row->syntax);
	return smtp_helo_is_acceptable(text) || fault(server, SMTP_REPLY_BAD_HELO, NULL);
}

static const char *const path_faults[] = {
	[SMTP_PATH_NO_BRACKETS] = "it stands between < and >",
	[SMTP_PATH_BAD_LOCAL] = "the part before the @",
	[SMTP_PATH_BAD_DOMAIN] = "the part behind the @",
	[SMTP_PATH_TOO_LONG] = "too long",
	[SMTP_PATH_NOT_UTF8] = "not UTF-8",
	[SMTP_PATH_EMPTY] = "empty",
};

static bool parse_parameters(struct smtp_server *server, struct smtp_text text,
			     enum smtp_parameter_command command, struct smtp_argument *argument)
{
	struct smtp_text culprit;
	char place[128];

	switch (smtp_parameters_parse(text, command, &argument->parameters, &culprit)) {
	case SMTP_PARAMETER_FINE:
		return true;
	case SMTP_PARAMETER_UNKNOWN:
		return fault(server, SMTP_REPLY_UNKNOWN_PARAMETER,
			     shown(culprit, place, sizeof(place)));
	default:
		return fault(server, SMTP_REPLY_BAD_PARAMETER,
			     shown(culprit, place, sizeof(place)));
	}
}

/* "FROM:" or "TO:", in any case; RFC 5321 4.1.1.2 allows no space behind it. */
static bool take_keyword(struct smtp_server *server, struct smtp_text *text, const char *keyword)
{
	size_t length = strlen(keyword);
	struct smtp_text head = { text->bytes, length };

	if (text->length < length || !smtp_text_is(head, keyword))
		return false;
	*text = text_from(*text, length);
	while (!server->settings->strict_addresses && text->length && text->bytes[0] == ' ')
		*text = text_from(*text, 1);
	return true;
}

/* MAIL and RCPT differ in these. */
struct path_command {
	const char *keyword;
	enum smtp_path_kind kind;
	enum smtp_parameter_command parameters;
	enum smtp_reply bad_address;
};

/* RFC 5321 4.1.1.2, 4.1.1.3: the path begins with < and directly behind the colon. */
static void note_tolerated(struct smtp_server *server, const char *keyword)
{
	if (server->argument.bytes[strlen(keyword)] != '<' && server->policy->tolerated)
		server->policy->tolerated(server->context, server->verb, server->argument);
}

static bool parse_path(struct smtp_server *server, const struct smtp_command *row,
		       struct smtp_text text, struct smtp_argument *argument,
		       const struct path_command *command)
{
	bool lenient = !server->settings->strict_addresses;
	enum smtp_path_fault found;
	struct smtp_text rest;

	if (!take_keyword(server, &text, command->keyword))
		return fault(server, SMTP_REPLY_SYNTAX, row->syntax);
	found = smtp_path_parse(text, command->kind, lenient, &argument->path, &rest);
	if (found != SMTP_PATH_FINE)
		return fault(server, command->bad_address, path_faults[found]);
	note_tolerated(server, command->keyword);
	return parse_parameters(server, rest, command->parameters, argument);
}

static bool parse_from(struct smtp_server *server, const struct smtp_command *row,
		       struct smtp_text text, struct smtp_argument *argument)
{
	static const struct path_command command = {
		"FROM:",
		SMTP_REVERSE_PATH,
		SMTP_FOR_MAIL,
		SMTP_REPLY_BAD_SENDER,
	};

	return parse_path(server, row, text, argument, &command);
}

static bool parse_to(struct smtp_server *server, const struct smtp_command *row,
		     struct smtp_text text, struct smtp_argument *argument)
{
	static const struct path_command command = {
		"TO:",
		SMTP_FORWARD_PATH,
		SMTP_FOR_RCPT,
		SMTP_REPLY_BAD_RECIPIENT,
	};

	return parse_path(server, row, text, argument, &command);
}

typedef bool parse_argument(struct smtp_server *server, const struct smtp_command *row,
			    struct smtp_text text, struct smtp_argument *argument);

static parse_argument *const grammars[] = {
	[SMTP_NO_ARGUMENT] = parse_no_argument,
	[SMTP_ANY_ARGUMENT] = parse_any,
	[SMTP_NAME] = parse_name,
	[SMTP_FROM] = parse_from,
	[SMTP_TO] = parse_to,
	[SMTP_STRING] = parse_string,
	[SMTP_CHUNK_SIZE] = parse_any, /* smtp_chunk_announce has read it */
};

bool smtp_argument_parse(struct smtp_server *server, const struct smtp_command *row,
			 struct smtp_argument *argument)
{
	return grammars[row->grammar](server, row, server->argument, argument);
}
