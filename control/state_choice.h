/*
 * state_choice.h - which of all the states that a crash may leave are tried
 */
#ifndef POSTERN_CONTROL_STATE_CHOICE_H
#define POSTERN_CONTROL_STATE_CHOICE_H

#include <stddef.h>
#include <stdint.h>

#include "control/crash_state.h"

struct crash_state {
	size_t length;	   /* the crash comes behind so many operations */
	size_t dropped;	   /* changes that did not reach the disk, or not whole */
	uint8_t *outcomes; /* of each pending change at that point */
	uint32_t seed;	   /* of crash_tree_build */
};

struct crash_states {
	struct crash_state *list;
	size_t count;
};

/*
 * Chooses about `most` states, but one at least for each point of time. They
 * come in order of time, those of one point with the fewest dropped changes
 * first. For each point: nothing dropped; each change by itself, the latest
 * first; everything dropped; then at random, by `seed`. All of them where
 * there are no more than the point's share. A state that comes
 * to the same tree and the same answers as an earlier one is left out. Memory
 * that is short ends the program.
 */
void crash_states_choose(const struct operations *operations, size_t most, uint64_t seed,
			 struct crash_states *states);
void crash_states_free(struct crash_states *states);

#endif
