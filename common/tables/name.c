/*
 * name.c - a name as the tables' files write it
 *
 * Runs in: postern's master.  Privilege: none needed.
 * Distrusts: the files.
 */
#include "common/tables/name.h"

#include <string.h>

/* What ends a name, and what may stand in one only within quotes (RFC 5321 4.1.2). */
#define BARE_END " \t,:@"
#define NEEDS_QUOTES "\"<>()[];\\"

/* More than any name that is taken; longer ones are cut and then refused by their length. */
#define RAW_SIZE (4 * MAILBOX_NAME_SIZE)

static bool append(char *raw, size_t *used, char c)
{
	if (*used + 1 >= RAW_SIZE)
		return false;
	raw[(*used)++] = c;
	raw[*used] = '\0';
	return true;
}

static bool read_quoted(const char **cursor, char *raw, struct problem *what)
{
	const char *c = *cursor + 1;
	size_t used = 0;

	for (; *c && *c != '"'; c++) {
		if (*c == '\\' && c[1])
			c++;
		if (!append(raw, &used, *c))
			return problem_set(what, "a name is too long; shorten it");
	}
	if (*c != '"')
		return problem_set(what, "a quoted name has no end; close the quote");
	if (used == 0)
		return problem_set(what, "a quoted name is empty; write a name or remove it");
	*cursor = c + 1;
	return true;
}

static bool read_bare(const char **cursor, char *raw, struct problem *what)
{
	size_t length = strcspn(*cursor, BARE_END NEEDS_QUOTES);

	if ((*cursor)[length] && strchr(NEEDS_QUOTES, (*cursor)[length]))
		return problem_set(what, "a name with %c needs quotes, as in \"john doe\"",
				   (*cursor)[length]);
	if (length >= RAW_SIZE)
		return problem_set(what, "a name is too long; shorten it");
	memcpy(raw, *cursor, length);
	raw[length] = '\0';
	*cursor += length;
	return true;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static bool read_local(const char **cursor, struct name *name, size_t local_max,
		       struct problem *what)
{
	char raw[RAW_SIZE] = "";

	if (!(**cursor == '"' ? read_quoted : read_bare)(cursor, raw, what))
		return false;
	if (has_control(raw))
		return problem_set(what, "a name with a control character; remove it");
	if (!local_normalise(raw, name->local, sizeof(name->local)) ||
	    strlen(name->local) > local_max)
		return problem_set(what,
				   "\"%.100s\" is not UTF-8 or longer than %zu bytes; "
				   "shorten it",
				   raw, local_max);
	return true;
}

static bool read_domain(const char **cursor, struct name *name, struct problem *what)
{
	const char *begin = *cursor + 1;
	/* An address literal may hold colons. */
	size_t length = *begin == '[' ? strcspn(begin, " \t,]") : strcspn(begin, BARE_END);
	char raw[RAW_SIZE];

	if (begin[length] == ']')
		length++;
	if (length >= sizeof(raw))
		return problem_set(what, "a domain is too long; shorten it");
	memcpy(raw, begin, length);
	raw[length] = '\0';
	if (!domain_normalise(raw, name->domain, sizeof(name->domain)))
		return problem_set(what, "\"%.100s\" is not a domain; write it like example.org",
				   raw);
	*cursor = begin + length;
	return true;
}

bool name_read(const char **cursor, struct name *name, size_t local_max, struct problem *what)
{
	const char *begin = *cursor;

	name->local[0] = '\0';
	name->domain[0] = '\0';
	if (*begin != '@' && !read_local(cursor, name, local_max, what))
		return false;
	if (**cursor == '@' && !read_domain(cursor, name, what))
		return false;
	if (*cursor == begin)
		return problem_set(what, "a name is missing; write one like alice or "
					 "alice@example.org");
	return true;
}
