/*
 * senders.c - the file of rejected senders: example.org, .example.org, joe@example.org "Go away"
 *
 * Runs in: postern's master.  Privilege: the master's, to read the file.
 * Distrusts: the file.
 */
#include <stdio.h>
#include <string.h>

#include <bsd/string.h>

#include "common/tables/lists.h"
#include "common/tables/name.h"
#include "common/tables/source.h"

#define WHITE " \t\r"

/* A sender's local part may be longer than any that is listed as a mailbox. */
#define SENDER_LOCAL_MAX (MAILBOX_NAME_SIZE - 1)
#define RULE_SIZE (2 * MAILBOX_NAME_SIZE)
/* More than any domain that is taken, in whatever form. */
#define RAW_DOMAIN_SIZE (4 * MAILBOX_NAME_SIZE)

/* Forms that other programs know, or that look as if they meant something. */
static const struct {
	const char *beginning;
	const char *what;
} refused[] = {
	{ "<>", "<> is the sender of bounces, which must be taken (RFC 5321 4.5.5); remove it" },
	{ "<", "an address stands without < and > here; remove them" },
	{ "*@", "* is no wildcard; write the domain alone for all its senders" },
	{ "*.", "* is no wildcard; write .example.org for all sub-domains of example.org" },
};

static bool check_form(const char *line, struct problem *what)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (!strncmp(line, refused[i].beginning, strlen(refused[i].beginning)))
			return problem_set(what, "%s", refused[i].what);
	return true;
}

static bool read_address(const char **cursor, char *rule, struct problem *what)
{
	struct name name;

	if (!name_read(cursor, &name, SENDER_LOCAL_MAX, what))
		return false;
	if (!*name.local)
		return problem_set(what, "@%.100s has no name; write %.100s for all its senders",
				   name.domain, name.domain);
	if (!*name.domain)
		return problem_set(what, "\"%.100s\" has no domain; write it like joe@example.org",
				   name.local);
	snprintf(rule, RULE_SIZE, "%s@%s", name.local, name.domain);
	return true;
}

/* "example.org", or ".example.org" for what is below it; a literal has nothing below it. */
static bool read_domain(const char **cursor, char *rule, struct problem *what)
{
	size_t length = strcspn(*cursor, WHITE);
	size_t dot = **cursor == '.' ? 1 : 0;
	char raw[RAW_DOMAIN_SIZE];

	strlcpy(raw, *cursor, length < sizeof(raw) ? length + 1 : sizeof(raw));
	*cursor += length;
	rule[0] = '.';
	if (domain_normalise(raw + dot, rule + dot, RULE_SIZE - dot) && !(dot && rule[dot] == '['))
		return true;
	return problem_set(what,
			   "\"%.100s\" is no rule; write example.org, .example.org for its "
			   "sub-domains, or joe@example.org",
			   raw);
}

static bool read_rule(const char **cursor, char *rule, struct problem *what)
{
	size_t length = strcspn(*cursor, WHITE);

	if (!check_form(*cursor, what))
		return false;
	if (**cursor == '"' || memchr(*cursor, '@', length))
		return read_address(cursor, rule, what);
	return read_domain(cursor, rule, what);
}

/* Reads the characters up to the closing quote; false where there are too many, or others. */
static bool read_quoted(const char **cursor, char *text, struct problem *what)
{
	const char *c = *cursor + 1;
	size_t used = 0;

	for (; *c && *c != '"'; c++) {
		if (*c == '\\' && c[1])
			c++;
		if (*c < ' ' || *c > '~')
			return problem_set(what, "the text has a character that is not printable "
						 "ASCII; remove it");
		if (used + 1 >= SENDER_TEXT_SIZE)
			return problem_set(what,
					   "the text is longer than %d characters; shorten it",
					   SENDER_TEXT_SIZE - 1);
		text[used++] = *c;
	}
	text[used] = '\0';
	if (*c != '"')
		return problem_set(what, "the text has no end; close the quote");
	*cursor = c + 1;
	return used > 0 || problem_set(what, "the text is empty; write one or remove the quotes");
}

/* What stands behind a rule: nothing, or a text for the sender. */
static bool read_text(const char *cursor, char *text, struct problem *what)
{
	bool is_apart = strchr(WHITE, *cursor);

	text[0] = '\0';
	cursor += strspn(cursor, WHITE);
	if (!*cursor)
		return true;
	if (*cursor != '"' || !is_apart)
		return problem_set(what,
				   "\"%.100s\" behind the rule; write one rule a line, and a text "
				   "for the sender in double quotes",
				   cursor);
	if (!read_quoted(&cursor, text, what))
		return false;
	if (*cursor)
		return problem_set(what, "\"%.100s\" behind the text; remove it", cursor);
	return true;
}

static bool add_rule(const struct source *source, const char *rule, const char *text,
		     struct entries *senders)
{
	struct entry *entry = entries_add(senders, rule, NULL, source->line);

	if (entry && *text)
		entry->text = strdup(text);
	if (!entry || (*text && !entry->text))
		return problem_set(source->problem, "%s: out of memory", source->path);
	return true;
}

static bool read_line(const struct source *source, const char *line, struct entries *senders)
{
	const char *cursor = line + strspn(line, WHITE);
	char rule[RULE_SIZE], text[SENDER_TEXT_SIZE];
	struct problem what;

	if (!read_rule(&cursor, rule, &what) || !read_text(cursor, text, &what))
		return source_fail(source, source->line, "%s", what.text);
	return add_rule(source, rule, text, senders);
}

static bool check_duplicates(const struct source *source, const struct entries *senders)
{
	const struct entry *earlier;
	const struct entry *duplicate = entries_duplicate(senders, &earlier);

	if (!duplicate)
		return true;
	return source_fail(source, duplicate->line,
			   "%s is listed in line %u already; remove one of them", duplicate->local,
			   earlier->line);
}

bool senders_read(const char *path, struct entries *senders, struct problem *problem)
{
	struct source source;
	bool is_fine = source_open(&source, path, problem);
	const char *line;

	while (is_fine && (line = source_next(&source)))
		is_fine = read_line(&source, line, senders);
	if (is_fine && !entries_sort(senders))
		is_fine = problem_set(problem, "%s: out of memory", path);
	is_fine = is_fine && check_duplicates(&source, senders);
	source_close(&source);
	return is_fine;
}
