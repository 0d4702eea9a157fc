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

#endif
