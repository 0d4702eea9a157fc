/*
 * programs.h - where the programs of the process table lie
 */
#ifndef POSTERN_COMMON_CONFINE_PROGRAMS_H
#define POSTERN_COMMON_CONFINE_PROGRAMS_H

#include <limits.h>
#include <stdbool.h>

#include "common/confine/processes.h"

/*
 * The folder of all programs but the master's: that of the calling program
 * itself where all are there (a build folder), else POSTERN_LIBEXECDIR.
 */
void programs_folder(char folder[PATH_MAX]);

/* The path of a process's program in that folder. False: it is too long. */
bool program_path(const char *folder, enum process process, char path[PATH_MAX]);

#endif
