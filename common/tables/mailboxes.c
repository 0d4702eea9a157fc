/*
 * mailboxes.c - the file of mailboxes: one a line, alice or alice@example.net quota=1G
 *
 * Runs in: postern's master.  Privilege: the master's, to read the file.
 * Distrusts: the file.
 */
#include <stddef.h>
#include <string.h>

#include <bsd/string.h>

#include "common/configuration/values.h"
#include "common/tables/lists.h"
#include "common/tables/name.h"
#include "common/tables/source.h"

#define WHITE " \t\r"

struct mailbox_reader {
	struct source source;
	const struct domains *domains;
	const struct quota *quota; /* of a mailbox that lists none */
	struct entries *mailboxes;
};

/* ---- what may follow the name: key=value */

/* Each key is the option of section `delivery` that it stands in for, and is read as that is. */
static const struct {
	const char *name;
	size_t offset; /* of its uint64_t in struct quota */
} keys[] = {
	{ "quota", offsetof(struct quota, bytes) },
	{ "quota-messages", offsetof(struct quota, messages) },
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))
#define VALUE_SIZE 64 /* more than any number that is one */

static size_t find_key(const char *word, size_t length)
{
	size_t i = 0;

	while (i < KEY_COUNT &&
	       (strlen(keys[i].name) != length || strncmp(keys[i].name, word, length) != 0))
		i++;
	return i;
}

/* Reads the value of a key, which stands in front of white space. */
static bool read_value(const struct source *source, size_t key, const char *text,
		       struct quota *quota)
{
	const struct option *option = option_find("delivery", keys[key].name);
	uint64_t *number = (uint64_t *)(void *)((char *)quota + keys[key].offset);
	size_t length = strcspn(text, WHITE);
	char word[VALUE_SIZE];
	struct value value;
	struct problem what;

	strlcpy(word, text, length < sizeof(word) ? length + 1 : sizeof(word));
	if (!value_read(option, word, &value, &what))
		return source_fail(source, source->line, "%s", what.text);
	*number = (uint64_t)value.number;
	return true;
}

static bool fail_word(const struct source *source, const char *word, bool is_apart)
{
	size_t length = strcspn(word, WHITE "=");

	if (word[length] == '=' && is_apart)
		return source_fail(source, source->line,
				   "unknown key %.*s; remove it, or write quota=1G or "
				   "quota-messages=10000",
				   (int)(length < 100 ? length : 100), word);
	return source_fail(source, source->line,
			   "\"%.100s\" behind the name of a mailbox; write one mailbox a line",
			   word);
}

/* Reads the words behind the name into *quota, each key once. */
static bool read_keys(const struct source *source, const char *rest, struct quota *quota)
{
	bool is_set[KEY_COUNT] = { false };

	for (const char *word = rest + strspn(rest, WHITE); *word; word += strspn(word, WHITE)) {
		size_t length = strcspn(word, WHITE "=");
		size_t key =
			word[length] == '=' && word > rest ? find_key(word, length) : KEY_COUNT;

		if (key == KEY_COUNT)
			return fail_word(source, word, word > rest);
		if (is_set[key])
			return source_fail(source, source->line,
					   "%s stands twice; remove one of them", keys[key].name);
		if (!read_value(source, key, word + length + 1, quota))
			return false;
		is_set[key] = true;
		word += strcspn(word, WHITE);
	}
	return true;
}

/* ---- lines */

static bool add(const struct mailbox_reader *reader, const struct name *name, const char *domain,
		const struct quota *quota)
{
	const struct source *source = &reader->source;
	struct entry *entry = entries_add(reader->mailboxes, name->local, domain, source->line);

	if (!entry)
		return problem_set(source->problem, "%s: out of memory", source->path);
	entry->quota = *quota;
	return true;
}

static bool read_line(const struct mailbox_reader *reader, const char *line)
{
	const struct source *source = &reader->source;
	const char *cursor = line + strspn(line, WHITE);
	struct quota quota = *reader->quota;
	const char *domain = NULL;
	struct name name;
	struct problem what;

	if (!name_read(&cursor, &name, LISTED_LOCAL_MAX, &what))
		return source_fail(source, source->line, "%s", what.text);
	if (!read_keys(source, cursor, &quota))
		return false;
	if (!*name.local)
		return source_fail(source, source->line,
				   "@%.100s has no name; a catch-all belongs into aliases",
				   name.domain);
	if (*name.domain && !(domain = domains_find(reader->domains, name.domain)))
		return source_fail(source, source->line,
				   "%.100s is not ours; add it to domains or remove the mailbox",
				   name.domain);
	return add(reader, &name, domain, &quota);
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

bool mailboxes_read(const char *path, const struct domains *domains, const struct quota *quota,
		    struct entries *mailboxes, struct problem *problem)
{
	struct mailbox_reader reader = { .domains = domains,
					 .quota = quota,
					 .mailboxes = mailboxes };
	bool is_fine = source_open(&reader.source, path, problem);
	const char *line;

	while (is_fine && (line = source_next(&reader.source)))
		is_fine = read_line(&reader, line);
	if (is_fine && !entries_sort(mailboxes))
		is_fine = problem_set(problem, "%s: out of memory", path);
	is_fine = is_fine && check_duplicates(&reader.source, mailboxes);
	source_close(&reader.source);
	return is_fine;
}
