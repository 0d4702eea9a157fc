/*
 * command_line.c - reads the arguments of posternd
 *
 * Runs in: posternd.  Privilege: that of the one who starts it.
 * Trusts: the one who starts it.
 */
#include "master/command_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/fail/fail.h"

static void choose_configuration(struct command_line *line)
{
	line->configuration = optarg;
}

static void choose_foreground(struct command_line *line)
{
	line->foreground = true;
}

static void choose_check(struct command_line *line)
{
	line->check = true;
}

static void choose_verbose(struct command_line *line)
{
	line->verbose = true;
}

static void print_version(struct command_line *line)
{
	(void)line;
	puts("posternd " POSTERN_VERSION);
	exit(0);
}

static const struct {
	int letter;
	void (*choose)(struct command_line *line);
} choices[] = {
	{ 'c', choose_configuration }, { 'F', choose_foreground }, { 'n', choose_check },
	{ 'v', choose_verbose },       { 'V', print_version },
};

static _Noreturn void print_usage(void)
{
	fputs("usage: posternd [-FnvV] [-c file]\n", stderr);
	exit(EX_USAGE);
}

static void choose(struct command_line *line, int letter)
{
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		if (choices[i].letter == letter) {
			choices[i].choose(line);
			return;
		}
	}
	print_usage();
}

struct command_line command_line_parse(int count, char **arguments)
{
	struct command_line line = { .configuration = POSTERN_SYSCONFDIR "/postern/postern.conf" };
	int letter;

	while ((letter = getopt(count, arguments, "c:FnvV")) != -1)
		choose(&line, letter);
	if (optind != count)
		print_usage();
	return line;
}
