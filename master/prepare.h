/*
 * prepare.h - the steps that lead from a configuration file to a generation
 */
#ifndef POSTERN_MASTER_PREPARE_H
#define POSTERN_MASTER_PREPARE_H

#include "master/master.h"

/* What the steps are taken for: bits. */
enum occasion { AT_START = 1, AT_RELOAD = 2, AT_CHECK = 4 };

/*
 * Takes the steps for that occasion, in order. Returns the new generation,
 * without any process, or NULL with *problem set and the status of
 * sysexits(3) in *status.
 */
struct generation *prepare_generation(struct master *master, enum occasion occasion, int *status,
				      struct problem *problem);

/* Closes and frees it; none of its processes may be left. NULL is nothing. */
void generation_free(struct generation *generation);

#endif
