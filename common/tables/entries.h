/*
 * entries.h - what the tables' files list, while the tables are built
 */
#ifndef POSTERN_COMMON_TABLES_ENTRIES_H
#define POSTERN_COMMON_TABLES_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/configuration/configuration.h"
#include "common/tables/tables.h"

/*
 * The domains in normal form. A domain is known by the pointer that
 * domains_find returns, so that comparing two is comparing pointers.
 */
struct domains {
	char **items;  /* in the order of the configuration */
	char **sorted; /* the same strings */
	size_t count;
};

/* False when memory is short or a name is not a domain. */
bool domains_make(struct domains *domains, const struct text_list *list);
void domains_free(struct domains *domains);
/* The domain of that name in normal form, or NULL. */
const char *domains_find(const struct domains *domains, const char *name);

/* What an alias stands for. */
struct target {
	char *local;
	const char *domain; /* NULL: that of the recipient */
	unsigned line;
};

/* A mailbox (no targets), an alias, or a rule about senders. */
struct entry {
	char *local;	    /* "" : the catch-all of its domain; the whole of a rule */
	const char *domain; /* NULL: every domain; of a rule */
	char *text;	    /* what a rule tells the sender; NULL: nothing of its own */
	unsigned line;
	struct quota quota; /* of a mailbox */
	struct target *targets;
	size_t target_count;
};

struct entries {
	struct entry *items; /* in the order of the file */
	size_t count;
	size_t room;
	struct entry **sorted; /* by name; set by entries_sort */
};

/* Adds an entry, the name copied; NULL when memory is short. Valid until the next is added. */
struct entry *entries_add(struct entries *entries, const char *local, const char *domain,
			  unsigned line);
bool entry_add_target(struct entry *entry, const char *local, const char *domain, unsigned line);
void entries_free(struct entries *entries);

/* To be called once, when all are added. False when memory is short. */
bool entries_sort(struct entries *entries);

/*
 * The entry that repeats the name of an earlier one and stands first in the
 * file among such; *earlier is the other one. NULL: there is none.
 */
const struct entry *entries_duplicate(const struct entries *entries, const struct entry **earlier);

/* The entry with exactly that domain (NULL: that for every domain), or NULL. */
const struct entry *entries_find(const struct entries *entries, const char *local,
				 const char *domain);

/* The entry that holds for local@domain: one with the domain wins over one without. */
const struct entry *entries_resolve(const struct entries *entries, const char *local,
				    const char *domain);

#endif
