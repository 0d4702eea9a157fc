/*
 * experiment.h - delivery is recorded, the states are tried, the result is told
 */
#ifndef POSTERN_CONTROL_EXPERIMENT_H
#define POSTERN_CONTROL_EXPERIMENT_H

#include <stddef.h>
#include <stdint.h>

struct experiment_settings {
	const char *program; /* postern-delivery */
	int folder;	     /* empty, of this user */
	size_t states;
	uint64_t seed;
};

/* Prints the result. Returns the exit status: see prove.h. */
int experiment_run(const struct experiment_settings *settings);

#endif
