/*
 * second_crash.h - crashes in the midst of a recovery from a crash
 */
#ifndef POSTERN_CONTROL_SECOND_CRASH_H
#define POSTERN_CONTROL_SECOND_CRASH_H

#include <stddef.h>
#include <stdint.h>

#include "control/operations.h"
#include "control/state_choice.h"
#include "control/trial.h"
#include "control/trials.h"

struct second_crash {
	struct trials_outcome outcome; /* of all of them; ends with the first that is wrong */
	unsigned recoveries;	       /* that were recorded */
	/* Where it is wrong: the first crash, and what its recovery did until the second. */
	const struct crash_state *earlier; /* one of the states */
	struct operations operations;
};

/*
 * Records delivery's recovery from some of the states, chosen by `seed`: those
 * in which it moves or removes files. Of each, tries what another crash may
 * leave; about `most` states in all. To be freed.
 */
void second_crash_run(const struct trial_settings *settings, const struct crash_states *states,
		      size_t most, uint64_t seed, struct second_crash *second);
void second_crash_free(struct second_crash *second);

#endif
