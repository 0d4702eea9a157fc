/*
 * worker.c - when the worker has nothing more to do
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: nothing.
 */
#include "worker/worker.h"

void worker_end_if_done(struct worker *worker)
{
	if (worker->state & (WORKER_DRAINING | WORKER_STOPPING) && LIST_EMPTY(&worker->sessions))
		event_base_loopbreak(worker->loop);
}
