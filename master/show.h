/*
 * show.h - what `posternd -n` prints
 */
#ifndef POSTERN_MASTER_SHOW_H
#define POSTERN_MASTER_SHOW_H

#include <stdio.h>

#include "common/configuration/configuration.h"

/* The process table and the listeners, for people. */
void show_configuration(FILE *to, const char *path, const struct configuration *configuration);

#endif
