/*
 * listener.c - a listening socket, and what its `listen` section says
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: nothing; the master has checked the configuration.
 */
#include "worker/listener.h"

#include <string.h>

#include "common/fail/fail.h"
#include "common/smtp/command.h"
#include "common/smtp/extension.h"

static const struct listen_configuration *find_section(const struct configuration *configuration,
						       const char *title)
{
	for (size_t i = 0; i < configuration->listen_count; i++)
		if (strcmp(configuration->listens[i].title, title) == 0)
			return &configuration->listens[i];
	impossible("a socket of a `listen` section that is not there");
}

static uint32_t hidden_bits(const struct text_list *keywords)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < keywords->count; i++)
		bits |= smtp_extension_bit(keywords->items[i]);
	return bits;
}

static uint64_t disabled_bits(const struct text_list *verbs)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < verbs->count; i++) {
		struct smtp_text verb = { verbs->items[i], strlen(verbs->items[i]) };
		const struct smtp_command *row = smtp_command_find(verb);

		require(row);
		bits |= smtp_command_bit(row);
	}
	return bits;
}

/* STARTTLS: not without a certificate, and not where TLS begins at once. */
static enum smtp_tls starttls_of(const struct worker *worker,
				 const struct listen_configuration *section)
{
	static const enum smtp_tls kinds[] = {
		[LISTEN_TLS_OFF] = SMTP_TLS_NONE,
		[LISTEN_TLS_OPTIONAL] = SMTP_TLS_OPTIONAL,
		[LISTEN_TLS_REQUIRED] = SMTP_TLS_REQUIRED,
		[LISTEN_TLS_IMPLICIT] = SMTP_TLS_NONE,
	};

	return worker->tls ? kinds[section->tls] : SMTP_TLS_NONE;
}

static void fill_texts(const struct configuration *from, struct smtp_settings *to)
{
	to->hostname = from->hostname;
	to->greeting = from->smtp.greeting;
	to->helo = from->smtp.helo;
	to->closing = from->smtp.closing;
	to->help = from->smtp.help;
	to->product = from->smtp.version ? "postern " POSTERN_VERSION : "";
}

static void fill_limits(const struct configuration *from, struct smtp_settings *to)
{
	to->command_line = (size_t)from->limits.command_line;
	to->data_line = (size_t)from->limits.data_line;
	to->message_size = (uint64_t)from->limits.message_size;
	to->recipients = (unsigned)from->limits.recipients;
	to->errors = (unsigned)from->limits.errors;
	to->unknown_commands = (unsigned)from->limits.unknown_commands;
	to->idle_commands = (unsigned)from->limits.idle_commands;
	to->received_fields = (unsigned)from->limits.received_fields;
}

static void fill_behaviour(struct listener *listener, struct smtp_settings *to)
{
	const struct configuration *all = listener->worker->configuration;
	const struct listen_configuration *from = listener->configuration;

	to->lmtp = from->protocol == LISTEN_PROTOCOL_LMTP;
	to->strict_addresses = all->smtp.address_syntax == ADDRESS_SYNTAX_STRICT;
	to->helo_argument_optional = all->smtp.helo_argument == HELO_ARGUMENT_OPTIONAL;
	to->refuse_pipelining = from->pipelining == IMPATIENCE_REFUSE;
	to->little_before_tls = from->ehlo_before_tls == EHLO_BEFORE_TLS_MINIMAL;
	to->tls = starttls_of(listener->worker, from);
	to->line_endings = from->line_endings == LINE_ENDINGS_NORMALISE ? SMTP_LINES_NORMALISE
									: SMTP_LINES_STRICT;
	to->hidden = hidden_bits(&from->hide);
	to->disabled = disabled_bits(&from->disable);
}

static void read_trusted(const struct text_list *texts, struct trusted *trusted)
{
	struct problem problem;

	if (!networks_parse(texts, &trusted->networks, &problem))
		impossible(problem.text);
	trusted->count = texts->count;
}

bool is_trusted(const struct trusted *trusted, const struct in6_addr *address)
{
	return networks_contain(trusted->networks, trusted->count, address);
}

struct listener *listener_new(struct worker *worker, int socket, const char *title)
{
	struct listener *listener = must_allocate(1, sizeof(*listener));

	listener->worker = worker;
	listener->socket = socket;
	listener->configuration = find_section(worker->configuration, title);
	fill_texts(worker->configuration, &listener->settings);
	fill_limits(worker->configuration, &listener->settings);
	fill_behaviour(listener, &listener->settings);
	read_trusted(&listener->configuration->proxy, &listener->proxy);
	read_trusted(&listener->configuration->xclient, &listener->xclient);
	read_trusted(&listener->configuration->xforward, &listener->xforward);
	read_trusted(&listener->configuration->ignore_log, &listener->ignore_log);
	return listener;
}
