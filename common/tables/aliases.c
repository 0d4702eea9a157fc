/*
 * aliases.c - the file of aliases: "sales: alice, bob", "@example.net: alice"
 *
 * Runs in: postern's master.  Privilege: the master's, to read the file.
 * Distrusts: the file.
 */
#include <string.h>

#include "common/tables/lists.h"
#include "common/tables/name.h"
#include "common/tables/source.h"

#define WHITE " \t\r"

struct alias_reader {
	struct source source;
	const struct domains *domains;
	struct entries *aliases;
	struct entry *entry; /* the alias in hand, NULL before the first */
	bool wants_target;   /* the last thing read was a colon or a comma */
};

static const char *skip_white(const char *text)
{
	return text + strspn(text, WHITE);
}

static bool fail_memory(const struct source *source)
{
	return problem_set(source->problem, "%s: out of memory", source->path);
}

/* The domain of a name, or NULL in *domain for none. */
static bool find_domain(const struct alias_reader *reader, const struct name *name, bool is_target,
			const char **domain)
{
	*domain = NULL;
	if (!*name->domain || (*domain = domains_find(reader->domains, name->domain)))
		return true;
	if (is_target)
		return source_fail(&reader->source, reader->source.line,
				   "%.100s is not ours and postern does not relay; name a mailbox "
				   "or alias of ours",
				   name->domain);
	return source_fail(&reader->source, reader->source.line,
			   "%.100s is not ours; add it to domains or remove the alias",
			   name->domain);
}

static bool read_target(struct alias_reader *reader, const char **cursor)
{
	const struct source *source = &reader->source;
	const char *domain;
	struct name name;
	struct problem what;

	if (!name_read(cursor, &name, LISTED_LOCAL_MAX, &what))
		return source_fail(source, source->line, "%s", what.text);
	if (!*name.local)
		return source_fail(source, source->line,
				   "@%.100s is no target; name a mailbox or alias", name.domain);
	if (!find_domain(reader, &name, true, &domain))
		return false;
	if (!entry_add_target(reader->entry, name.local, domain, source->line))
		return fail_memory(source);
	reader->wants_target = false;
	return true;
}

/* Names with a comma between each two, up to the end of the line. */
static bool read_targets(struct alias_reader *reader, const char *cursor)
{
	for (cursor = skip_white(cursor); *cursor; cursor = skip_white(cursor)) {
		if (reader->wants_target) {
			if (!read_target(reader, &cursor))
				return false;
		} else if (*cursor == ',') {
			reader->wants_target = true;
			cursor++;
		} else {
			return source_fail(&reader->source, reader->source.line,
					   "a comma is missing before \"%.100s\"", cursor);
		}
	}
	return true;
}

/* The alias in hand must have a target behind its colon and behind each comma. */
static bool finish_entry(const struct alias_reader *reader)
{
	if (!reader->entry || !reader->wants_target)
		return true;
	return source_fail(&reader->source, reader->entry->line,
			   "alias %s has no target behind its colon or last comma; name a mailbox",
			   reader->entry->local);
}

static bool begin_entry(struct alias_reader *reader, const char *line)
{
	const struct source *source = &reader->source;
	const char *cursor = line;
	const char *domain;
	struct name name;
	struct problem what;

	if (!finish_entry(reader))
		return false;
	if (!name_read(&cursor, &name, LISTED_LOCAL_MAX, &what))
		return source_fail(source, source->line, "%s", what.text);
	if (!find_domain(reader, &name, false, &domain))
		return false;
	cursor = skip_white(cursor);
	if (*cursor != ':')
		return source_fail(source, source->line,
				   "a colon is missing; write NAME: MAILBOX, MAILBOX");
	reader->entry = entries_add(reader->aliases, name.local, domain, source->line);
	if (!reader->entry)
		return fail_memory(source);
	reader->wants_target = true;
	return read_targets(reader, cursor + 1);
}

/* A line that begins with white space continues the alias above it. */
static bool read_line(struct alias_reader *reader, const char *line)
{
	if (!strchr(WHITE, *line))
		return begin_entry(reader, line);
	if (reader->entry)
		return read_targets(reader, line);
	return source_fail(&reader->source, reader->source.line,
			   "white space at the start, and no alias above that the line could "
			   "continue; begin the line with the name");
}

static bool check_duplicates(const struct source *source, const struct entries *aliases)
{
	const struct entry *earlier;
	const struct entry *duplicate = entries_duplicate(aliases, &earlier);

	if (!duplicate)
		return true;
	return source_fail(source, duplicate->line,
			   "alias %s%s%.100s is listed in line %u already; join the two",
			   duplicate->local, duplicate->domain ? "@" : "",
			   duplicate->domain ? duplicate->domain : "", earlier->line);
}

bool aliases_read(const char *path, const struct domains *domains, struct entries *aliases,
		  struct problem *problem)
{
	struct alias_reader reader = { .domains = domains, .aliases = aliases };
	bool is_fine = source_open(&reader.source, path, problem);
	const char *line;

	while (is_fine && (line = source_next(&reader.source)))
		is_fine = read_line(&reader, line);
	is_fine = is_fine && finish_entry(&reader);
	if (is_fine && !entries_sort(aliases))
		is_fine = fail_memory(&reader.source);
	is_fine = is_fine && check_duplicates(&reader.source, aliases);
	source_close(&reader.source);
	return is_fine;
}
