/*
 * recipients.h - from the recipients of an envelope to the mailboxes they stand for
 */
#ifndef POSTERN_DELIVERY_RECIPIENTS_H
#define POSTERN_DELIVERY_RECIPIENTS_H

#include "common/tables/tables.h"
#include "delivery/transaction.h"

/*
 * Looks every recipient up in delivery's own tables and fills
 * transaction->targets: each mailbox once, in the order met, with the first
 * recipient that led to it. `template` is the path below the mail root, with
 * %d and %u. On failure the transaction has failed:
 *
 *	VERDICT_NO_RECIPIENT	the tables list none of the recipients
 *	VERDICT_SYSTEM_ERROR	they list some, not all: the tables have changed
 *				since RCPT. Storing for some and answering 250
 *				would lose the mail of the others; the sender
 *				tries again and hears at RCPT who is unknown.
 *				Also: too many mailboxes, no memory.
 */
void recipients_expand(struct transaction *transaction, const struct tables *tables,
		       const char *template);

#endif
