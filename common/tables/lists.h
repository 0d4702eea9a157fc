/*
 * lists.h - the files of mailboxes, aliases and rejected senders
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

/* `quota` is that of a mailbox whose line says nothing of it. */
bool mailboxes_read(const char *path, const struct domains *domains, const struct quota *quota,
		    struct entries *mailboxes, struct problem *problem);
bool aliases_read(const char *path, const struct domains *domains, struct entries *aliases,
		  struct problem *problem);
/*
 * Each entry is a rule in the form of which there is one only: "example.org",
 * ".example.org" for its sub-domains, or "local@example.org", where the last "@" parts the two.
 */
bool senders_read(const char *path, struct entries *senders, struct problem *problem);

#endif
