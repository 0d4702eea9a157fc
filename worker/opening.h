/*
 * opening.h - the beginning of a session, up to its greeting
 */
#ifndef POSTERN_WORKER_OPENING_H
#define POSTERN_WORKER_OPENING_H

#include "worker/session.h"

/* It has sent something, or closed, before the greeting that is held back. */
void opening_interrupted(struct session *session);

/* Greets the client, and begins the dialogue. */
void opening_greet(struct session *session);

/* The address as text: IPv4 where it is a mapped one, "unix" for the client of a unix socket. */
void client_name(const struct in6_addr *address, char text[INET6_ADDRSTRLEN]);

#endif
