/*
 * logging.h - the log of all processes: opened again, and lines about the service
 */
#ifndef POSTERN_MASTER_LOGGING_H
#define POSTERN_MASTER_LOGGING_H

#include "master/master.h"

/*
 * Opens the log of the current generation again and hands it to all processes;
 * at most once a second. Where it cannot be opened the old one stays.
 */
void logging_reopen(struct master *master);

/* The log of the current generation is this process's and every other generation's log. */
void logging_switch(struct master *master);

/* Opens the log again where lines of the master itself were lost. */
void logging_check(struct master *master);

/* A line LISTEN for each socket of the generation. */
void logging_sockets(const struct generation *generation);

/* A warning where the generation accepts all: nobody shall leave that on without knowing. */
void logging_accept_all(const struct generation *generation);

#endif
