/*
 * worker.c - when the worker has nothing more to do
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: nothing.
 */
#include "worker/worker.h"

#include "worker/outbox.h"

void worker_end_if_done(struct worker *worker)
{
	if (!(worker->state & (WORKER_DRAINING | WORKER_STOPPING)) ||
	    !LIST_EMPTY(&worker->sessions))
		return;
	/* Delivery shall hear what became of its last messages. */
	if (worker->outbox && !outbox_is_quiet(worker->outbox) && !worker->is_late)
		outbox_hurry(worker->outbox);
	else
		event_base_loopbreak(worker->loop);
}
