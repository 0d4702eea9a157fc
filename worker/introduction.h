/*
 * introduction.h - the PROXY header: who the client of a proxy is
 */
#ifndef POSTERN_WORKER_INTRODUCTION_H
#define POSTERN_WORKER_INTRODUCTION_H

#include "worker/session.h"

/* Whether the connections of this client begin with a PROXY header. */
bool introduction_is_wanted(const struct session *session);

/* Begins to wait for it. False when memory is short. */
bool introduction_begin(struct session *session);

/* Reads what has come of it. */
void introduction_continue(struct session *session);

/* It has not come in time: ends the session. */
void introduction_is_late(struct session *session);

#endif
