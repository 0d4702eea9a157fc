/*
 * handler.c - what each command does
 *
 * Runs in: postern-worker, tests, fuzzers.  Privilege: none needed.
 * Distrusts: nothing: arguments are parsed by now.  Trusts: grammar.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/smtp/session.h"

/* What EHLO offers: a keyword, and the setting behind it where it has one. */
static const struct extension {
	const char *keyword;
	size_t setting; /* offset of a uint64_t in struct smtp_settings; 0: none */
} extensions[] = {
	{ "PIPELINING", 0 },					  /* RFC 2920 */
	{ "SIZE", offsetof(struct smtp_settings, message_size) }, /* RFC 1870 */
	{ "8BITMIME", 0 },					  /* RFC 6152 */
	{ "ENHANCEDSTATUSCODES", 0 },				  /* RFC 2034 */
	{ "SMTPUTF8", 0 },					  /* RFC 6531 */
	{ "HELP", 0 },						  /* RFC 5321 4.1.1.1 */
};

#define EXTENSION_COUNT (sizeof(extensions) / sizeof(extensions[0]))

static void greeted(struct smtp_server *server, const struct smtp_argument *argument, bool extended)
{
	smtp_end_transaction(server);
	smtp_enter(server, SMTP_GREETED);
	server->extended = extended;
	if (server->policy->greeted)
		server->policy->greeted(server->context, argument->text, extended);
}

void smtp_on_helo(struct smtp_server *server, const struct smtp_argument *argument)
{
	greeted(server, argument, false);
	smtp_say(server, SMTP_REPLY_HELO, server->settings->hostname);
}

static void say_extension(struct smtp_server *server, const struct extension *extension, bool more)
{
	const char *base = (const char *)server->settings;
	char text[64];
	uint64_t value;

	if (!extension->setting) {
		smtp_say_line(server, SMTP_REPLY_HELO, extension->keyword, more);
		return;
	}
	memcpy(&value, base + extension->setting, sizeof(value));
	snprintf(text, sizeof(text), "%s %" PRIu64, extension->keyword, value);
	smtp_say_line(server, SMTP_REPLY_HELO, text, more);
}

void smtp_on_ehlo(struct smtp_server *server, const struct smtp_argument *argument)
{
	greeted(server, argument, true);
	smtp_say_line(server, SMTP_REPLY_HELO, server->settings->hostname, true);
	for (size_t i = 0; i < EXTENSION_COUNT; i++)
		say_extension(server, &extensions[i], i + 1 < EXTENSION_COUNT);
}

static bool refuse(struct smtp_server *server, enum smtp_reply reply, const char *argument)
{
	smtp_fault(server, reply, argument);
	return false;
}

static bool sender_is_acceptable(struct smtp_server *server, const struct smtp_argument *argument)
{
	const struct smtp_parameters *parameters = &argument->parameters;
	uint64_t limit = server->settings->message_size;
	char digits[24];

	if (argument->path.has_8bit && !(parameters->present & SMTP_HAS_SMTPUTF8))
		return refuse(server, SMTP_REPLY_NEEDS_SMTPUTF8, NULL);
	if (server->settings->strict_addresses && !argument->path.is_null &&
	    argument->path.domain.length == 0)
		return refuse(server, SMTP_REPLY_BAD_SENDER, "it has no domain");
	if (!limit || parameters->size <= limit)
		return true;
	snprintf(digits, sizeof(digits), "%" PRIu64, limit); /* RFC 1870 6.1 */
	smtp_say_limit(server, SMTP_REPLY_TOO_BIG, digits, "message-size", limit);
	return false;
}

void smtp_on_mail(struct smtp_server *server, const struct smtp_argument *argument)
{
	if (!sender_is_acceptable(server, argument))
		return;
	server->utf8 = argument->parameters.present & SMTP_HAS_SMTPUTF8;
	server->question = QUESTION_MAIL;
	server->policy->mail(server->context, &argument->path, &argument->parameters);
}

void smtp_on_rcpt(struct smtp_server *server, const struct smtp_argument *argument)
{
	unsigned limit = server->settings->recipients;

	if (argument->path.has_8bit && !server->utf8) {
		smtp_fault(server, SMTP_REPLY_NEEDS_SMTPUTF8, NULL);
		return;
	}
	if (server->recipients >= limit) { /* RFC 5321 4.5.3.1.10 */
		smtp_say_limit(server, SMTP_REPLY_TOO_MANY_RECIPIENTS, NULL, "recipients", limit);
		return;
	}
	server->question = QUESTION_RCPT;
	server->policy->rcpt(server->context, &argument->path, &argument->parameters);
}

void smtp_on_data(struct smtp_server *server, const struct smtp_argument *argument)
{
	(void)argument;
	server->question = QUESTION_DATA;
	server->policy->data(server->context);
}

void smtp_on_rset(struct smtp_server *server, const struct smtp_argument *argument)
{
	(void)argument;
	smtp_end_transaction(server);
	smtp_say(server, SMTP_REPLY_OK, NULL);
}

void smtp_on_noop(struct smtp_server *server, const struct smtp_argument *argument)
{
	(void)argument;
	smtp_say(server, SMTP_REPLY_OK, NULL);
}

void smtp_on_quit(struct smtp_server *server, const struct smtp_argument *argument)
{
	(void)argument;
	smtp_end_transaction(server);
	smtp_say(server, SMTP_REPLY_CLOSING, NULL);
	smtp_enter(server, SMTP_CLOSED);
}

/* RFC 5321 3.5.3, 7.3: 252 tells a harvester nothing. */
void smtp_on_vrfy(struct smtp_server *server, const struct smtp_argument *argument)
{
	(void)argument;
	smtp_say(server, SMTP_REPLY_CANNOT_VERIFY, NULL);
}

void smtp_on_help(struct smtp_server *server, const struct smtp_argument *argument)
{
	char text[SMTP_REPLY_SIZE] = "Commands:";
	size_t used = strlen(text);

	(void)argument;
	for (const struct smtp_command *row = smtp_commands; row->verb; row++)
		if (row->flags & SMTP_IN_HELP)
			used += (size_t)snprintf(text + used, sizeof(text) - used, " %s",
						 row->verb);
	smtp_say(server, SMTP_REPLY_HELP, text);
}

void smtp_on_unserved(struct smtp_server *server, const struct smtp_argument *argument)
{
	(void)argument;
	smtp_fault(server, SMTP_REPLY_NOT_IMPLEMENTED, NULL);
}
