/*
 * fields.c - the fields of struct configuration by the table of options
 *
 * Runs in: every program.  Privilege: none needed.
 * Distrusts: nothing; values.c has read the values.
 */
#include "common/configuration/fields.h"

#include <stdlib.h>
#include <string.h>

/* Every choice is an enum of that size, so that one row of the table serves all of them. */
_Static_assert(sizeof(enum address_syntax) == sizeof(unsigned), "an enum is an unsigned");
_Static_assert(sizeof(enum helo_argument) == sizeof(unsigned), "an enum is an unsigned");
_Static_assert(sizeof(enum log_format_choice) == sizeof(unsigned), "an enum is an unsigned");

static void *field_of(const struct option *option, void *base)
{
	return (char *)base + option->offset;
}

static bool store_string(const char *text, char **field)
{
	char *copy = strdup(text);

	if (!copy)
		return false;
	free(*field);
	*field = copy;
	return true;
}

bool field_store(const struct option *option, const struct value *value, void *base)
{
	void *field = field_of(option, base);
	unsigned choice = (unsigned)value->number;

	switch (value_kind(option)) {
	case VALUE_STRING:
		return store_string(value->text, field);
	case VALUE_LIST:
		return text_list_add(field, value->text);
	case VALUE_NUMBER:
		memcpy(field, &value->number, sizeof(value->number));
		return true;
	case VALUE_CHOICE:
		memcpy(field, &choice, sizeof(choice));
		return true;
	case VALUE_BOOLEAN:
		*(bool *)field = value->number != 0;
		return true;
	}
	impossible("a value of no kind");
}

void field_release(const struct option *option, void *base)
{
	char **string = field_of(option, base);

	if (value_kind(option) == VALUE_LIST)
		text_list_free(field_of(option, base));
	if (value_kind(option) != VALUE_STRING)
		return;
	free(*string);
	*string = NULL;
}

/* In single quotes nothing is expanded; \ and ' are escaped. */
static void write_quoted(const char *text, FILE *file)
{
	putc('\'', file);
	for (; *text; text++) {
		if (*text == '\\' || *text == '\'')
			putc('\\', file);
		putc(*text, file);
	}
	putc('\'', file);
}

static void write_list(const struct text_list *list, FILE *file)
{
	putc('{', file);
	for (size_t i = 0; i < list->count; i++) {
		fputs(i ? ", " : " ", file);
		write_quoted(list->items[i], file);
	}
	fputs(" }", file);
}

static void write_choice(const struct option *option, unsigned choice, FILE *file)
{
	const char *word;
	size_t length = value_choice(option, choice, &word);

	fwrite(word, 1, length, file);
}

void field_write(const struct option *option, const void *base, FILE *file)
{
	const void *field = (const char *)base + option->offset;

	switch (value_kind(option)) {
	case VALUE_STRING:
		write_quoted(*(char *const *)field, file);
		break;
	case VALUE_LIST:
		write_list(field, file);
		break;
	case VALUE_NUMBER:
		fprintf(file, "%lld", *(const long long *)field);
		break;
	case VALUE_CHOICE:
		write_choice(option, *(const unsigned *)field, file);
		break;
	case VALUE_BOOLEAN:
		fputs(*(const bool *)field ? "true" : "false", file);
		break;
	}
}
