/*
 * configuration.c - reads postern.conf into struct configuration
 *
 * Runs in: every program; by path in postern's master only.  Privilege: the
 * master's, to read files that only root may.
 * Distrusts: the configuration file.
 */
#include "common/configuration/configuration.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/configuration/check.h"
#include "common/configuration/fields.h"
#include "common/configuration/reader.h"
#include "common/configuration/text_file.h"

static bool feed_file(struct reader *reader, struct text_file *file)
{
	bool is_fed = reader_feed(reader, file);

	free(file->text);
	return is_fed;
}

/* The files that the first one includes, and those that they do. */
static bool feed_included(struct reader *reader)
{
	struct text_file file;

	for (reader->current = 1; reader->current < reader->files.count; reader->current++)
		if (!text_file_read(reader->files.items[reader->current], &file, reader->problem) ||
		    !feed_file(reader, &file))
			return false;
	return true;
}

static struct configuration *collect(struct reader *reader)
{
	struct configuration *configuration = allocate(1, sizeof(*configuration));

	if (!configuration) {
		problem_set(reader->problem, "out of memory");
		return NULL;
	}
	if (reader_collect(reader, configuration) && configuration_complete(configuration, reader))
		return configuration;
	configuration_free(configuration);
	return NULL;
}

/* Takes the text over. Alone: it may not include other files. */
static struct configuration *parse(const char *name, struct text_file *file, bool is_alone,
				   struct problem *problem)
{
	struct configuration *configuration = NULL;
	struct reader reader;
	bool is_open = reader_open(&reader, name, problem);

	reader.is_alone = is_alone;
	if (!is_open)
		free(file->text);
	else if (feed_file(&reader, file) && feed_included(&reader))
		configuration = collect(&reader);
	reader_close(&reader);
	return configuration;
}

struct configuration *configuration_read(const char *path, struct problem *problem)
{
	struct text_file file;

	if (!text_file_read(path, &file, problem))
		return NULL;
	return parse(path, &file, false, problem);
}

struct configuration *configuration_read_sealed(int descriptor, struct problem *problem)
{
	static const char name[] = "sealed configuration";
	struct text_file file;

	if (!text_file_read_descriptor(descriptor, name, &file, problem))
		return NULL;
	return parse(name, &file, true, problem);
}

static void free_section(bool is_listen, void *base)
{
	const struct option *option;

	for (size_t i = 0; (option = option_at(i)); i++)
		if (!strcmp(option->section, LISTEN_SECTION) == is_listen)
			field_release(option, base);
}

void configuration_free(struct configuration *configuration)
{
	if (!configuration)
		return;
	for (size_t i = 0; i < configuration->listen_count; i++) {
		free(configuration->listens[i].title);
		free(configuration->listens[i].place);
		free_section(true, &configuration->listens[i]);
	}
	free(configuration->listens);
	free_section(false, configuration);
	free(configuration);
}

size_t configuration_worker_count(const struct configuration *configuration)
{
	cpu_set_t processors;
	long online;

	if (configuration->workers.count > 0)
		return (size_t)configuration->workers.count;
	if (sched_getaffinity(0, sizeof(processors), &processors) == 0)
		return (size_t)CPU_COUNT(&processors);
	/* More processors than cpu_set_t can hold. */
	online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 ? (size_t)online : 1;
}

char *configuration_mail_root(const struct configuration *configuration, const char **template)
{
	const char *maildir = configuration->delivery.maildir;
	const char *end = strchr(maildir, '%');

	/* OPTION_TEMPLATE: absolute, a component without % in front of the first one with it. */
	require(end);
	while (*end != '/')
		end--;
	*template = end + 1;
	while (end > maildir && end[-1] == '/')
		end--;
	return strndup(maildir, (size_t)(end - maildir));
}
