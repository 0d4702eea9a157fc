/*
 * build.c - compiles domains, mailboxes, aliases and rejected senders into one sealed cdb
 *
 * Runs in: postern's master.  Privilege: the master's, to read the files.
 * Distrusts: the files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>
#include <cdb.h>

#include "common/configuration/sealed.h"
#include "common/configuration/text_file.h"
#include "common/tables/accept_all.h"
#include "common/tables/expand.h"
#include "common/tables/lists.h"
#include "common/tables/records.h"
#include "common/tables/tables.h"

struct builder {
	const struct configuration *configuration;
	struct quota quota; /* of a mailbox that lists none */
	struct listing listing;
	struct expansion expansion;
	struct cdb_make cdb;
	char *value; /* room for an alias's value */
	struct problem *problem;
};

/* ---- checks that need the whole listing */

static const char *longest_domain(const struct domains *domains)
{
	const char *longest = domains->items[0];

	for (size_t i = 1; i < domains->count; i++)
		if (strlen(domains->items[i]) > strlen(longest))
			longest = domains->items[i];
	return longest;
}

/* A mailbox whose folder cannot be made is better refused now than at its first message. */
static bool check_paths(const struct builder *builder)
{
	const struct entries *mailboxes = &builder->listing.mailboxes;
	const char *longest = longest_domain(&builder->listing.domains);
	const char *template = builder->configuration->delivery.maildir;
	struct mailbox mailbox;

	for (size_t i = 0; i < mailboxes->count; i++) {
		const struct entry *entry = &mailboxes->items[i];

		snprintf(mailbox.local, sizeof(mailbox.local), "%s", entry->local);
		snprintf(mailbox.domain, sizeof(mailbox.domain), "%s",
			 entry->domain ? entry->domain : longest);
		if (!mailbox_fits(&mailbox, template))
			return problem_set(builder->problem,
					   "%s:%u: the folder of mailbox %s would have too long a "
					   "name; shorten it",
					   builder->configuration->mailboxes, entry->line,
					   entry->local);
	}
	return true;
}

/* ---- reading */

static bool read_aliases(struct builder *builder)
{
	struct listing *listing = &builder->listing;
	const char *path = builder->configuration->aliases;

	if (*path)
		return aliases_read(path, &listing->domains, &listing->aliases, builder->problem);
	return entries_sort(&listing->aliases) || problem_set(builder->problem, "out of memory");
}

static bool read_senders(struct builder *builder)
{
	const char *path = builder->configuration->rejected_senders;

	return !*path || senders_read(path, &builder->listing.senders, builder->problem);
}

static bool read_all(struct builder *builder)
{
	const struct configuration *configuration = builder->configuration;
	struct listing *listing = &builder->listing;

	if (!domains_make(&listing->domains, &configuration->domains))
		return problem_set(builder->problem, "domains: out of memory, or not a domain");
	if (listing->domains.count == 0)
		return problem_set(builder->problem, "domains: there is none; name one");
	if (!mailboxes_read(configuration->mailboxes, &listing->domains, &builder->quota,
			    &listing->mailboxes, builder->problem))
		return false;
	return read_aliases(builder) && read_senders(builder);
}

/* ---- writing */

static bool add(struct builder *builder, const struct record_key *key, const char *value,
		size_t length)
{
	if (cdb_make_add(&builder->cdb, key->bytes, key->length, value, (unsigned)length) == 0)
		return true;
	return problem_errno(builder->problem, "cannot write the compiled tables");
}

static bool add_setting(struct builder *builder, const char *name, const char *value)
{
	struct record_key key;

	record_key_make(&key, RECORD_SETTING, name, NULL);
	return add(builder, &key, value, strlen(value));
}

static bool add_quota(struct builder *builder)
{
	struct record_key key;

	record_key_make(&key, RECORD_SETTING, SETTING_QUOTA, NULL);
	return add(builder, &key, (const char *)&builder->quota, sizeof(builder->quota));
}

static bool add_accept_all(struct builder *builder)
{
	const struct configuration *configuration = builder->configuration;
	struct mailbox everything = { .local = "", .domain = "" };
	struct problem what;

	if (configuration->accept_all.mode == ACCEPT_ALL_ONE &&
	    !accept_all_mailbox(configuration, &everything, &what))
		return problem_set(builder->problem, "accept-all { mailbox }: %s", what.text);
	return add_setting(builder, SETTING_ACCEPT_ALL,
			   accept_all_words[configuration->accept_all.mode]) &&
	       add_setting(builder, SETTING_ACCEPT_ALL_LOCAL, everything.local) &&
	       add_setting(builder, SETTING_ACCEPT_ALL_DOMAIN, everything.domain) &&
	       add_setting(builder, SETTING_MAILDIR, configuration->delivery.maildir);
}

static bool add_settings(struct builder *builder)
{
	const struct configuration *configuration = builder->configuration;
	char domain[MAILBOX_NAME_SIZE] = "";

	if (*configuration->default_domain &&
	    !domain_normalise(configuration->default_domain, domain, sizeof(domain)))
		return problem_set(builder->problem, "default-domain is not a domain");
	return add_setting(builder, SETTING_DELIMITER, configuration->recipient_delimiter) &&
	       add_setting(builder, SETTING_DEFAULT_DOMAIN, domain) &&
	       add_setting(builder, SETTING_FIRST_DOMAIN, builder->listing.domains.items[0]) &&
	       add_setting(builder, SETTING_REJECTED_SENDERS,
			   builder->listing.senders.count > 0 ? "1" : "") &&
	       add_accept_all(builder) && add_quota(builder);
}

static bool add_domains(struct builder *builder)
{
	const struct domains *domains = &builder->listing.domains;
	struct record_key key;

	for (size_t i = 0; i < domains->count; i++) {
		record_key_make(&key, RECORD_DOMAIN, domains->items[i], NULL);
		if (!add(builder, &key, "", 0))
			return false;
	}
	return true;
}

static const struct quota *quota_of(const struct builder *builder, const struct entry *mailbox)
{
	return mailbox == &implicit_postmaster ? &builder->quota : &mailbox->quota;
}

static bool add_mailbox(struct builder *builder, const struct entry *mailbox, const char *domain)
{
	unsigned char value[RECORD_LINE_SIZE + RECORD_QUOTA_SIZE];
	struct record_key key;

	cdb_pack(mailbox->line, value);
	memcpy(value + RECORD_LINE_SIZE, quota_of(builder, mailbox), RECORD_QUOTA_SIZE);
	record_key_make(&key, RECORD_MAILBOX, domain, mailbox->local);
	return add(builder, &key, (const char *)value, sizeof(value));
}

static bool add_mailboxes(struct builder *builder)
{
	const struct entries *mailboxes = &builder->listing.mailboxes;
	const struct domains *domains = &builder->listing.domains;

	for (size_t i = 0; i < mailboxes->count; i++) {
		const struct entry *entry = &mailboxes->items[i];

		if (!add_mailbox(builder, entry, entry->domain ? entry->domain : ""))
			return false;
	}
	for (size_t i = 0; i < domains->count; i++)
		if (listing_lacks_postmaster(&builder->listing, domains->items[i]) &&
		    !add_mailbox(builder, &implicit_postmaster, domains->items[i]))
			return false;
	return true;
}

static char *append(char *next, const char *text)
{
	size_t size = strlen(text) + 1;

	memcpy(next, text, size);
	return next + size;
}

/* Writes the value of the alias that was expanded; returns what is behind it. */
static char *write_list(const struct builder *builder, const struct entry *alias)
{
	const struct expansion *result = &builder->expansion;
	char *next = builder->value + RECORD_LIST_OFFSET;
	bool has_quota = false;

	for (size_t i = 0; i < result->count; i++) {
		has_quota =
			has_quota || quota_is_set(quota_of(builder, result->mailboxes[i].entry));
		next = append(next, result->mailboxes[i].domain);
		next = append(next, result->mailboxes[i].entry->local);
	}
	cdb_pack(alias->line, (unsigned char *)builder->value);
	builder->value[RECORD_LINE_SIZE] = has_quota ? '1' : '0';
	return next;
}

/* An alias as it is in one domain. */
static bool add_alias(struct builder *builder, const struct entry *alias, const char *domain)
{
	bool is_catch_all = !*alias->local;
	struct record_key key;
	const char *end;

	if (!expand(&builder->expansion, alias, domain))
		return false;
	end = write_list(builder, alias);
	record_key_make(&key, is_catch_all ? RECORD_CATCH_ALL : RECORD_ALIAS, domain,
			is_catch_all ? NULL : alias->local);
	return add(builder, &key, builder->value, (size_t)(end - builder->value));
}

/* An alias without a domain stands in each domain that has none of that name of its own. */
static bool add_aliases(struct builder *builder)
{
	const struct entries *aliases = &builder->listing.aliases;
	const struct domains *domains = &builder->listing.domains;

	for (size_t i = 0; i < aliases->count; i++) {
		const struct entry *alias = &aliases->items[i];

		if (alias->domain && !add_alias(builder, alias, alias->domain))
			return false;
		for (size_t j = 0; !alias->domain && j < domains->count; j++)
			if (!entries_find(aliases, alias->local, domains->items[j]) &&
			    !add_alias(builder, alias, domains->items[j]))
				return false;
	}
	return true;
}

/* The key of a rule has the domain in front, as all keys have. */
static void make_rule_key(struct record_key *key, const struct entry *rule)
{
	const char *at = strrchr(rule->local, '@');
	char local[MAILBOX_NAME_SIZE];

	if (at) {
		require((size_t)(at - rule->local) < sizeof(local));
		strlcpy(local, rule->local, (size_t)(at - rule->local) + 1);
	}
	record_key_make(key, RECORD_SENDER, at ? at + 1 : rule->local, at ? local : NULL);
}

static bool add_senders(struct builder *builder)
{
	const struct entries *senders = &builder->listing.senders;
	unsigned char value[RECORD_LINE_SIZE + SENDER_TEXT_SIZE];
	struct record_key key;

	for (size_t i = 0; i < senders->count; i++) {
		const struct entry *rule = &senders->items[i];
		size_t length = rule->text ? strlen(rule->text) : 0;

		require(length < SENDER_TEXT_SIZE);
		cdb_pack(rule->line, value);
		memcpy(value + RECORD_LINE_SIZE, rule->text ? rule->text : "", length);
		make_rule_key(&key, rule);
		if (!add(builder, &key, (const char *)value, RECORD_LINE_SIZE + length))
			return false;
	}
	return true;
}

static bool write_all(struct builder *builder, int descriptor)
{
	bool is_added;

	if (cdb_make_start(&builder->cdb, descriptor) < 0)
		return problem_errno(builder->problem, "cannot write the compiled tables");
	is_added = add_settings(builder) && add_domains(builder) && add_mailboxes(builder) &&
		   add_aliases(builder) && add_senders(builder);
	/* Also frees what the library has allocated. */
	if (cdb_make_finish(&builder->cdb) < 0 && is_added)
		return problem_errno(builder->problem, "cannot write the compiled tables");
	return is_added;
}

/* Returns the sealed descriptor, or -1. */
static int write_sealed(struct builder *builder)
{
	int descriptor = sealed_create("postern-tables", builder->problem);

	if (descriptor < 0)
		return -1;
	if (write_all(builder, descriptor) && sealed_close_off(descriptor, builder->problem))
		return descriptor;
	close(descriptor);
	return -1;
}

static void free_all(struct builder *builder)
{
	free(builder->value);
	expansion_free(&builder->expansion);
	entries_free(&builder->listing.mailboxes);
	entries_free(&builder->listing.aliases);
	entries_free(&builder->listing.senders);
	domains_free(&builder->listing.domains);
	free(builder);
}

int tables_build(const struct configuration *configuration, struct problem *problem)
{
	struct builder *builder = allocate(1, sizeof(*builder));
	int descriptor = -1;

	if (!builder) {
		problem_set(problem, "tables: out of memory");
		return -1;
	}
	builder->configuration = configuration;
	builder->quota = (struct quota){ (uint64_t)configuration->delivery.quota,
					 (uint64_t)configuration->delivery.quota_messages };
	builder->problem = problem;
	builder->expansion.listing = &builder->listing;
	builder->expansion.path = configuration->aliases;
	builder->expansion.problem = problem;
	builder->value =
		allocate(RECORD_LIST_OFFSET + TABLES_MAILBOXES_MAX * 2 * MAILBOX_NAME_SIZE, 1);
	if (!builder->value)
		problem_set(problem, "tables: out of memory");
	else if (read_all(builder) && check_paths(builder))
		descriptor = write_sealed(builder);
	free_all(builder);
	return descriptor;
}
