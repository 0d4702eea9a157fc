/*
 * check.c - what the options of a configuration must be to each other
 *
 * Runs in: every program; asking the resolver in postern's master only (a sealed
 * configuration has a hostname).  Privilege: none needed.
 * Distrusts: the configuration file and the resolver.
 */
#include "common/configuration/check.h"

#include <netdb.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bsd/string.h>

#include "common/configuration/text_list.h"
#include "common/tables/accept_all.h"
#include "common/tables/tables.h"

#define HOST_NAME_SIZE 256

/* The resolver's full name for a name without a dot; without an answer the name stays. */
static void qualify(char *name, size_t size)
{
	struct addrinfo hints = { .ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char normal[HOST_NAME_SIZE];

	if (strchr(name, '.') || getaddrinfo(name, NULL, &hints, &found) != 0)
		return;
	if (found->ai_canonname && domain_normalise(found->ai_canonname, normal, sizeof(normal)))
		strlcpy(name, normal, size);
	freeaddrinfo(found);
}

/* The name of this host as a domain; "localhost" where the host has none that could be one. */
static void find_host_name(char *name, size_t size)
{
	char own[HOST_NAME_SIZE] = "";

	if (gethostname(own, sizeof(own) - 1) < 0 || !domain_normalise(own, name, size))
		strlcpy(name, "localhost", size);
	qualify(name, size);
}

static bool complete_hostname(struct configuration *configuration)
{
	char name[HOST_NAME_SIZE];

	if (configuration->hostname)
		return true;
	find_host_name(name, sizeof(name));
	configuration->hostname = strdup(name);
	return configuration->hostname;
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static bool check_domains(const struct configuration *configuration, struct reader *reader)
{
	const struct text_list *domains = &configuration->domains;
	char **sorted = allocate(domains->count, sizeof(*sorted));
	bool is_fine = true;

	if (!sorted)
		return problem_set(reader->problem, "out of memory");
	memcpy(sorted, domains->items, domains->count * sizeof(*sorted));
	qsort(sorted, domains->count, sizeof(*sorted), compare_names);
	for (size_t i = 1; i < domains->count && is_fine; i++)
		if (!strcmp(sorted[i - 1], sorted[i]))
			is_fine = reader_fail_at(reader, option_find("", "domains"),
						 "%.100s stands twice in domains; remove one",
						 sorted[i]);
	free(sorted);
	return is_fine;
}

static bool check_default_domain(const struct configuration *configuration, struct reader *reader)
{
	const char *domain = configuration->default_domain;

	if (!*domain || text_list_holds(&configuration->domains, domain))
		return true;
	return reader_fail_at(reader, option_find("", "default-domain"),
			      "default-domain %.100s is not ours; add it to domains", domain);
}

static bool check_spool(const struct configuration *configuration, struct reader *reader)
{
	const struct option *spool = option_find("limits", "spool");
	const struct option *size = option_find("limits", "message-size");

	if (configuration->limits.spool >= configuration->limits.message_size)
		return true;
	return reader_fail_at(reader, reader_has(reader, spool) ? spool : size,
			      "spool (%lld bytes) is smaller than message-size (%lld bytes); "
			      "raise the one or lower the other",
			      configuration->limits.spool, configuration->limits.message_size);
}

/* ---- TLS */

static bool check_pairs(const struct configuration *configuration, struct reader *reader)
{
	const struct option *key = option_find("tls", "key");
	const struct option *certificate = option_find("tls", "certificate");
	size_t keys = configuration->tls.keys.count;
	size_t certificates = configuration->tls.certificates.count;

	if (keys == certificates)
		return true;
	return reader_fail_at(reader, reader_has(reader, key) ? key : certificate,
			      "certificate names %zu files, key names %zu; give each certificate "
			      "its key, in the same order",
			      certificates, keys);
}

static bool check_authorities(const struct configuration *configuration, struct reader *reader)
{
	if (configuration->tls.client_certificate != CLIENT_CERTIFICATE_REQUIRE ||
	    *configuration->tls.client_authorities)
		return true;
	return reader_fail_at(
		reader, option_find("tls", "client-certificate"),
		"client-certificate = require needs client-authorities; name the file "
		"that holds them");
}

/* ---- listeners */

static bool has_port(const struct listen_configuration *listen)
{
	for (size_t i = 0; i < listen->addresses.count; i++)
		if (*listen->addresses.items[i] != '/')
			return true;
	return false;
}

static bool requires_tls(const struct listen_configuration *listen)
{
	return listen->tls == LISTEN_TLS_REQUIRED;
}

static bool is_lmtp(const struct listen_configuration *listen)
{
	return listen->protocol == LISTEN_PROTOCOL_LMTP;
}

static bool announces_smtputf8(const struct listen_configuration *listen)
{
	return !text_list_holds(&listen->hide, "SMTPUTF8");
}

#define DISABLE offsetof(struct listen_configuration, disable)
#define HIDE offsetof(struct listen_configuration, hide)

/* The words that a list must not hold where the condition is met. */
static const struct {
	bool (*is_met)(const struct listen_configuration *listen);
	size_t list;
	const char *word;
	const char *text; /* what is wrong, and the cure, behind the listener's name */
} unfit[] = {
	{ requires_tls, DISABLE, "STARTTLS",
	  "has tls = required, and STARTTLS in disable, so that no mail could come; take it out of "
	  "disable" },
	{ requires_tls, HIDE, "STARTTLS",
	  "has tls = required, and STARTTLS in hide, so that no client would find it; take it out "
	  "of hide" },
	{ announces_smtputf8, HIDE, "8BITMIME",
	  "has 8BITMIME in hide, which SMTPUTF8 needs (RFC 6531 3.1); add SMTPUTF8 to hide" },
	{ is_lmtp, HIDE, "PIPELINING",
	  "has protocol = lmtp, which must announce PIPELINING (RFC 2033 5); take it out of hide" },
	{ is_lmtp, HIDE, "ENHANCEDSTATUSCODES",
	  "has protocol = lmtp, which must announce ENHANCEDSTATUSCODES (RFC 2033 5); take it out "
	  "of hide" },
};

static bool check_words(const struct listen_configuration *listen, size_t index,
			struct reader *reader)
{
	const char *base = (const char *)listen;

	for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++)
		if (unfit[i].is_met(listen) &&
		    text_list_holds((const void *)(base + unfit[i].list), unfit[i].word))
			return reader_fail_in_listen(reader, index, "listen %s %s", listen->title,
						     unfit[i].text);
	return true;
}

static bool check_listen(const struct configuration *configuration, size_t index,
			 struct reader *reader)
{
	const struct listen_configuration *listen = &configuration->listens[index];

	if (listen->tls >= LISTEN_TLS_REQUIRED && configuration->tls.certificates.count == 0)
		return reader_fail_in_listen(reader, index,
					     "listen %s has tls = %s, but there is no certificate; "
					     "name one with its key "
					     "in tls { certificate = ... key = ... }",
					     listen->title,
					     listen->tls == LISTEN_TLS_REQUIRED ? "required"
										: "implicit");
	/* Who finds LMTP on port 25 takes it for SMTP, and its many replies for those to
	 * commands that follow: RFC 2033 section 5. */
	if (is_lmtp(listen) && listen->port == 25 && has_port(listen))
		return reader_fail_in_listen(reader, index,
					     "listen %s has protocol = lmtp on port 25, which is "
					     "for SMTP only (RFC 2033); give it port = 24",
					     listen->title);
	return check_words(listen, index, reader);
}

static bool check_listens(const struct configuration *configuration, struct reader *reader)
{
	for (size_t i = 0; i < configuration->listen_count; i++)
		if (!check_listen(configuration, i, reader))
			return false;
	return true;
}

/* ---- accept-all */

static bool check_accept_one(const struct configuration *configuration, struct reader *reader)
{
	struct mailbox mailbox;
	struct problem what;

	if (accept_all_mailbox(configuration, &mailbox, &what))
		return true;
	return reader_fail_at(reader, option_find("accept-all", "mailbox"), "mailbox: %s",
			      what.text);
}

/* Which mailboxes there will be is not known before the mail for them comes. */
static bool check_accept_each(const struct configuration *configuration, struct reader *reader)
{
	enum create_mailboxes create = configuration->delivery.create_mailboxes;

	if (create == CREATE_BOTH || create == CREATE_ON_DELIVERY)
		return true;
	return reader_fail_at(reader, option_find("delivery", "create-mailboxes"),
			      "accept-all each makes mailboxes on delivery; set create-mailboxes "
			      "to always or on-delivery, or accept-all { mode } to one");
}

static bool check_accept_all(const struct configuration *configuration, struct reader *reader)
{
	if (configuration->accept_all.mode == ACCEPT_ALL_ONE)
		return check_accept_one(configuration, reader);
	return configuration->accept_all.mode == ACCEPT_ALL_OFF ||
	       check_accept_each(configuration, reader);
}

bool configuration_complete(struct configuration *configuration, struct reader *reader)
{
	if (!complete_hostname(configuration) ||
	    (configuration->domains.count == 0 &&
	     !text_list_add(&configuration->domains, configuration->hostname)))
		return problem_set(reader->problem, "out of memory");
	return check_domains(configuration, reader) &&
	       check_default_domain(configuration, reader) && check_spool(configuration, reader) &&
	       check_pairs(configuration, reader) && check_authorities(configuration, reader) &&
	       check_listens(configuration, reader) && check_accept_all(configuration, reader);
}
