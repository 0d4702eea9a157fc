/*
 * open.c - maps the compiled tables and reads their settings
 *
 * Runs in: postern-worker, postern-delivery.  Privilege: none.
 * Distrusts: a file that is not sealed.  Trusts: what is in a sealed one.
 */
#include <stdlib.h>
#include <string.h>

#include "common/configuration/sealed.h"
#include "common/tables/opened.h"

const char *record_find(const struct tables *tables, enum record record, const char *domain,
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

unsigned record_line(const char *value, unsigned length)
{
	require(value && length >= RECORD_LINE_SIZE);
	return cdb_unpack((const unsigned char *)value);
}

static bool read_setting(const struct tables *tables, const char *name, char *value, size_t size)
{
	unsigned length;
	const char *found = record_find(tables, RECORD_SETTING, name, NULL, &length);

	if (!found || length >= size)
		return false;
	memcpy(value, found, length);
	value[length] = '\0';
	return true;
}

static bool read_accept_all(struct tables *tables)
{
	struct mailbox *everything = &tables->everything;
	char word[ACCEPT_ALL_WORD_SIZE];

	if (!read_setting(tables, SETTING_ACCEPT_ALL, word, sizeof(word)))
		return false;
	while (strcmp(word, accept_all_words[tables->accept_all]) != 0)
		if (tables->accept_all++ == ACCEPT_ALL_EACH)
			return false;
	return read_setting(tables, SETTING_ACCEPT_ALL_LOCAL, everything->local,
			    sizeof(everything->local)) &&
	       read_setting(tables, SETTING_ACCEPT_ALL_DOMAIN, everything->domain,
			    sizeof(everything->domain)) &&
	       read_setting(tables, SETTING_MAILDIR, tables->maildir, sizeof(tables->maildir));
}

static bool read_quota(struct tables *tables)
{
	unsigned length;
	const char *found = record_find(tables, RECORD_SETTING, SETTING_QUOTA, NULL, &length);

	if (!found || length != sizeof(tables->quota))
		return false;
	memcpy(&tables->quota, found, length);
	return true;
}

static bool read_settings(struct tables *tables)
{
	char delimiter[2], senders[2];

	if (!read_setting(tables, SETTING_DELIMITER, delimiter, sizeof(delimiter)) ||
	    !read_setting(tables, SETTING_DEFAULT_DOMAIN, tables->default_domain,
			  sizeof(tables->default_domain)) ||
	    !read_setting(tables, SETTING_FIRST_DOMAIN, tables->first_domain,
			  sizeof(tables->first_domain)) ||
	    !read_setting(tables, SETTING_REJECTED_SENDERS, senders, sizeof(senders)))
		return false;
	tables->delimiter = delimiter[0];
	tables->rejects_senders = senders[0];
	return read_accept_all(tables) && read_quota(tables);
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
