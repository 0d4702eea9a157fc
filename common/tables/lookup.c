/*
 * lookup.c - looks recipients up in the compiled tables
 *
 * Runs in: postern-worker, postern-delivery.  Privilege: none.
 * Distrusts: the recipient's address.  Trusts: the tables, which are sealed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>
#include <cdb.h>

#include "common/configuration/sealed.h"
#include "common/tables/records.h"
#include "common/tables/tables.h"

struct tables {
	struct cdb cdb; /* look-ups work on a copy: they keep their place in it */
	char delimiter;
	char default_domain[MAILBOX_NAME_SIZE];
	char first_domain[MAILBOX_NAME_SIZE];
};

/* What a recipient came to. */
struct resolution {
	enum recipient_class class;
	const char *decided_by; /* "mailboxes", ... */
	unsigned line;		/* 0: no line decided it */
	bool is_catch_all;
	struct mailbox mailbox; /* the normal form; of a mailbox, without its +tag */
	const char *list;	/* of an alias: pairs of domain and local; NULL: the mailbox */
	unsigned list_length;
};

/* Finds a record: its value, or NULL. */
static const char *find(const struct tables *tables, enum record record, const char *domain,
			const char *local, unsigned *length)
{
	struct cdb cdb = tables->cdb;
	struct record_key key;

	record_key_make(&key, record, domain, local);
	if (cdb_find(&cdb, key.bytes, key.length) <= 0)
		return NULL;
	*length = cdb_datalen(&cdb);
	return cdb_getdata(&cdb);
}

static bool read_setting(const struct tables *tables, const char *name, char *value, size_t size)
{
	unsigned length;
	const char *found = find(tables, RECORD_SETTING, name, NULL, &length);

	if (!found || length >= size)
		return false;
	memcpy(value, found, length);
	value[length] = '\0';
	return true;
}

static bool read_settings(struct tables *tables)
{
	char delimiter[2];

	if (!read_setting(tables, SETTING_DELIMITER, delimiter, sizeof(delimiter)) ||
	    !read_setting(tables, SETTING_DEFAULT_DOMAIN, tables->default_domain,
			  sizeof(tables->default_domain)) ||
	    !read_setting(tables, SETTING_FIRST_DOMAIN, tables->first_domain,
			  sizeof(tables->first_domain)))
		return false;
	tables->delimiter = delimiter[0];
	return true;
}

struct tables *tables_open(int descriptor, struct problem *problem)
{
	struct tables *tables;

	if (!sealed_is_sealed(descriptor)) {
		problem_set(problem, "the compiled tables are not a sealed file");
		return NULL;
	}
	tables = allocate(1, sizeof(*tables));
	if (!tables) {
		problem_set(problem, "tables: out of memory");
		return NULL;
	}
	if (cdb_init(&tables->cdb, descriptor) < 0) {
		problem_errno(problem, "cannot map the compiled tables");
	} else if (read_settings(tables)) {
		return tables;
	} else {
		problem_set(problem, "the compiled tables lack a setting");
		cdb_free(&tables->cdb);
	}
	free(tables);
	return NULL;
}

void tables_close(struct tables *tables)
{
	if (!tables)
		return;
	cdb_free(&tables->cdb);
	free(tables);
}

/* ---- the way of one recipient */

static unsigned line_of(const char *value, unsigned length)
{
	require(value && length >= RECORD_LINE_SIZE);
	return cdb_unpack((const unsigned char *)value);
}

static void accept_list(struct resolution *resolution, const char *value, unsigned length)
{
	resolution->class = RECIPIENT_ACCEPTED;
	resolution->decided_by = "aliases";
	resolution->line = line_of(value, length);
	resolution->list = value + RECORD_LINE_SIZE;
	resolution->list_length = length - RECORD_LINE_SIZE;
}

static void accept_mailbox(struct resolution *resolution, const char *value, unsigned length)
{
	resolution->class = RECIPIENT_ACCEPTED;
	resolution->line = line_of(value, length);
	resolution->decided_by = resolution->line ? "mailboxes" : "postmaster";
}

/* An alias of that name, or a mailbox. */
static bool try_name(const struct tables *tables, struct resolution *resolution)
{
	const struct mailbox *name = &resolution->mailbox;
	unsigned length;
	const char *value = find(tables, RECORD_ALIAS, name->domain, name->local, &length);

	if (value) {
		accept_list(resolution, value, length);
		return true;
	}
	value = find(tables, RECORD_MAILBOX, name->domain, name->local, &length);
	if (!value)
		value = find(tables, RECORD_MAILBOX, "", name->local, &length);
	if (value)
		accept_mailbox(resolution, value, length);
	return value;
}

/* The name in front of the first delimiter; a name that begins with it has no tag. */
static bool try_without_tag(const struct tables *tables, struct resolution *resolution)
{
	char *local = resolution->mailbox.local;
	char *tag = tables->delimiter ? strchr(local, tables->delimiter) : NULL;

	if (!tag || tag == local)
		return false;
	*tag = '\0';
	return try_name(tables, resolution);
}

static bool try_catch_all(const struct tables *tables, struct resolution *resolution)
{
	unsigned length;
	const char *value =
		find(tables, RECORD_CATCH_ALL, resolution->mailbox.domain, NULL, &length);

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
	return strcmp(local, "postmaster") == 0 ? tables->first_domain : NULL;
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
	       find(tables, RECORD_DOMAIN, normal, NULL, &length);
}

/* *resolution must be zeros. */
static void resolve(const struct tables *tables, const char *local, const char *domain,
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

void tables_decide(const struct tables *tables, const char *local, const char *domain,
		   struct recipient_decision *decision)
{
	struct resolution resolution = { .class = RECIPIENT_UNKNOWN };
	char *decided = decision->decided;

	resolve(tables, local, domain, &resolution);
	decision->class = resolution.class;
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
	const char *next, *end;
	struct mailbox mailbox;

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
		if (!each(context, &mailbox))
			break;
	}
	return resolution.class;
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
	struct mailbox mailbox;

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
}
