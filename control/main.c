/*
 * main.c - postern: the operator's command
 *
 * Runs in: postern.  Privilege: that of the caller.
 * Trusts: the caller.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "control/prove.h"

static int help(int count, char **arguments);

static int version(int count, char **arguments)
{
	(void)count;
	(void)arguments;
	puts("postern " POSTERN_VERSION);
	return EXIT_SUCCESS;
}

static const struct {
	const char *name;
	int (*run)(int count, char **arguments);
	const char *sentence;
} commands[] = {
	{ "prove", prove, "try whether a file system loses no mail in a crash" },
	{ "help", help, "list the commands" },
	{ "version", version, "print the version" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void list_commands(FILE *stream)
{
	fputs("usage: postern command [options] [arguments]\n", stream);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(stream, "  %-8s %s\n", commands[i].name, commands[i].sentence);
}

static int help(int count, char **arguments)
{
	(void)count;
	(void)arguments;
	list_commands(stdout);
	return EXIT_SUCCESS;
}

int main(int count, char **arguments)
{
	for (size_t i = 0; count > 1 && i < COMMANDS; i++)
		if (strcmp(arguments[1], commands[i].name) == 0)
			return commands[i].run(count - 1, arguments + 1);
	list_commands(stderr);
	return EX_USAGE;
}
