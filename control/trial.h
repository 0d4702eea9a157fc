/*
 * trial.h - one state that a crash may leave: built, recovered by delivery, looked at
 */
#ifndef POSTERN_CONTROL_TRIAL_H
#define POSTERN_CONTROL_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/fail/fail.h"
#include "control/checker.h"
#include "control/delivery.h"
#include "control/operations.h"
#include "control/scenario.h"
#include "control/state_choice.h"

/* The same for all trials. */
struct trial_settings {
	const struct operations *operations;
	const struct scenario *scenario;
	const struct delivery_settings *delivery;
	int folder; /* where each trial makes its own */
	/* Of each message, before the first operation; NULL: none was sent. */
	const enum expectation *before;
};

/* What must be true of each message after a crash that leaves this state. */
void trial_expect(const struct trial_settings *settings, const struct crash_state *state,
		  enum expectation *expectations);

/*
 * Builds the state in a folder `name`, which may be there from an earlier
 * trial. Returns it opened, or -1 with *problem set.
 */
int trial_build(const struct trial_settings *settings, const char *name,
		const struct crash_state *state, struct problem *problem);

enum trial_result {
	TRIAL_RIGHT,
	TRIAL_WRONG,  /* *problem says what is wrong in the mailboxes */
	TRIAL_FAILED, /* *problem says why it could not be tried: no room, no process */
};

/*
 * Builds the state in a folder `name`, which may be there from an earlier trial, starts delivery on
 * it, and looks when it is ready; then acts as the worker does: what was sent and has no verdict is
 * submitted again, after a mail reader has moved some of it to cur/; then
 * looks again. The folder stays. *message is the one that is wrong, or
 * scenario->count.
 */
enum trial_result trial_run(const struct trial_settings *settings, const char *name,
			    const struct crash_state *state, uint32_t *message,
			    struct problem *problem);

#endif
