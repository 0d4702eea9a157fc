/*
 * handler.c - what each command does
 *
 * Runs in: postern-worker, tests, fuzzers.  Privilege: none needed.
 * Distrusts: nothing: arguments are parsed by now.  Trusts: grammar.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/smtp/extension.h"
#include "common/smtp/session.h"

static void greeted(struct smtp_server *server, const struct smtp_argument *argument, bool extended)
{
	smtp_end_transaction(server);
	smtp_enter(server, SMTP_GREETED);
	server->extended = extended;
	if (server->policy->greeted)
		server->policy->greeted(server->context, argument->text);
}

void smtp_on_helo(struct smtp_server *server, const struct smtp_argument *argument)
{
	const struct smtp_settings *settings = server->settings;
	char text[SMTP_REPLY_SIZE];

	greeted(server, argument, false);
	snprintf(text, sizeof(text), "%s%s%s", settings->hostname, *settings->helo ? " " : "",
		 settings->helo);
	smtp_say(server, SMTP_REPLY_HELO, text);
}

void smtp_on_ehlo(struct smtp_server *server, const struct smtp_argument *argument)
{
	greeted(server, argument, true);
	smtp_extensions_say(server);
}

void smtp_on_starttls(struct smtp_server *server, const struct smtp_argument *argument)
{
	(void)argument;
	if (server->secured) { /* RFC 3207 4.2 */
		smtp_fault(server, SMTP_REPLY_BAD_SEQUENCE, "the session is under TLS already");
		return;
	}
	if (server->settings->tls == SMTP_TLS_NONE) {
		smtp_fault(server, SMTP_REPLY_NOT_IMPLEMENTED, NULL);
		return;
	}
	server->question = QUESTION_TLS;
	server->policy->starttls(server->context);
}

/* Reads the attributes of XCLIENT and XFORWARD; false when that, or the client, is refused. */
static bool take_attributes(struct smtp_server *server, const struct smtp_argument *argument,
			    enum smtp_xclient_command command, unsigned privilege,
			    struct smtp_xclient *attributes)
{
	struct smtp_text culprit;
	char shown[64];

	if (!(server->privileges & privilege)) {
		smtp_fault(server, SMTP_REPLY_NOT_PERMITTED, NULL);
		return false;
	}
	if (smtp_xclient_parse(argument->text, command, attributes, &culprit) == SMTP_XCLIENT_FINE)
		return true;
	snprintf(shown, sizeof(shown), "%.*s", (int)culprit.length, culprit.bytes);
	smtp_fault(server, SMTP_REPLY_BAD_PARAMETER, shown);
	return false;
}

void smtp_on_xclient(struct smtp_server *server, const struct smtp_argument *argument)
{
	struct smtp_xclient attributes;

	if (!take_attributes(server, argument, SMTP_XCLIENT, SMTP_MAY_XCLIENT, &attributes))
		return;
	server->question = QUESTION_XCLIENT;
	server->policy->xclient(server->context, &attributes);
}

void smtp_on_xforward(struct smtp_server *server, const struct smtp_argument *argument)
{
	struct smtp_xclient attributes;

	if (!take_attributes(server, argument, SMTP_XFORWARD, SMTP_MAY_XFORWARD, &attributes))
		return;
	server->question = QUESTION_XFORWARD;
	server->policy->xforward(server->context, &attributes);
}

static bool refuse(struct smtp_server *server, enum smtp_reply reply, const char *argument)
{
	smtp_fault(server, reply, argument);
	return false;
}

/* RFC 8689 2. Where there is no TLS to ask for, RFC 5321 4.1.1.11 has 555. */
static bool refuse_without_tls(struct smtp_server *server)
{
	return server->settings->tls == SMTP_TLS_NONE
		       ? refuse(server, SMTP_REPLY_UNKNOWN_PARAMETER, "REQUIRETLS")
		       : refuse(server, SMTP_REPLY_NEEDS_TLS, NULL);
}

/* What a parameter promises must be kept; whether it was announced does not matter. */
static bool parameters_are_acceptable(struct smtp_server *server,
				      const struct smtp_parameters *parameters)
{
	static const struct smtp_text bdat = { "BDAT", 4 };
	uint64_t bit = smtp_command_bit(smtp_command_find(bdat));

	if (parameters->present & SMTP_HAS_REQUIRETLS && !server->secured)
		return refuse_without_tls(server);
	if (parameters->body == SMTP_BODY_BINARYMIME && server->settings->disabled & bit)
		return refuse(server, SMTP_REPLY_BAD_PARAMETER, "BODY=BINARYMIME without BDAT");
	return true;
}

static bool sender_is_acceptable(struct smtp_server *server, const struct smtp_argument *argument)
{
	const struct smtp_parameters *parameters = &argument->parameters;
	uint64_t limit = server->settings->message_size;
	char digits[24];

	if (!parameters_are_acceptable(server, parameters))
		return false;
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
	server->body = argument->parameters.body;
	server->utf8 = argument->parameters.present & SMTP_HAS_SMTPUTF8;
	server->each = argument->parameters.present & SMTP_HAS_PRDR;
	server->question = QUESTION_MAIL;
	server->policy->mail(server->context, &argument->path, &argument->parameters);
}

void smtp_on_rcpt(struct smtp_server *server, const struct smtp_argument *argument)
{
	unsigned limit = server->settings->recipients;

	if ((argument->path.has_8bit || smtp_text_has_8bit(argument->parameters.orcpt)) &&
	    !server->utf8) {
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
	if (server->body == SMTP_BODY_BINARYMIME) { /* RFC 3030 3 */
		smtp_fault(server, SMTP_REPLY_BAD_SEQUENCE, "BINARYMIME comes by BDAT");
		return;
	}
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
	smtp_say(server, SMTP_REPLY_CLOSING, server->settings->closing);
	smtp_enter(server, SMTP_CLOSED);
}

/* RFC 5321 3.5.3, 7.3: 252 tells a harvester nothing. */
void smtp_on_vrfy(struct smtp_server *server, const struct smtp_argument *argument)
{
	if (smtp_text_has_8bit(argument->text) &&
	    !(argument->parameters.present & SMTP_HAS_SMTPUTF8)) { /* RFC 6531 3.7.4.2 */
		smtp_fault(server, SMTP_REPLY_NEEDS_SMTPUTF8, NULL);
		return;
	}
	smtp_say(server, SMTP_REPLY_CANNOT_VERIFY, NULL);
}

static bool is_helpful(const struct smtp_server *server, const struct smtp_command *row)
{
	unsigned foreign = server->settings->lmtp ? SMTP_NOT_LMTP : SMTP_LMTP_ONLY;

	if (row->handler == smtp_on_starttls && server->settings->tls == SMTP_TLS_NONE)
		return false;
	return row->flags & SMTP_IN_HELP && !(row->flags & foreign) &&
	       !(server->settings->disabled & smtp_command_bit(row));
}

static void list_commands(const struct smtp_server *server, char *text, size_t size)
{
	const char *product = server->settings->product;
	size_t used = (size_t)snprintf(text, size, "%s%sCommands:", product, *product ? ": " : "");

	for (const struct smtp_command *row = smtp_commands; row->verb; row++)
		if (is_helpful(server, row) && used < size)
			used += (size_t)snprintf(text + used, size - used, " %s", row->verb);
}

void smtp_on_help(struct smtp_server *server, const struct smtp_argument *argument)
{
	char text[SMTP_REPLY_SIZE];

	(void)argument;
	list_commands(server, text, sizeof(text));
	smtp_say(server, SMTP_REPLY_HELP, *server->settings->help ? server->settings->help : text);
}

void smtp_on_unserved(struct smtp_server *server, const struct smtp_argument *argument)
{
	(void)argument;
	smtp_fault(server, SMTP_REPLY_NOT_IMPLEMENTED, NULL);
}

void smtp_on_foreign(struct smtp_server *server, const struct smtp_argument *argument)
{
	(void)argument;
	smtp_server_close(server, SMTP_REPLY_FOREIGN_PROTOCOL, NULL, NULL, 0);
}
