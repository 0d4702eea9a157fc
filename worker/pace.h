/*
 * pace.h - how long a client may take for what it says
 */
#ifndef POSTERN_WORKER_PACE_H
#define POSTERN_WORKER_PACE_H

#include "worker/session.h"

/* Sets the timer of the dialogue after each step. */
void pace_set(struct session *session);

/* The time is over, and the client takes replies: a body may go on when enough of it came. */
void pace_is_over(struct session *session);

#endif
