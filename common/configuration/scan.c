/*
 * scan.c - what libConfuse 3.3 does not see to in a text, done before it reads it
 *
 * Runs in: every program.  Privilege: none needed.
 * Distrusts: the configuration file.
 */
#include "common/configuration/scan.h"

#include <stdbool.h>
#include <string.h>

/* Behind the ${VARIABLE} at `text`, or NULL: there is none. Quotes within count for nothing. */
static char *skip_variable(char *text)
{
	char *end = strncmp(text, "${", 2) ? NULL : strchr(text, '}');

	return end ? end + 1 : NULL;
}

/* Behind the quoted string that begins at `text`; a backslash takes the next character along. */
static char *skip_quoted(char *text)
{
	char quote = *text++;

	while (*text && *text != quote) {
		char *behind = quote == '"' ? skip_variable(text) : NULL;

		if (behind)
			text = behind;
		else if (*text == '\\' && text[1])
			text += 2;
		else
			text++;
	}
	return *text ? text + 1 : text;
}

static char *blank_line(char *text)
{
	size_t length = strcspn(text, "\n");

	memset(text, ' ', length);
	return text + length;
}

static char *blank_block(char *text)
{
	char *end = strstr(text + 2, "*/");

	/* One that is not closed stays: libConfuse then finds the end of the file within it. */
	if (!end)
		return text + strlen(text);
	for (end += 2; text < end; text++)
		if (*text != '\n')
			*text = ' ';
	return end;
}

/* Blanks the comment at `text` and returns what is behind it, or NULL: there is none. */
static char *blank_comment(char *text, bool within_word)
{
	if (*text == '#')
		return blank_line(text);
	if (within_word) /* "a//b" is one word, as a path may be */
		return NULL;
	if (!strncmp(text, "//", 2))
		return blank_line(text);
	return strncmp(text, "/*", 2) ? NULL : blank_block(text);
}

/* Behind what must be taken as a whole (string, variable, comment), or NULL. */
static char *skip_whole(char *text, bool within_word)
{
	if (*text == '\'' || *text == '"')
		return skip_quoted(text);
	if (*text == '$')
		return skip_variable(text);
	return blank_comment(text, within_word);
}

size_t scan(char *text)
{
	bool within_word = false;
	size_t open = 0;

	while (*text) {
		char *behind = skip_whole(text, within_word);

		if (behind) {
			/* A comment that is still there has no end. */
			open += !strncmp(text, "/*", 2);
			text = behind;
			within_word = false;
			continue;
		}
		if (*text == '{')
			open++;
		else if (*text == '}' && open > 0)
			open--;
		within_word = !strchr(" \t\r\n={}(),+*", *text);
		text++;
	}
	return open;
}
