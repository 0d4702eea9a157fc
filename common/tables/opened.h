/*
 * opened.h - the compiled tables as a look-up holds them
 */
#ifndef POSTERN_COMMON_TABLES_OPENED_H
#define POSTERN_COMMON_TABLES_OPENED_H

#include <limits.h>

#include <cdb.h>

#include "common/tables/records.h"
#include "common/tables/tables.h"

struct tables {
	struct cdb cdb; /* look-ups work on a copy: they keep their place in it */
	char delimiter;
	char default_domain[MAILBOX_NAME_SIZE];
	char first_domain[MAILBOX_NAME_SIZE];
	enum accept_all accept_all;
	struct mailbox everything; /* of ACCEPT_ALL_ONE */
	char maildir[PATH_MAX];	   /* of ACCEPT_ALL_EACH: the template of all paths */
	bool rejects_senders;	   /* there are rules about senders */
	struct quota quota;	   /* of a mailbox that no file lists */
};

/* Finds a record: its value, *length bytes, or NULL. */
const char *record_find(const struct tables *tables, enum record record, const char *domain,
			const char *local, unsigned *length);

/* The line at the front of a value. */
unsigned record_line(const char *value, unsigned length);

#endif
