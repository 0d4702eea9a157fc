/*
 * lists.h - the files of mailboxes and aliases
 */
#ifndef POSTERN_COMMON_TABLES_LISTS_H
#define POSTERN_COMMON_TABLES_LISTS_H

#include <stdbool.h>

#include "common/fail/fail.h"
#include "common/tables/entries.h"

/*
 * Each reads a file into entries, which the caller has set to zero, and sorts
 * them. False with "file:line: ..." in *problem.
 */
bool mailboxes_read(const char *path, const struct domains *domains, struct entries *mailboxes,
		    struct problem *problem);
bool aliases_read(const char *path, const struct domains *domains, struct entries *aliases,
		  struct problem *problem);

#endif
