/*
 * control.h - what the master tells delivery
 */
#ifndef POSTERN_DELIVERY_CONTROL_H
#define POSTERN_DELIVERY_CONTROL_H

#include <event2/event.h>

/*
 * Serves the control channel and everything that comes of it in `base`, which
 * has PRIORITY_COUNT priorities, until the master says STOP or is gone. Then
 * what is complete is committed and answered, and the function returns. Ends
 * the program (fail.h) when the start fails or the master breaks the protocol.
 */
void control_run(struct event_base *base, int channel);

#endif
