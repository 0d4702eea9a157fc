/*
 * state_build.h - puts a state that a crash may leave on a disk
 */
#ifndef POSTERN_CONTROL_STATE_BUILD_H
#define POSTERN_CONTROL_STATE_BUILD_H

#include <stdbool.h>

#include "common/fail/fail.h"
#include "control/crash_state.h"

/* Makes all that the tree holds below `root`, an empty folder. False with *problem set. */
bool state_build(const struct operations *operations, const struct crash_tree *tree, int root,
		 struct problem *problem);

#endif
