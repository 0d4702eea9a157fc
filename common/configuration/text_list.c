/*
 * text_list.c - a list of texts
 *
 * Runs in: every program.  Privilege: none needed.
 * Distrusts: nothing.
 */
#include "common/configuration/text_list.h"

#include <stdlib.h>
#include <string.h>

bool text_list_add(struct text_list *list, const char *text)
{
	char **items = reallocarray(list->items, list->count + 1, sizeof(*items));

	if (!items)
		return false;
	list->items = items;
	items[list->count] = strdup(text);
	if (!items[list->count])
		return false;
	list->count++;
	return true;
}

bool text_list_holds(const struct text_list *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->items[i], text))
			return true;
	return false;
}

void text_list_free(struct text_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct text_list){ NULL, 0 };
}
