/*
 * suggest.c - finds what a mistyped option was meant to be
 *
 * Runs in: postern's master, when a configuration is wrong.  Privilege: none needed.
 * Distrusts: the name in the configuration file (any bytes, any length).
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <bsd/string.h>

#include "common/configuration/options.h"

#define NAME_MAX_COMPARED 40 /* no option has a longer name */

/*
 * The number of characters to insert, delete or replace to make one word of
 * the other (Levenshtein distance), row by row.
 */
static size_t distance(const char *from, const char *to)
{
	size_t row[NAME_MAX_COMPARED + 1];
	size_t length = strlen(to);

	if (length > NAME_MAX_COMPARED || strlen(from) > NAME_MAX_COMPARED)
		return SIZE_MAX;
	for (size_t i = 0; i <= length; i++)
		row[i] = i;
	for (size_t line = 1; *from; from++, line++) {
		size_t diagonal = row[0];

		row[0] = line;
		for (size_t i = 1; i <= length; i++) {
			size_t replaced = diagonal + (*from != to[i - 1]);
			size_t shorter = row[i] < row[i - 1] ? row[i] : row[i - 1];

			diagonal = row[i];
			row[i] = replaced < shorter + 1 ? replaced : shorter + 1;
		}
	}
	return row[length];
}

/* Two slips, or one in three characters of a long name, are taken for a slip. */
static bool is_near(const char *name, size_t slips)
{
	return slips <= 2 || slips <= strlen(name) / 3;
}

struct nearest {
	const char *name;
	size_t slips;
};

static void consider(struct nearest *nearest, const char *name, const char *candidate)
{
	size_t slips = distance(name, candidate);

	/* A candidate that shares nothing is not near, however short the names are. */
	if (slips < nearest->slips && slips < strlen(candidate) && is_near(name, slips)) {
		nearest->slips = slips;
		nearest->name = candidate;
	}
}

static const struct option *elsewhere(const char *name)
{
	const struct option *option;

	for (size_t i = 0; (option = option_at(i)); i++)
		if (!strcmp(option->name, name))
			return option;
	return NULL;
}

void option_suggest(const char *section, const char *name, char *cure, size_t size)
{
	struct nearest nearest = { NULL, SIZE_MAX };
	const struct option *option = elsewhere(name);

	if (option && *option->section) {
		snprintf(cure, size, "write it as %s { %s = ... }", option->section, name);
		return;
	}
	if (option) {
		snprintf(cure, size, "it stands outside of every section");
		return;
	}
	for (size_t i = 0; (option = option_at(i)); i++) {
		if (!strcmp(option->section, section))
			consider(&nearest, name, option->name);
		if (!*section && *option->section)
			consider(&nearest, name, option->section);
	}
	if (nearest.name)
		snprintf(cure, size, "did you mean %s?", nearest.name);
	else
		strlcpy(cure, "postern.conf(5) lists the options", size);
}
