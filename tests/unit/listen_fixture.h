/*
 * listen_fixture.h - `listen` sections, and sockets as a service manager hands them over
 */
#ifndef POSTERN_TESTS_UNIT_LISTEN_FIXTURE_H
#define POSTERN_TESTS_UNIT_LISTEN_FIXTURE_H

#include <stdbool.h>

#include "common/configuration/configuration.h"
#include "common/fail/fail.h"
#include "master/listen.h"

/* Whom the tests run as. */
extern struct identity listen_owner;

/* A configuration of up to two sections of up to two addresses. */
struct sections {
	struct section {
		char title[80];
		char *items[2];
	} parts[2];
	struct listen_configuration listens[2];
	struct configuration configuration;
};

void add_section(struct sections *sections, const char *title, const char *address, int port);
/* One more address of the section that was added last. */
void add_address(struct sections *sections, const char *address);

/*
 * Puts the descriptor where LISTEN_FDS expects it and takes it over. What lies
 * there (libcheck's own file) is put back afterwards.
 */
bool activate(int descriptor, const char *name, struct socket_set *available,
	      struct problem *problem);
void must_activate(int descriptor, const char *name, struct socket_set *available);

/* Whether two descriptors are of one socket. */
bool same_socket(int a, int b);

#endif
