/*
 * control.h - the worker's side of the control channel
 */
#ifndef POSTERN_WORKER_CONTROL_H
#define POSTERN_WORKER_CONTROL_H

#include "worker/worker.h"

/* Listens to the master at CHANNEL_DESCRIPTOR, in WORKER_STARTING. */
void control_start(struct worker *worker);

#endif
