/*
 * visited.h - which mailboxes and aliases the expansion of an alias has met
 */
#ifndef POSTERN_COMMON_TABLES_VISITED_H
#define POSTERN_COMMON_TABLES_VISITED_H

#include <stddef.h>

#include "common/tables/entries.h"

/* An entry as it is in one domain. */
struct node {
	const struct entry *entry;
	const char *domain; /* as domains_find returns it */
};

/* A set of nodes. Begins as zeros. */
struct visited {
	struct node *slots; /* entry NULL: free */
	size_t room;	    /* 0 or a power of two */
	size_t count;
};

enum visit { VISIT_FIRST, VISIT_AGAIN, VISIT_NO_MEMORY };

/* Puts the node into the set. */
enum visit visited_add(struct visited *visited, struct node node);

/* Makes the set empty. */
void visited_clear(struct visited *visited);
void visited_free(struct visited *visited);

#endif
