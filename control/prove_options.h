/*
 * prove_options.h - what postern prove is asked to do
 */
#ifndef POSTERN_CONTROL_PROVE_OPTIONS_H
#define POSTERN_CONTROL_PROVE_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

struct prove_options {
	const char *folder;   /* on the file system that is tried */
	const char *delivery; /* the program; NULL: the one that the master would start */
	const char *user; /* of delivery, where root calls; NULL: the configured one's default */
	size_t states;	  /* to check, about */
	uint64_t seed;
};

/* Ends the program with EX_USAGE where they are wrong. */
struct prove_options prove_options_parse(int count, char **arguments);

#endif
