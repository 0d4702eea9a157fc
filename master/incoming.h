/*
 * incoming.h - what the processes tell the master
 */
#ifndef POSTERN_MASTER_INCOMING_H
#define POSTERN_MASTER_INCOMING_H

#include "master/master.h"

/*
 * Reads and handles the messages that wait in the channel. False at its end.
 * What the message table does not allow, or comes out of state, ends the
 * process that sent it.
 */
bool incoming_read(struct child *child);

#endif
