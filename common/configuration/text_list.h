/*
 * text_list.h - a list of texts
 */
#ifndef POSTERN_COMMON_CONFIGURATION_TEXT_LIST_H
#define POSTERN_COMMON_CONFIGURATION_TEXT_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* { NULL, 0 } is an empty one. */
struct text_list {
	char **items;
	size_t count;
};

/* Adds a copy of the text to the list; false, the list unchanged, when memory is short. */
bool text_list_add(struct text_list *list, const char *text);

/* Whether the text is one of the list, byte for byte. */
bool text_list_holds(const struct text_list *list, const char *text);

/* Frees the texts; the list is empty then. */
void text_list_free(struct text_list *list);

#endif
