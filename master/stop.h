/*
 * stop.h - the service ends: first the workers, then delivery, then the master
 *
 * In this order everything that was acknowledged has been stored, and
 * everything that was received gets its verdict, if the deadline allows.
 */
#ifndef POSTERN_MASTER_STOP_H
#define POSTERN_MASTER_STOP_H

#include "master/master.h"

/* SIGTERM, SIGINT; the second one ends the patience with clients. */
void stop_request(struct master *master, const char *signal);

/* A process has ended while the service is stopping; it had lived `lived`. */
void stop_continue(struct master *master, int64_t lived);

/* A crash loop: the reason goes to the log, all is stopped, the master ends with EX_SOFTWARE. */
void stop_give_up(struct master *master, enum process process, int deaths, int64_t within);

#endif
