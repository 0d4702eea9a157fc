/*
 * visited.c - which mailboxes and aliases the expansion of an alias has met
 *
 * Runs in: postern's master.  Privilege: none needed.
 * Distrusts: the number of nodes (memory may be short).
 */
#include "common/tables/visited.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail/fail.h"

#define FIRST_ROOM 64
#define KEPT_ROOM 1024 /* one long list must not make the next thousand slow */

/* Pointers differ in their middle bits; a large odd factor brings those to the top. */
static size_t place_of(struct node node)
{
	uint64_t mixed = (uint64_t)(uintptr_t)node.entry * 0x9e3779b97f4a7c15u;

	mixed ^= (uint64_t)(uintptr_t)node.domain * 0xc2b2ae3d27d4eb4fu;
	return (size_t)(mixed >> 32);
}

/* The slot that holds the node, or the free one where it belongs: there always is one. */
static struct node *slot_of(const struct visited *visited, struct node node)
{
	size_t place = place_of(node);

	for (;; place++) {
		struct node *slot = &visited->slots[place & (visited->room - 1)];

		if (!slot->entry || (slot->entry == node.entry && slot->domain == node.domain))
			return slot;
	}
}

static bool grow(struct visited *visited)
{
	struct visited larger = { .room = visited->room ? visited->room * 2 : FIRST_ROOM };

	larger.slots = allocate(larger.room, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	larger.count = visited->count;
	for (size_t i = 0; i < visited->room; i++)
		if (visited->slots[i].entry)
			*slot_of(&larger, visited->slots[i]) = visited->slots[i];
	free(visited->slots);
	*visited = larger;
	return true;
}

enum visit visited_add(struct visited *visited, struct node node)
{
	struct node *slot;

	/* Half of the slots stay free, so that a search is short and ends. */
	if (visited->count * 2 >= visited->room && !grow(visited))
		return VISIT_NO_MEMORY;
	slot = slot_of(visited, node);
	if (slot->entry)
		return VISIT_AGAIN;
	*slot = node;
	visited->count++;
	return VISIT_FIRST;
}

void visited_clear(struct visited *visited)
{
	if (visited->room > KEPT_ROOM) {
		free(visited->slots);
		*visited = (struct visited){ NULL, 0, 0 };
	}
	if (visited->room)
		memset(visited->slots, 0, visited->room * sizeof(*visited->slots));
	visited->count = 0;
}

void visited_free(struct visited *visited)
{
	free(visited->slots);
}
