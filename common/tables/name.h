/*
 * name.h - a name as the tables' files write it: alice, alice@example.net, "john doe", @example.net
 */
#ifndef POSTERN_COMMON_TABLES_NAME_H
#define POSTERN_COMMON_TABLES_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "common/fail/fail.h"
#include "common/tables/tables.h"

/* RFC 5321 4.5.3.1.1; with %XX for each byte it still fits into a file name. */
#define LISTED_LOCAL_MAX 64

struct name {
	char local[MAILBOX_NAME_SIZE];	/* normal form; "" for none */
	char domain[MAILBOX_NAME_SIZE]; /* normal form; "" for none */
};

/*
 * Reads the name at *cursor, whose local part has at most local_max bytes in its
 * normal form, and moves the cursor behind it. False with what is wrong and how
 * to mend it in *what.
 */
bool name_read(const char **cursor, struct name *name, size_t local_max, struct problem *what);

#endif
