/*
 * recovery.h - what a delivery before this one has left unfinished
 */
#ifndef POSTERN_DELIVERY_RECOVERY_H
#define POSTERN_DELIVERY_RECOVERY_H

#include <stdbool.h>

#include "common/fail/fail.h"
#include "delivery/journal.h"
#include "delivery/maildir.h"

/*
 * Finishes what the record of intent says, forward or back, makes that durable, and
 * empties the record. Says in the log what it did. A mailbox that is not there any more,
 * or is not ours, is passed over. False with *problem set when the disk refuses: to be
 * tried again; it does no harm to do it twice.
 */
bool recovery_run(struct journal *journal, struct maildirs *maildirs, struct problem *problem);

/*
 * Removes the files from a mailbox's tmp/ (open as `tmp`) that a delivery before this one
 * made: those with a name of ours that are not under way. Those of other programs stay. `address`
 * names the mailbox in the log. An error is logged, too.
 */
void recovery_sweep(int tmp, const char *address, recovery_is_under_way *is_under_way,
		    const void *context);

#endif
