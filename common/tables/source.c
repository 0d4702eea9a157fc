/*
 * source.c - the lines of a table's file
 *
 * Runs in: postern's master.  Privilege: the master's, to read the files.
 * Distrusts: the files.
 */
#include "common/tables/source.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool source_open(struct source *source, const char *path, struct problem *problem)
{
	*source = (struct source){ .path = path, .problem = problem };
	if (!text_file_read(path, &source->file, problem))
		return false;
	source->next = source->file.text;
	return true;
}

void source_close(struct source *source)
{
	free(source->file.text);
	source->file.text = NULL;
}

static bool is_white(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts off the comment and the white space in front of it; returns whether anything is left. */
static bool trim(char *line)
{
	bool is_quoted = false;
	char *end = line;

	for (char *c = line; *c; c++) {
		if (*c == '#' && !is_quoted && (c == line || is_white(c[-1])))
			break;
		if (*c == '\\' && is_quoted && c[1])
			c++;
		else if (*c == '"')
			is_quoted = !is_quoted;
		if (!is_white(*c))
			end = c + 1;
	}
	*end = '\0';
	return end > line;
}

char *source_next(struct source *source)
{
	while (source->next) {
		char *line = source->next;

		source->next = strchr(line, '\n');
		if (source->next)
			*source->next++ = '\0';
		source->line++;
		if (trim(line))
			return line;
	}
	return NULL;
}

bool source_fail(const struct source *source, unsigned line, const char *format, ...)
{
	struct problem what;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what.text, sizeof(what.text), format, arguments);
	va_end(arguments);
	problem_set(source->problem, "%s:%u: %s", source->path, line, what.text);
	text_make_printable(source->problem->text);
	return false;
}
