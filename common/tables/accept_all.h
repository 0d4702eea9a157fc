/*
 * accept_all.h - the mailbox that accept-all one puts everything into
 */
#ifndef POSTERN_COMMON_TABLES_ACCEPT_ALL_H
#define POSTERN_COMMON_TABLES_ACCEPT_ALL_H

#include <stdbool.h>

#include "common/configuration/configuration.h"
#include "common/fail/fail.h"
#include "common/tables/tables.h"

/*
 * Reads accept_all.mailbox: a name in the first of domains, of which there must
 * be one, or name@domain with any domain. False with what is wrong and how to
 * mend it, without file and line, in *what.
 */
bool accept_all_mailbox(const struct configuration *configuration, struct mailbox *mailbox,
			struct problem *what);

#endif
