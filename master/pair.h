/*
 * pair.h - the pair of pipes between a worker and delivery
 */
#ifndef POSTERN_MASTER_PAIR_H
#define POSTERN_MASTER_PAIR_H

#include "master/master.h"

/* A new worker, or one that begins to accept: gets its pipes, where delivery lives. */
void pair_with_delivery(struct child *worker);

/* A new delivery: gets pipes to every living worker but those of the next generation. */
void pair_with_workers(struct child *delivery);

/* The worker of this serial has ended: delivery, where it lives, hears of it. */
void pair_ended(const struct master *master, uint32_t serial);

#endif
