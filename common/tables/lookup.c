/*
 * lookup.c - looks recipients up in the compiled tables
 *
 * Runs in: postern-worker, postern-delivery.  Privilege: none.
 * Distrusts: the recipient's address.  Trusts: the tables, which are sealed.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <bsd/string.h>
#include <cdb.h>

#include "common/tables/opened.h"

/* What a recipient came to. */
struct resolution {
	enum recipient_class class;
	const char *decided_by; /* "mailboxes", ... */
	unsigned line;		/* 0: no line decided it */
	bool is_catch_all;
	struct mailbox mailbox; /* the normal form; of a mailbox, without its +tag */
	const char *list;	/* of an alias: pairs of domain and local; NULL: the mailbox */
	unsigned list_length;
	bool has_quota; /* one of the list has */
};

/* ---- quotas */

/* The record of a mailbox that is listed, or NULL. */
static const char *find_listed(const struct tables *tables, const struct mailbox *mailbox)
{
	unsigned length;
	const char *value =
		record_find(tables, RECORD_MAILBOX, mailbox->domain, mailbox->local, &length);

	/* One that is listed without a domain is in each of ours, and in no other. */
	if (!value && record_find(tables, RECORD_DOMAIN, mailbox->domain, NULL, &length))
		value = record_find(tables, RECORD_MAILBOX, "", mailbox->local, &length);
	return value;
}

static struct quota record_quota(const char *value)
{
	struct quota quota;

	memcpy(&quota, value + RECORD_LINE_SIZE, sizeof(quota));
	return quota;
}

static struct quota find_quota(const struct tables *tables, const struct mailbox *mailbox)
{
	const char *value = find_listed(tables, mailbox);

	return value ? record_quota(value) : tables->quota;
}

/* ---- the way of one recipient */

static void accept_list(struct resolution *resolution, const char *value, unsigned length)
{
	resolution->class = RECIPIENT_ACCEPTED;
	resolution->decided_by = "aliases";
	resolution->line = record_line(value, length);
	require(length >= RECORD_LIST_OFFSET);
	resolution->has_quota = value[RECORD_LINE_SIZE] == '1';
	resolution->list = value + RECORD_LIST_OFFSET;
	resolution->list_length = length - RECORD_LIST_OFFSET;
}

static void accept_mailbox(struct resolution *resolution, const char *value, unsigned length)
{
	resolution->class = RECIPIENT_ACCEPTED;
	resolution->line = record_line(value, length);
	resolution->decided_by = resolution->line ? "mailboxes" : "postmaster";
	require(length == RECORD_LINE_SIZE + RECORD_QUOTA_SIZE);
	resolution->mailbox.quota = record_quota(value);
}

/* An alias of that name, or a mailbox. */
static bool try_name(const struct tables *tables, struct resolution *resolution)
{
	const struct mailbox *name = &resolution->mailbox;
	unsigned length;
	const char *value = record_find(tables, RECORD_ALIAS, name->domain, name->local, &length);

	if (value) {
		accept_list(resolution, value, length);
		return true;
	}
	value = record_find(tables, RECORD_MAILBOX, name->domain, name->local, &length);
	if (!value)
		value = record_find(tables, RECORD_MAILBOX, "", name->local, &length);
	if (value)
		accept_mailbox(resolution, value, length);
	return value;
}

/* Leaves the name in front of the first delimiter; one that begins with it has no tag. */
static bool cut_tag(const struct tables *tables, char *local)
{
	char *tag = tables->delimiter ? strchr(local, tables->delimiter) : NULL;

	if (!tag || tag == local)
		return false;
	*tag = '\0';
	return true;
}

static bool try_without_tag(const struct tables *tables, struct resolution *resolution)
{
	return cut_tag(tables, resolution->mailbox.local) && try_name(tables, resolution);
}

static bool try_catch_all(const struct tables *tables, struct resolution *resolution)
{
	unsigned length;
	const char *value =
		record_find(tables, RECORD_CATCH_ALL, resolution->mailbox.domain, NULL, &length);

	if (!value)
		return false;
	accept_list(resolution, value, length);
	resolution->is_catch_all = true;
	return true;
}

/* The domain of a recipient that has none; NULL where it must have one. */
static const char *domain_for(const struct tables *tables, const char *local)
{
	if (*tables->default_domain)
		return tables->default_domain;
	/* RFC 5321 4.5.1: <postmaster> alone, without a domain. */
	if (strcmp(local, "postmaster") == 0 || tables->accept_all == ACCEPT_ALL_EACH)
		return tables->first_domain;
	return NULL;
}

static void reject(struct resolution *resolution, enum recipient_class class, const char *table)
{
	resolution->class = class;
	resolution->decided_by = table;
}

static bool find_domain(const struct tables *tables, const char *domain,
			struct resolution *resolution)
{
	char *normal = resolution->mailbox.domain;
	unsigned length;

	return domain_normalise(domain, normal, sizeof(resolution->mailbox.domain)) &&
	       record_find(tables, RECORD_DOMAIN, normal, NULL, &length);
}

/* *resolution must be zeros. */
static void resolve_listed(const struct tables *tables, const char *local, const char *domain,
			   struct resolution *resolution)
{
	char *normal = resolution->mailbox.local;
	bool is_name = local_normalise(local, normal, sizeof(resolution->mailbox.local));

	if (!*domain)
		domain = domain_for(tables, is_name ? normal : "");
	if (!domain)
		reject(resolution, RECIPIENT_UNKNOWN, "default-domain");
	else if (!find_domain(tables, domain, resolution))
		reject(resolution, RECIPIENT_NOT_OURS, "domains");
	else if (!is_name ||
		 (!try_name(tables, resolution) && !try_without_tag(tables, resolution) &&
		  !try_catch_all(tables, resolution)))
		reject(resolution, RECIPIENT_UNKNOWN, "mailboxes");
}

/*
 * The recipient's own mailbox, whatever its domain. False: a name in no normal
 * form, or one that no file system could hold.
 */
static bool own_mailbox(const struct tables *tables, const char *local, const char *domain,
			struct mailbox *mailbox)
{
	if (!*domain)
		domain = domain_for(tables, "");
	if (!local_normalise(local, mailbox->local, sizeof(mailbox->local)) ||
	    !domain_normalise(domain, mailbox->domain, sizeof(mailbox->domain)))
		return false;
	cut_tag(tables, mailbox->local);
	return mailbox_fits(mailbox, tables->maildir);
}

/* accept-all takes what the tables do not; what it cannot take keeps its class. */
static void accept_rest(const struct tables *tables, const char *local, const char *domain,
			struct resolution *resolution)
{
	struct mailbox mailbox;

	if (tables->accept_all == ACCEPT_ALL_ONE)
		mailbox = tables->everything;
	else if (!own_mailbox(tables, local, domain, &mailbox))
		return;
	resolution->class = RECIPIENT_ACCEPTED;
	resolution->decided_by = "accept-all";
	mailbox.quota = find_quota(tables, &mailbox);
	resolution->mailbox = mailbox;
}

/* *resolution must be zeros. */
static void resolve(const struct tables *tables, const char *local, const char *domain,
		    struct resolution *resolution)
{
	resolve_listed(tables, local, domain, resolution);
	if (tables->accept_all != ACCEPT_ALL_OFF && resolution->class != RECIPIENT_ACCEPTED)
		accept_rest(tables, local, domain, resolution);
}

void tables_decide(const struct tables *tables, const char *local, const char *domain,
		   struct recipient_decision *decision)
{
	struct resolution resolution = { .class = RECIPIENT_UNKNOWN };
	char *decided = decision->decided;

	resolve(tables, local, domain, &resolution);
	decision->class = resolution.class;
	decision->quota = resolution.mailbox.quota;
	decision->has_quota = resolution.has_quota || quota_is_set(&decision->quota);
	if (resolution.line)
		snprintf(decided, TABLES_DECIDED_SIZE, "%s:%u", resolution.decided_by,
			 resolution.line);
	else
		strlcpy(decided, resolution.decided_by, TABLES_DECIDED_SIZE);
	if (resolution.is_catch_all) {
		strlcat(decided, " @", TABLES_DECIDED_SIZE);
		strlcat(decided, resolution.mailbox.domain, TABLES_DECIDED_SIZE);
	}
}

/* Copies the text at *next, which ends before `end`, and moves *next behind its NUL. */
static void take(const char **next, const char *end, char *text)
{
	size_t length = strnlen(*next, (size_t)(end - *next));

	require(length < MAILBOX_NAME_SIZE && *next + length < end);
	memcpy(text, *next, length + 1);
	*next += length + 1;
}

enum recipient_class tables_expand(const struct tables *tables, const char *local,
				   const char *domain, tables_each *each, void *context)
{
	struct resolution resolution = { .class = RECIPIENT_UNKNOWN };
	struct mailbox mailbox = { .quota = { 0, 0 } };
	const char *next, *end;

	resolve(tables, local, domain, &resolution);
	if (resolution.class != RECIPIENT_ACCEPTED)
		return resolution.class;
	if (!resolution.list) {
		each(context, &resolution.mailbox);
		return resolution.class;
	}
	next = resolution.list;
	end = next + resolution.list_length;
	while (next < end) {
		take(&next, end, mailbox.domain);
		take(&next, end, mailbox.local);
		if (resolution.has_quota)
			mailbox.quota = find_quota(tables, &mailbox);
		if (!each(context, &mailbox))
			break;
	}
	return resolution.class;
}

/* ---- who shares their mailboxes */

/* Whether the list holds one mailbox, which is set then. */
static bool is_single(const struct resolution *resolution, struct mailbox *mailbox)
{
	const char *next = resolution->list;
	const char *end = next + resolution->list_length;

	take(&next, end, mailbox->domain);
	take(&next, end, mailbox->local);
	return next == end;
}

void tables_identify(const struct tables *tables, const char *local, const char *domain,
		     struct recipient_identity *identity)
{
	struct resolution resolution = { .class = RECIPIENT_UNKNOWN };

	memset(identity, 0, sizeof(*identity));
	resolve(tables, local, domain, &resolution);
	identity->list = resolution.list;
	if (resolution.class != RECIPIENT_ACCEPTED)
		identity->list = identity;
	else if (!identity->list)
		identity->mailbox = resolution.mailbox;
	else if (resolution.list && is_single(&resolution, &identity->mailbox))
		identity->list = NULL;
	else
		memset(&identity->mailbox, 0, sizeof(identity->mailbox));
	/* Where the path has no %d, mailboxes of one name are one Maildir. */
	if (!strstr(tables->maildir, "%d"))
		identity->mailbox.domain[0] = '\0';
}

int recipient_identity_compare(const struct recipient_identity *left,
			       const struct recipient_identity *right)
{
	int order = strcmp(left->mailbox.local, right->mailbox.local);

	if (order == 0)
		order = strcmp(left->mailbox.domain, right->mailbox.domain);
	if (order == 0 && left->list != right->list)
		order = (uintptr_t)left->list < (uintptr_t)right->list ? -1 : 1;
	return order;
}

/* ---- all mailboxes */

/* Copies a part of a key; false when there is no room for it. */
static bool copy_part(const char *bytes, size_t length, char *text)
{
	if (length >= MAILBOX_NAME_SIZE)
		return false;
	memcpy(text, bytes, length);
	text[length] = '\0';
	return true;
}

/* The key of the record that cdb_seqnext has found. */
static const char *present_key(struct cdb *cdb, unsigned *length)
{
	*length = cdb_keylen(cdb);
	return cdb_getkey(cdb);
}

/* A mailbox of every domain, once for each. */
static bool each_domain(const struct tables *tables, struct mailbox *mailbox, tables_each *each,
			void *context)
{
	struct cdb cdb = tables->cdb;
	unsigned place, length;

	cdb_seqinit(&place, &cdb);
	while (cdb_seqnext(&place, &cdb) > 0) {
		const char *key = present_key(&cdb, &length);

		if (key[0] == RECORD_MAILBOX)
			break; /* the domains stand in front of the mailboxes */
		if (key[0] == RECORD_DOMAIN && copy_part(key + 1, length - 1, mailbox->domain) &&
		    !each(context, mailbox))
			return false;
	}
	return true;
}

static bool each_of_key(const struct tables *tables, const char *key, unsigned length,
			tables_each *each, void *context)
{
	const char *domain = key + 1;
	size_t domain_length = strnlen(domain, length - 1);
	struct mailbox mailbox = { .quota = { 0, 0 } };

	if (!copy_part(domain, domain_length, mailbox.domain) ||
	    !copy_part(domain + domain_length + 1, length - 2 - domain_length, mailbox.local))
		return true;
	if (domain_length > 0)
		return each(context, &mailbox);
	return each_domain(tables, &mailbox, each, context);
}

void tables_each_mailbox(const struct tables *tables, tables_each *each, void *context)
{
	struct cdb cdb = tables->cdb;
	unsigned place, length;

	cdb_seqinit(&place, &cdb);
	while (cdb_seqnext(&place, &cdb) > 0) {
		const char *key = present_key(&cdb, &length);

		if (key[0] == RECORD_MAILBOX && !each_of_key(tables, key, length, each, context))
			return;
	}
	if (tables->accept_all == ACCEPT_ALL_ONE && !find_listed(tables, &tables->everything))
		each(context, &tables->everything);
}
