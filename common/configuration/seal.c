/*
 * seal.c - hands the configuration on, as a text that nobody can change
 *
 * Runs in: postern's master.  Privilege: none needed.
 * Distrusts: nothing; the configuration has been checked.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/configuration/configuration.h"
#include "common/configuration/fields.h"
#include "common/configuration/options.h"
#include "common/configuration/sealed.h"

static void write_option(const struct option *option, const void *base, FILE *file)
{
	fprintf(file, "%s = ", option->name);
	field_write(option, base, file);
	putc('\n', file);
}

/* One option; sections other than listen may be opened as often as one likes. */
static void write_plain(const struct option *option, const void *base, FILE *file)
{
	if (*option->section)
		fprintf(file, "%s {\n", option->section);
	write_option(option, base, file);
	if (*option->section)
		fputs("}\n", file);
}

static void write_listen(const struct listen_configuration *listen, FILE *file)
{
	const struct option *option;

	fprintf(file, "%s '%s' {\n", LISTEN_SECTION, listen->title);
	for (size_t i = 0; (option = option_at(i)); i++)
		if (!strcmp(option->section, LISTEN_SECTION))
			write_option(option, listen, file);
	fputs("}\n", file);
}

static void write_all(const struct configuration *configuration, FILE *file)
{
	const struct option *option;

	for (size_t i = 0; (option = option_at(i)); i++)
		if (strcmp(option->section, LISTEN_SECTION) != 0)
			write_plain(option, configuration, file);
	for (size_t i = 0; i < configuration->listen_count; i++)
		write_listen(&configuration->listens[i], file);
}

/* Writes through a stream of its own; the descriptor stays open. */
static bool write_text(const struct configuration *configuration, int descriptor)
{
	int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
	FILE *file = copy < 0 ? NULL : fdopen(copy, "w");
	bool is_written;

	if (!file) {
		if (copy >= 0)
			close(copy);
		return false;
	}
	write_all(configuration, file);
	is_written = !ferror(file);
	return fclose(file) == 0 && is_written;
}

int configuration_seal(const struct configuration *configuration, struct problem *problem)
{
	int descriptor = sealed_create("postern-configuration", problem);

	if (descriptor < 0)
		return -1;
	if (!write_text(configuration, descriptor))
		problem_errno(problem, "cannot write the sealed configuration");
	else if (sealed_close_off(descriptor, problem))
		return descriptor;
	close(descriptor);
	return -1;
}
