/*
 * configuration_fixture.h - postern.conf in a folder of its own, and what it says
 */
#ifndef POSTERN_TESTS_UNIT_CONFIGURATION_FIXTURE_H
#define POSTERN_TESTS_UNIT_CONFIGURATION_FIXTURE_H

#include <stddef.h>

#include "common/configuration/configuration.h"

/* A checked fixture of libcheck; the files lie in a folder of the test's own. */
void configuration_set_up(void);
void configuration_tear_down(void);

extern char configuration_folder[];
extern char configuration_path[128];
extern char included_path[128]; /* "more.conf" beside it */

void write_configuration_bytes(const char *name, const char *bytes, size_t length);
void write_configuration_file(const char *name, const char *text);

/* Writes the text to configuration_path and reads it; fails the test where it is refused. */
struct configuration *configuration_of(const char *text);

#endif
