/*
 * recording.h - the messages are delivered once, and all that delivery does is recorded
 */
#ifndef POSTERN_CONTROL_RECORDING_H
#define POSTERN_CONTROL_RECORDING_H

#include <stdbool.h>

#include "common/fail/fail.h"
#include "control/delivery.h"
#include "control/operations.h"
#include "control/scenario.h"

/*
 * Starts a traced delivery on the mail root, an open folder, sends it the
 * messages group by group, and stops it. The list begins with what was in the
 * folder before. Every message must be stored. False with *problem set;
 * *operations is to be freed then, too.
 */
bool recording_make(const struct delivery_settings *settings, const struct scenario *scenario,
		    int root, struct operations *operations, struct problem *problem);

/*
 * The same without a message: what a delivery does that finds this mail root after a crash, until
 * it has nothing more to do.
 */
bool recording_of_start(const struct delivery_settings *settings, int root,
			struct operations *operations, struct problem *problem);

#endif
