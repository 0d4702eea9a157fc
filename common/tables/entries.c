/*
 * entries.c - what the tables' files list, while the tables are built
 *
 * Runs in: postern's master.  Privilege: none needed.
 * Distrusts: the number of entries (memory may be short); names are normal.
 */
#include "common/tables/entries.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail/fail.h"

static int compare_strings(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

bool domains_make(struct domains *domains, const struct text_list *list)
{
	char normal[MAILBOX_NAME_SIZE];

	domains->count = 0;
	domains->items = allocate(list->count + 1, sizeof(*domains->items));
	domains->sorted = allocate(list->count + 1, sizeof(*domains->sorted));
	if (!domains->items || !domains->sorted)
		return false;
	for (size_t i = 0; i < list->count; i++) {
		char *copy = domain_normalise(list->items[i], normal, sizeof(normal))
				     ? strdup(normal)
				     : NULL;

		if (!copy)
			return false;
		domains->sorted[domains->count] = copy;
		domains->items[domains->count++] = copy;
	}
	qsort(domains->sorted, domains->count, sizeof(*domains->sorted), compare_strings);
	return true;
}

void domains_free(struct domains *domains)
{
	for (size_t i = 0; i < domains->count; i++)
		free(domains->items[i]);
	free(domains->items);
	free(domains->sorted);
}

const char *domains_find(const struct domains *domains, const char *name)
{
	char **found = bsearch(&name, domains->sorted, domains->count, sizeof(*domains->sorted),
			       compare_strings);

	return found ? *found : NULL;
}

struct entry *entries_add(struct entries *entries, const char *local, const char *domain,
			  unsigned line)
{
	size_t room = entries->room ? entries->room * 2 : 64;
	struct entry *entry = entries->items;

	if (entries->count == entries->room) {
		entry = reallocarray(entries->items, room, sizeof(*entry));
		if (!entry)
			return NULL;
		entries->items = entry;
		entries->room = room;
	}
	entry += entries->count;
	*entry = (struct entry){ .local = strdup(local), .domain = domain, .line = line };
	if (!entry->local)
		return NULL;
	entries->count++;
	return entry;
}

bool entry_add_target(struct entry *entry, const char *local, const char *domain, unsigned line)
{
	struct target *targets = entry->targets;
	size_t count = entry->target_count;

	/* The room doubles: it is full whenever the count is a power of two. */
	if ((count & (count - 1)) == 0) {
		targets = reallocarray(targets, count ? count * 2 : 1, sizeof(*targets));
		if (!targets)
			return false;
		entry->targets = targets;
	}
	targets[count] = (struct target){ strdup(local), domain, line };
	if (!targets[count].local)
		return false;
	entry->target_count++;
	return true;
}

void entries_free(struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++) {
		struct entry *entry = &entries->items[i];

		for (size_t j = 0; j < entry->target_count; j++)
			free(entry->targets[j].local);
		free(entry->targets);
		free(entry->text);
		free(entry->local);
	}
	free(entries->items);
	free(entries->sorted);
}

static int compare_names(const struct entry *left, const struct entry *right)
{
	int order = strcmp(left->local, right->local);
	uintptr_t left_domain = (uintptr_t)left->domain;
	uintptr_t right_domain = (uintptr_t)right->domain;

	if (order)
		return order;
	return (left_domain > right_domain) - (left_domain < right_domain);
}

/* By name, then by line, so that the order does not depend on the sorting algorithm. */
static int compare_entries(const void *left, const void *right)
{
	const struct entry *one = *(struct entry *const *)left;
	const struct entry *other = *(struct entry *const *)right;
	int order = compare_names(one, other);

	return order ? order : (one->line > other->line) - (one->line < other->line);
}

bool entries_sort(struct entries *entries)
{
	entries->sorted = allocate(entries->count + 1, sizeof(struct entry *));
	if (!entries->sorted)
		return false;
	for (size_t i = 0; i < entries->count; i++)
		entries->sorted[i] = &entries->items[i];
	qsort(entries->sorted, entries->count, sizeof(struct entry *), compare_entries);
	return true;
}

const struct entry *entries_duplicate(const struct entries *entries, const struct entry **earlier)
{
	const struct entry *first = NULL;

	for (size_t i = 1; i < entries->count; i++) {
		const struct entry *entry = entries->sorted[i];

		if (compare_names(entries->sorted[i - 1], entry) == 0 &&
		    (!first || entry->line < first->line)) {
			first = entry;
			*earlier = entries->sorted[i - 1];
		}
	}
	return first;
}

const struct entry *entries_find(const struct entries *entries, const char *local,
				 const char *domain)
{
	size_t low = 0, high = entries->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct entry wanted = { .local = (char *)local, .domain = domain };
		int order = compare_names(&wanted, entries->sorted[middle]);

		if (order == 0)
			return entries->sorted[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct entry *entries_resolve(const struct entries *entries, const char *local,
				    const char *domain)
{
	const struct entry *entry = entries_find(entries, local, domain);

	return entry ? entry : entries_find(entries, local, NULL);
}
