/*
 * configuration_fixture.c - postern.conf in a folder of its own, and what it says
 */
#include "tests/unit/configuration_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char configuration_folder[] = "/tmp/postern-configuration-XXXXXX";
char configuration_path[128];
char included_path[128];

void configuration_set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(configuration_folder));
	snprintf(configuration_path, sizeof(configuration_path), "%s/postern.conf",
		 configuration_folder);
	snprintf(included_path, sizeof(included_path), "%s/more.conf", configuration_folder);
}

void configuration_tear_down(void)
{
	unlink(configuration_path);
	unlink(included_path);
	rmdir(configuration_folder);
}

void write_configuration_bytes(const char *name, const char *bytes, size_t length)
{
	FILE *file = fopen(name, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
	ck_assert_int_eq(fclose(file), 0);
}

void write_configuration_file(const char *name, const char *text)
{
	write_configuration_bytes(name, text, strlen(text));
}

struct configuration *configuration_of(const char *text)
{
	struct problem problem = { "" };
	struct configuration *configuration;

	write_configuration_file(configuration_path, text);
	configuration = configuration_read(configuration_path, &problem);
	ck_assert_msg(configuration, "%s", problem.text);
	return configuration;
}
