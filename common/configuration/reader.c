/*
 * reader.c - postern.conf through libConfuse, with the place of each option
 *
 * Runs in: every program.  Privilege: none needed.
 * Distrusts: the configuration file, down to its last byte: libConfuse's lexer
 * is given a text in memory, without comments and NUL.
 */
#include "common/configuration/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <confuse.h>

#include "common/configuration/fields.h"
#include "common/configuration/scan.h"
#include "common/configuration/values.h"

#define SECTIONS_MAX 16
#define SECTION_OPTIONS_MAX 24

/* libConfuse hands no context to its callbacks. */
static struct reader *active;

/* ---- errors */

static bool fail(struct reader *reader, struct place place, const char *what)
{
	if (reader->has_failed)
		return false;
	reader->has_failed = true;
	problem_set(reader->problem, "%s:%d: %s", reader->files.items[place.file], place.line,
		    what);
	text_make_printable(reader->problem->text);
	return false;
}

static bool fail_here(struct reader *reader, const cfg_t *section, const char *what)
{
	return fail(reader, (struct place){ reader->current, section->line }, what);
}

bool reader_fail_at(struct reader *reader, const struct option *option, const char *format, ...)
{
	struct problem what;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what.text, sizeof(what.text), format, arguments);
	va_end(arguments);
	return fail(reader, reader->places[option_index(option)], what.text);
}

bool reader_fail_in_listen(struct reader *reader, size_t index, const char *format, ...)
{
	struct place place = { 0, 0 };
	struct problem what;
	va_list arguments;

	if (index < READER_LISTENS_MAX)
		place = reader->listens[index];
	va_start(arguments, format);
	vsnprintf(what.text, sizeof(what.text), format, arguments);
	va_end(arguments);
	return fail(reader, place, what.text);
}

bool reader_has(const struct reader *reader, const struct option *option)
{
	return reader->places[option_index(option)].line > 0;
}

static bool is_root(const cfg_t *section)
{
	return !strcmp(cfg_name((cfg_t *)section), "root");
}

static const char *section_name(const cfg_t *section)
{
	return is_root(section) ? "" : cfg_name((cfg_t *)section);
}

static void fail_unknown(const cfg_t *section, const char *name)
{
	struct problem what;
	char cure[160];

	option_suggest(section_name(section), name, cure, sizeof(cure));
	if (is_root(section))
		problem_set(&what, "unknown option %.100s; %s", name, cure);
	else
		problem_set(&what, "unknown option %.100s in %s; %s", name, section_name(section),
			    cure);
	fail_here(active, section, what.text);
}

/* How to mend what libConfuse complains of, by the beginning of its message. */
static const struct {
	const char *message;
	const char *cure;
} cures[] = {
	{ "premature end of file", "close the brace or quote that is open" },
	{ "unterminated string", "close the quote" },
	{ "unexpected closing brace", "remove it, or open its section" },
	{ "unexpected token", "write NAME = VALUE, a value with special characters in quotes" },
	{ "missing equal sign", "write NAME = VALUE" },
	{ "missing opening brace", "write NAME { ... }" },
	{ "missing title", "write listen \"NAME\" { ... }" },
	{ "found duplicate title", "give each section listen a name of its own" },
	{ "attempt to append", "write = in place of +=" },
	{ "invalid octal number", "write \\\\ for a backslash" },
	{ "bad escape sequence", "write \\\\ for a backslash" },
	{ "missing parenthesis", "write include(\"FILE\")" },
	{ "syntax error in call", "write include(\"FILE\")" },
};

static const char *cure_of(const char *message)
{
	for (size_t i = 0; i < sizeof(cures) / sizeof(cures[0]); i++)
		if (!strncmp(message, cures[i].message, strlen(cures[i].message)))
			return cures[i].cure;
	return "postern.conf(5) describes the form";
}

static void on_error(cfg_t *section, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

static void on_error(cfg_t *section, const char *format, va_list arguments)
{
	static const char unknown[] = "no such option '";
	char message[200];
	struct problem what;
	size_t length;

	vsnprintf(message, sizeof(message), format, arguments);
	length = strlen(message);
	if (!strncmp(message, unknown, strlen(unknown))) {
		if (message[length - 1] == '\'')
			message[length - 1] = '\0';
		fail_unknown(section, message + strlen(unknown));
		return;
	}
	problem_set(&what, "%s; %s", message, cure_of(message));
	fail_here(active, section, what.text);
}

/* ---- what libConfuse has found */

/*
 * Called for each value, and once more at the end of a list. Returns 0 when the
 * value is fine. libConfuse also takes "section|name" for a name; we do not.
 */
static int on_value(cfg_t *section, cfg_opt_t *found)
{
	const struct option *option = option_find(section_name(section), cfg_opt_name(found));
	unsigned count = cfg_opt_size(found);
	struct value value;
	struct problem what;

	if (!option || cfg_getopt(section, option->name) != found) {
		fail_unknown(section, cfg_opt_name(found));
		return -1;
	}
	active->places[option_index(option)] = (struct place){ active->current, section->line };
	if (count == 0 || value_read(option, cfg_opt_getnstr(found, count - 1), &value, &what))
		return 0;
	fail_here(active, section, what.text);
	return -1;
}

/* Called at the end of a section with a title: whether the title can stand in the log. */
static int on_section(cfg_t *root, cfg_opt_t *found)
{
	unsigned index = cfg_opt_size(found) - 1;
	const char *title = cfg_title(cfg_opt_getnsec(found, index));
	struct problem what;

	if (index < READER_LISTENS_MAX)
		active->listens[index] = (struct place){ active->current, root->line };
	if (*title && strlen(title) <= 64 &&
	    !title[strspn(title, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789_.-")])
		return 0;
	problem_set(&what,
		    "\"%.100s\" cannot name a section; give it 1 to 64 letters, digits, _ . -",
		    title);
	fail_here(active, root, what.text);
	return -1;
}

/* The name of an included file: a relative one lies beside the file that names it. */
static void included_name(const char *from, const char *name, char *path, size_t size)
{
	const char *slash = strrchr(from, '/');

	if (*name == '/' || !slash)
		snprintf(path, size, "%s", name);
	else
		snprintf(path, size, "%.*s/%s", (int)(slash - from), from, name);
}

/*
 * include("FILE"): the file is read behind the present one. libConfuse's own
 * way keeps the file open and its stack dirty after an error, which a reload
 * would meet again.
 */
static int on_include(cfg_t *section, cfg_opt_t *function, int count, const char **arguments)
{
	char path[PATH_MAX];
	const char *fault = NULL;

	(void)function;
	if (count != 1 || !*arguments[0])
		fault = "include takes one file; write include(\"FILE\")";
	else if (active->is_alone)
		fault = "a sealed configuration includes no file";
	else if (active->files.count >= READER_FILES_MAX)
		fault = "too many included files; join some of them";
	if (!fault) {
		included_name(active->files.items[active->current], arguments[0], path,
			      sizeof(path));
		if (text_list_holds(&active->files, path))
			fault = "this file is included already; remove the line";
		else if (!text_list_add(&active->files, path))
			fault = "out of memory";
	}
	if (!fault)
		return 0;
	fail_here(active, section, fault);
	return -1;
}

/* ---- the grammar for libConfuse, from the table */

struct grammar {
	cfg_opt_t top[SECTION_OPTIONS_MAX + SECTIONS_MAX];
	cfg_opt_t sections[SECTIONS_MAX][SECTION_OPTIONS_MAX];
	size_t count; /* of sections */
};

static cfg_opt_t *end_of(cfg_opt_t *options, size_t limit)
{
	size_t count = 0;

	while (options[count].name)
		count++;
	require(count + 1 < limit); /* a row of zeros ends the array */
	return &options[count];
}

static cfg_opt_t *add_section(struct grammar *grammar, const char *name)
{
	int flags = strcmp(name, LISTEN_SECTION) != 0
			    ? CFGF_NONE
			    : CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;
	cfg_opt_t *top = end_of(grammar->top, sizeof(grammar->top) / sizeof(grammar->top[0]));
	cfg_opt_t *options = grammar->sections[grammar->count++];

	require(grammar->count <= SECTIONS_MAX);
	*top = (cfg_opt_t)CFG_SEC(name, options, flags);
	if (flags & CFGF_TITLE)
		top->validcb = on_section;
	return options;
}

static cfg_opt_t *options_of(struct grammar *grammar, const char *section)
{
	if (!*section)
		return grammar->top;
	for (cfg_opt_t *top = grammar->top; top->name; top++)
		if (top->type == CFGT_SEC && !strcmp(top->name, section))
			return top->subopts;
	return add_section(grammar, section);
}

static void make_grammar(struct grammar *grammar)
{
	const struct option *option;
	cfg_opt_t *end;

	memset(grammar, 0, sizeof(*grammar));
	for (size_t i = 0; (option = option_at(i)); i++) {
		end = end_of(options_of(grammar, option->section), SECTION_OPTIONS_MAX);
		if (value_kind(option) == VALUE_LIST)
			*end = (cfg_opt_t)CFG_STR_LIST(option->name, 0, CFGF_NODEFAULT);
		else
			*end = (cfg_opt_t)CFG_STR(option->name, 0, CFGF_NODEFAULT);
		end->validcb = on_value;
	}
	*end_of(grammar->top, sizeof(grammar->top) / sizeof(grammar->top[0])) =
		(cfg_opt_t)CFG_FUNC("include", on_include);
}

/* ---- reading */

bool reader_open(struct reader *reader, const char *name, struct problem *problem)
{
	struct grammar grammar;

	memset(reader, 0, sizeof(*reader));
	reader->problem = problem;
	make_grammar(&grammar);
	reader->parsed = cfg_init(grammar.top, CFGF_NONE);
	if (!reader->parsed || !text_list_add(&reader->files, name))
		return problem_set(problem, "%s: out of memory", name);
	cfg_set_error_function(reader->parsed, on_error);
	return true;
}

bool reader_feed(struct reader *reader, struct text_file *file)
{
	size_t open = scan(file->text);
	int result;

	require(!active);
	active = reader;
	result = cfg_parse_buf(reader->parsed, file->text);
	active = NULL;
	if (result != CFG_SUCCESS)
		return fail_here(reader, reader->parsed, "cannot be read: out of memory");
	if (open > 0)
		return fail_here(reader, reader->parsed,
				 "premature end of file; close the brace or comment that is open");
	return true;
}

void reader_close(struct reader *reader)
{
	if (reader->parsed)
		cfg_free(reader->parsed);
	text_list_free(&reader->files);
}

/* ---- from libConfuse's values to ours */

/*
 * Each value was read once, by on_value, so that only memory can be short here
 * (and a default of the table wrong: a test reads them all).
 */
static bool collect_value(const struct option *option, const char *text, void *base)
{
	struct value value;
	struct problem what;

	return value_read(option, text, &value, &what) && field_store(option, &value, base);
}

static bool collect_option(const struct option *option, cfg_t *section, void *base)
{
	cfg_opt_t *found = section ? cfg_getopt(section, option->name) : NULL;
	unsigned count = found ? cfg_opt_size(found) : 0;

	if (count == 0 && found && found->flags & CFGF_MODIFIED)
		return true; /* an empty list that was asked for */
	if (count == 0)
		return !option->fallback || collect_value(option, option->fallback, base);
	for (unsigned i = 0; i < count; i++)
		if (!collect_value(option, cfg_opt_getnstr(found, i), base))
			return false;
	return true;
}

static bool collect_section(const char *name, cfg_t *section, void *base)
{
	const struct option *option;

	for (size_t i = 0; (option = option_at(i)); i++)
		if (!strcmp(option->section, name) && !collect_option(option, section, base))
			return false;
	return true;
}

/* "file:line", or NULL: what is sealed is no file that anybody can mend. False: no memory. */
static bool name_place(const struct reader *reader, unsigned index, char **name)
{
	struct place place = reader->listens[index];

	if (reader->is_alone || place.line == 0)
		return true;
	return asprintf(name, "%s:%d", reader->files.items[place.file], place.line) >= 0;
}

static bool collect_listens(const struct reader *reader, struct configuration *configuration)
{
	cfg_t *root = reader->parsed;
	unsigned count = cfg_size(root, LISTEN_SECTION);

	configuration->listens = allocate(count ? count : 1, sizeof(*configuration->listens));
	if (!configuration->listens)
		return false;
	configuration->listen_count = count ? count : 1;
	for (unsigned i = 0; i < configuration->listen_count; i++) {
		cfg_t *section = count ? cfg_getnsec(root, LISTEN_SECTION, i) : NULL;
		struct listen_configuration *into = &configuration->listens[i];

		into->title = strdup(section ? cfg_title(section) : "smtp");
		if (!into->title || !collect_section(LISTEN_SECTION, section, into))
			return false;
		if (i < READER_LISTENS_MAX && !name_place(reader, i, &into->place))
			return false;
	}
	return true;
}

static bool collect_all(struct reader *reader, struct configuration *configuration)
{
	const struct option *option;

	for (size_t i = 0; (option = option_at(i)); i++) {
		cfg_t *section = reader->parsed;

		if (!strcmp(option->section, LISTEN_SECTION))
			continue;
		if (*option->section)
			section = cfg_getsec(reader->parsed, option->section);
		if (!collect_option(option, section, configuration))
			return false;
	}
	return collect_listens(reader, configuration);
}

bool reader_collect(struct reader *reader, struct configuration *configuration)
{
	if (collect_all(reader, configuration))
		return true;
	return problem_set(reader->problem, "%s: out of memory", reader->files.items[0]);
}
