/*
 * show.c - what `posternd -n` prints
 *
 * Runs in: posternd.  Privilege: that of the one who starts it.
 * Trusts: the configuration, which was read without a fault.
 */
#include "master/show.h"

#include <string.h>

#include "common/confine/confine.h"

static void show_capabilities(FILE *to, const struct kept_capability *kept)
{
	if (!kept->reason)
		fprintf(to, "    keeps        no capability\n");
	for (; kept->reason; kept++)
		fprintf(to, "    keeps        %-16s  %s\n",
			confine_capability_name(kept->capability), kept->reason);
}

static void show_process(FILE *to, enum process process, const struct configuration *configuration)
{
	const struct process_description *description = process_describe(process);

	fprintf(to, "%s\n", description->program);
	fprintf(to, "    source       %s/\n", description->folder);
	fprintf(to, "    user         %s\n", process_user(process, configuration));
	fprintf(to, "    number       %zu\n", process_number(process, configuration));
	show_capabilities(to, description->capabilities);
	fprintf(to, "    descriptors  %s\n", description->descriptors);
	fprintf(to, "    reaches      %s\n", description->reaches);
	fprintf(to, "    cannot       %s\n", description->cannot);
}

static void show_address(FILE *to, const struct listen_configuration *section, const char *address)
{
	bool every = strcmp(address, "*") == 0;

	fprintf(to, "listen \"%s\"  %s", section->title, every ? "every address" : address);
	if (*address != '/')
		fprintf(to, " port %lld", section->port);
	fputc('\n', to);
}

static void show_listener(FILE *to, const struct listen_configuration *section)
{
	for (size_t i = 0; i < section->addresses.count; i++)
		show_address(to, section, section->addresses.items[i]);
}

void show_configuration(FILE *to, const char *path, const struct configuration *configuration)
{
	fprintf(to, "%s: correct\n\n", path);
	for (unsigned i = 0; i < PROCESS_COUNT; i++)
		show_process(to, i, configuration);
	fputc('\n', to);
	for (size_t i = 0; i < configuration->listen_count; i++)
		show_listener(to, &configuration->listens[i]);
}
