/*
 * expand.h - follows an alias to the mailboxes it stands for
 */
#ifndef POSTERN_COMMON_TABLES_EXPAND_H
#define POSTERN_COMMON_TABLES_EXPAND_H

#include <stdbool.h>
#include <stddef.h>

#include "common/fail/fail.h"
#include "common/tables/entries.h"
#include "common/tables/tables.h"
#include "common/tables/visited.h"

/* Aliases that may stand behind each other; the longest chain one could mean is far shorter. */
#define ALIAS_DEPTH_MAX 64

/* What is listed. */
struct listing {
	struct domains domains;
	struct entries mailboxes;
	struct entries aliases;
	struct entries senders; /* rules about those that are rejected */
};

/* The mailbox "postmaster" of each domain that lists none: RFC 5321 4.5.1. */
extern const struct entry implicit_postmaster;

/* Whether the domain has the implicit postmaster. */
bool listing_lacks_postmaster(const struct listing *listing, const char *domain);

/* Set path and listing (and zeros) before the first expand(). */
struct expansion {
	const struct listing *listing;
	const char *path; /* of the aliases' file, for the problem */
	struct problem *problem;

	struct node *mailboxes; /* the result, each once, in the order of the file */
	size_t count;

	struct visited visited;
	struct node chain[ALIAS_DEPTH_MAX]; /* from the alias that is expanded to the one in hand */
	size_t depth;
};

/*
 * Expands an alias as it is in one domain into expansion->mailboxes. False with
 * "file:line: ..." in *problem: a target that is not listed, a loop, more than
 * TABLES_MAILBOXES_MAX mailboxes.
 */
bool expand(struct expansion *expansion, const struct entry *alias, const char *domain);
void expansion_free(struct expansion *expansion);

#endif
