/*
 * names.c - which certificate a name of SNI stands for (RFC 6066 3)
 *
 * Runs in: postern's master, postern-worker.  Privilege: none needed.
 * Distrusts: the name that a client sends.
 */
#include "common/tls/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail/fail.h"

#define LABEL_MAX 63

/* The lower-case form of a character of a label, or 0. */
static char label_character(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
		return c;
	return '\0';
}

static bool copy_normal(const char *bytes, size_t length, char *name)
{
	size_t label = 0; /* characters of the present one */

	for (size_t i = 0; i < length; i++) {
		name[i] = bytes[i] == '.' ? '.' : label_character(bytes[i]);
		label = bytes[i] == '.' ? 0 : label + 1;
		if (!name[i] || label > LABEL_MAX ||
		    (bytes[i] == '.' && (i == 0 || name[i - 1] == '.')))
			return false;
	}
	name[length] = '\0';
	return label > 0;
}

bool tls_name_normalise(const char *bytes, size_t length, char *name)
{
	if (length > 0 && bytes[length - 1] == '.')
		length--;
	if (length < TLS_NAME_SIZE && copy_normal(bytes, length, name))
		return true;
	*name = '\0';
	return false;
}

bool tls_names_add(struct tls_names *names, const struct text_list *list, size_t place)
{
	struct tls_name *items =
		reallocarray(names->items, names->count + list->count + 1, sizeof(*items));

	if (!items)
		return false;
	names->items = items;
	for (size_t i = 0; i < list->count; i++) {
		char *copy = strdup(list->items[i]);

		if (!copy)
			return false;
		items[names->count++] = (struct tls_name){ copy, place };
	}
	return true;
}

/* By name; of equal ones that with the lower place comes first. */
static int compare(const void *left, const void *right)
{
	const struct tls_name *one = left, *other = right;
	int order = strcmp(one->name, other->name);

	return order ? order : (one->place > other->place) - (one->place < other->place);
}

void tls_names_sort(struct tls_names *names)
{
	size_t kept = 0;

	if (names->count > 0)
		qsort(names->items, names->count, sizeof(*names->items), compare);
	for (size_t i = 0; i < names->count; i++)
		if (kept > 0 && !strcmp(names->items[kept - 1].name, names->items[i].name))
			free(names->items[i].name);
		else
			names->items[kept++] = names->items[i];
	names->count = kept;
}

static int compare_name(const void *key, const void *item)
{
	return strcmp(key, ((const struct tls_name *)item)->name);
}

static const struct tls_name *find(const struct tls_names *names, const char *name)
{
	if (names->count == 0)
		return NULL;
	return bsearch(name, names->items, names->count, sizeof(*names->items), compare_name);
}

bool tls_names_find(const struct tls_names *names, const char *name, size_t *place)
{
	const struct tls_name *found = find(names, name);
	const char *dot = strchr(name, '.');
	char wildcard[1 + TLS_NAME_SIZE];

	if (!found && dot) {
		snprintf(wildcard, sizeof(wildcard), "*%s", dot);
		found = find(names, wildcard);
	}
	if (found)
		*place = found->place;
	return found;
}

void tls_names_free(struct tls_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i].name);
	free(names->items);
	*names = (struct tls_names){ NULL, 0 };
}
