/*
 * manual.c - prints the parts of the manual pages that come from tables
 *
 * Runs in: the build.  Privilege: none needed.
 * Distrusts: nothing; the tables are our own.
 *
 *   manual options    the options, for postern.conf(5)
 *   manual events     the events of the log, for postern-log(5)
 *   manual replies    the replies on the wire, for postern-replies(7)
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/configuration/options.h"
#include "common/configuration/values.h"
#include "common/log/log.h"
#include "common/smtp/reply.h"

/* Returns the column of the new line. */
static size_t end_line(void)
{
	putchar('\n');
	return 0;
}

#define COLUMN_MAX 60 /* a word may go beyond it, and no line beyond 80 */

/*
 * Text for mdoc(7): nothing is taken for a macro or an escape; each sentence
 * begins a line.
 */
static void print_text(const char *text)
{
	size_t column = 0;

	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++, column++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '"')
			fputs("\\(dq", stdout);
		else if (*text == ' ' && (text[-1] == '.' || column > COLUMN_MAX))
			column = end_line();
		else
			putchar(*text);
	}
}

/* What a number may be. */
static void print_bounds(const struct option *option)
{
	char lowest[VALUE_NUMBER_SIZE], highest[VALUE_NUMBER_SIZE];

	if (!value_has_bounds(option->type))
		return;
	value_number_text(option, option->minimum, lowest);
	value_number_text(option, option->maximum, highest);
	printf("From %s to %s.\n", lowest, highest);
}

static void print_heading(const struct option *option)
{
	if (!*option->section)
		printf(".It Cm %s No =", option->name);
	else if (!strcmp(option->section, LISTEN_SECTION))
		printf(".It Ic %s Ar title Brq Cm %s No =", option->section, option->name);
	else
		printf(".It Ic %s Brq Cm %s No =", option->section, option->name);
	printf(" Ar %s\n", value_type_name(option->type));
}

static void print_option(const struct option *option)
{
	bool is_text = value_kind(option) == VALUE_STRING || value_kind(option) == VALUE_LIST;

	print_heading(option);
	print_text(option->sentence);
	putchar('\n');
	print_bounds(option);
	if (!option->fallback)
		return;
	fputs(is_text ? "Default: \\(dq" : "Default: ", stdout);
	print_text(option->fallback);
	puts(is_text ? "\\(dq." : ".");
}

static void print_options(void)
{
	const struct option *option;

	for (size_t i = 0; (option = option_at(i)); i++)
		print_option(option);
}

/* The name as it stands behind event=. */
static void print_event_name(const char *name)
{
	for (; *name; name++)
		putchar(*name == '_' ? '-' : tolower((unsigned char)*name));
}

static void print_events(void)
{
	static const char *const levels[] = {
		[LEVEL_ERROR] = "error", [LEVEL_WARNING] = "warning", [LEVEL_NOTICE] = "notice",
		[LEVEL_INFO] = "info",	 [LEVEL_TRACE] = "trace",
	};

	for (enum log_event event = 0; event < LOG_EVENT_COUNT; event++) {
		const struct log_event_description *row = log_event_describe(event);

		fputs(".It Cm ", stdout);
		print_event_name(row->name);
		printf(" Pq %s\n", levels[row->level]);
		print_text(row->sentence);
		fputs("\nKeys: ", stdout);
		print_text(row->keys);
		puts(".");
	}
}

static void print_reply(const struct smtp_reply_description *row)
{
	printf(".It Cm %d ", row->code);
	if (*row->enhanced)
		printf("%s ", row->enhanced);
	print_text(strcmp(row->text, "{}") == 0 ? "..." : row->text);
	putchar('\n');
	print_text(row->cause);
	putchar('\n');
}

/* In the order of their codes, and within one in that of the table. */
static void print_replies(void)
{
	for (int code = 200; code < 600; code++)
		for (unsigned i = 0; i < SMTP_REPLY_COUNT; i++)
			if (smtp_reply_describe(i)->code == code)
				print_reply(smtp_reply_describe(i));
}

static const struct {
	const char *name;
	void (*print)(void);
} parts[] = {
	{ "options", print_options },
	{ "events", print_events },
	{ "replies", print_replies },
};

int main(int count, char **arguments)
{
	for (size_t i = 0; count == 2 && i < sizeof(parts) / sizeof(parts[0]); i++)
		if (!strcmp(arguments[1], parts[i].name)) {
			parts[i].print();
			return fflush(stdout) == 0 ? EXIT_SUCCESS : EX_IOERR;
		}
	fputs("usage: manual options|events|replies\n", stderr);
	return EX_USAGE;
}
