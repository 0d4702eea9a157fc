/*
 * mailboxes.c - the file of mailboxes: one a line, alice or alice@example.net
 *
 * Runs in: postern's master.  Privilege: the master's, to read the file.
 * Distrusts: the file.
 */
#include <string.h>

#include "common/tables/lists.h"
#include "common/tables/name.h"
#include "common/tables/source.h"

#define WHITE " \t\r"

/* key=value words may follow the name one day; today none is known. */
static bool check_rest(const struct source *source, const char *rest)
{
	const char *word = rest + strspn(rest, WHITE);
	size_t length = strcspn(word, WHITE "=");

	if (!*word)
		return true;
	if (word[length] == '=' && word > rest)
		return source_fail(source, source->line, "unknown key %.*s; remove it",
				   (int)(length < 100 ? length : 100), word);
	return source_fail(source, source->line,
			   "\"%.100s\" behind the name of a mailbox; write one mailbox a line",
			   word);
}

static bool read_line(const struct source *source, const char *line, const struct domains *domains,
		      struct entries *mailboxes)
{
	const char *cursor = line + strspn(line, WHITE);
	const char *domain = NULL;
	struct name name;
	struct problem what;

	if (!name_read(&cursor, &name, LISTED_LOCAL_MAX, &what))
		return source_fail(source, source->line, "%s", what.text);
	if (!check_rest(source, cursor))
		return false;
	if (!*name.local)
		return source_fail(source, source->line,
				   "@%.100s has no name; a catch-all belongs into aliases",
				   name.domain);
	if (*name.domain && !(domain = domains_find(domains, name.domain)))
		return source_fail(source, source->line,
				   "%.100s is not ours; add it to domains or remove the mailbox",
				   name.domain);
	if (!entries_add(mailboxes, name.local, domain, source->line))
		return problem_set(source->problem, "%s: out of memory", source->path);
	return true;
}

static bool fail_duplicate(const struct source *source, const struct entry *entry,
			   const struct entry *other)
{
	return source_fail(source, entry->line,
			   "mailbox %s is listed in line %u already; remove one of them",
			   entry->local, other->line);
}

/* A name for every domain and the same name for one of them are duplicates, too. */
static bool check_duplicates(const struct source *source, const struct entries *mailboxes)
{
	const struct entry *earlier;
	const struct entry *duplicate = entries_duplicate(mailboxes, &earlier);

	if (duplicate)
		return fail_duplicate(source, duplicate, earlier);
	for (size_t i = 0; i < mailboxes->count; i++) {
		const struct entry *entry = &mailboxes->items[i];
		const struct entry *every =
			entry->domain ? entries_find(mailboxes, entry->local, NULL) : NULL;

		if (every && every->line < entry->line)
			return fail_duplicate(source, entry, every);
		if (every)
			return fail_duplicate(source, every, entry);
	}
	return true;
}

bool mailboxes_read(const char *path, const struct domains *domains, struct entries *mailboxes,
		    struct problem *problem)
{
	struct source source;
	bool is_fine = source_open(&source, path, problem);
	const char *line;

	while (is_fine && (line = source_next(&source)))
		is_fine = read_line(&source, line, domains, mailboxes);
	if (is_fine && !entries_sort(mailboxes))
		is_fine = problem_set(problem, "%s: out of memory", path);
	is_fine = is_fine && check_duplicates(&source, mailboxes);
	source_close(&source);
	return is_fine;
}
