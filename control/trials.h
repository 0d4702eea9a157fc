/*
 * trials.h - all chosen states, tried on several processors
 */
#ifndef POSTERN_CONTROL_TRIALS_H
#define POSTERN_CONTROL_TRIALS_H

#include <stddef.h>

#include "common/fail/fail.h"
#include "control/state_choice.h"
#include "control/trial.h"

struct trials_outcome {
	enum trial_result result; /* of the worst */
	size_t checked;
	struct crash_state wrong; /* TRIAL_WRONG: the shortest; its outcomes are the caller's */
	uint32_t message;	  /* that is wrong there */
	struct problem problem;
};

/*
 * Tries the states in their order, and no more than needed once one is wrong.
 * What is wrong is made as short as it can be: each dropped change that is not
 * needed for it is kept, then the earliest point of time is looked for.
 */
void trials_run(const struct trial_settings *settings, const struct crash_states *states,
		struct trials_outcome *outcome);

#endif
