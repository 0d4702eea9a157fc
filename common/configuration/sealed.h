/*
 * sealed.h - files in memory that nobody can change any more (memfd_create(2))
 */
#ifndef POSTERN_COMMON_CONFIGURATION_SEALED_H
#define POSTERN_COMMON_CONFIGURATION_SEALED_H

#include <stdbool.h>

#include "common/fail/fail.h"

/* A new file in memory, close-on-exec, to be written; -1 with *problem set. */
int sealed_create(const char *name, struct problem *problem);

/* Forbids to write, grow, shrink and unseal the file, for everybody. False with *problem set. */
bool sealed_close_off(int descriptor, struct problem *problem);

/*
 * Whether nobody can write or shrink the file: mapping another one would allow
 * its writer to end us by SIGBUS.
 */
bool sealed_is_sealed(int descriptor);

#endif
