/*
 * state_build.h - puts a state that a crash may leave on a disk
 */
#ifndef POSTERN_CONTROL_STATE_BUILD_H
#define POSTERN_CONTROL_STATE_BUILD_H

#include <stdbool.h>

#include "common/fail/fail.h"
#include "control/crash_state.h"

/* Whether every folder that was made while delivery was recorded is in the tree. */
bool state_has_all_folders(const struct operations *operations, const struct crash_tree *tree);

/*
 * Makes all that the tree holds below `root`, which holds no file; folders may be
 * there already. False with *problem set.
 */
bool state_build(const struct operations *operations, const struct crash_tree *tree, int root,
		 struct problem *problem);

#endif
