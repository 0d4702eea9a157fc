/*
 * fuzz_configuration.c - postern.conf, and what is handed on of it
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Input: the text of a configuration. A host name is put in front, so that the
 * resolver is not asked; files are not included.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/configuration/configuration.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
const char *__lsan_default_suppressions(void);

/* libConfuse forgets the arguments of a call that has a syntax error behind them. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfuse\n";
}

static int file_of(const char *prefix, const void *bytes, size_t length)
{
	int descriptor = memfd_create("input", MFD_CLOEXEC);

	require(descriptor >= 0);
	require(write(descriptor, prefix, strlen(prefix)) == (ssize_t)strlen(prefix));
	require(write(descriptor, bytes, length) == (ssize_t)length);
	return descriptor;
}

/* One line, with the place in front of it. */
static void check_problem(const struct problem *problem)
{
	static const char name[] = "sealed configuration:";

	require(!strncmp(problem->text, name, strlen(name)));
	for (const char *c = problem->text; *c; c++)
		require((unsigned char)*c >= ' ' && *c != 0x7f);
}

static size_t contents(int descriptor, char **text)
{
	off_t size = lseek(descriptor, 0, SEEK_END);

	require(size > 0);
	*text = malloc((size_t)size);
	require(*text);
	require(pread(descriptor, *text, (size_t)size, 0) == size);
	return (size_t)size;
}

/* Sealed, read and sealed again it is the same. */
static void check_round_trip(const struct configuration *configuration)
{
	struct problem problem;
	int first = configuration_seal(configuration, &problem);
	struct configuration *copy = configuration_read_sealed(first, &problem);
	int second = copy ? configuration_seal(copy, &problem) : -1;
	char *one, *other;
	size_t length;

	require(copy && second >= 0);
	length = contents(first, &one);
	require(contents(second, &other) == length);
	require(memcmp(one, other, length) == 0);
	free(one);
	free(other);
	configuration_free(copy);
	close(first);
	close(second);
}

static void check_configuration(const struct configuration *configuration)
{
	const char *template;
	char *root = configuration_mail_root(configuration, &template);

	require(root && root[0] == '/' && root[1] && !strchr(root, '%') && *template != '/');
	require(configuration->limits.spool >= configuration->limits.message_size);
	require(configuration->domains.count > 0 && configuration->listen_count > 0);
	require(configuration_worker_count(configuration) > 0);
	free(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	struct problem problem = { "" };
	int descriptor = file_of("hostname = mx.example.org\n", input, length);
	struct configuration *configuration = configuration_read_sealed(descriptor, &problem);

	close(descriptor);
	if (!configuration) {
		check_problem(&problem);
		return 0;
	}
	check_configuration(configuration);
	check_round_trip(configuration);
	configuration_free(configuration);
	return 0;
}
