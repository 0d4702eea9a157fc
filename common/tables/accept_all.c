/*
 * accept_all.c - the mailbox that accept-all one puts everything into
 *
 * Runs in: every program.  Privilege: none needed.
 * Distrusts: the configuration file.
 */
#include "common/tables/accept_all.h"

#include <bsd/string.h>

#include "common/tables/name.h"

bool accept_all_mailbox(const struct configuration *configuration, struct mailbox *mailbox,
			struct problem *what)
{
	const char *cursor = configuration->accept_all.mailbox;
	struct name name;

	if (!name_read(&cursor, &name, LISTED_LOCAL_MAX, what))
		return false;
	if (*cursor)
		return problem_set(what, "\"%.100s\" behind the name; give one mailbox", cursor);
	if (!*name.local)
		return problem_set(what, "@%.100s has no name; write it like everything@%.100s",
				   name.domain, name.domain);
	if (!*name.domain &&
	    !domain_normalise(configuration->domains.items[0], name.domain, sizeof(name.domain)))
		return problem_set(what, "the first of domains is not a domain; mend it");
	strlcpy(mailbox->local, name.local, sizeof(mailbox->local));
	strlcpy(mailbox->domain, name.domain, sizeof(mailbox->domain));
	if (!mailbox_fits(mailbox, configuration->delivery.maildir))
		return problem_set(what,
				   "the folder of mailbox %s would have too long a name; "
				   "shorten it",
				   mailbox->local);
	return true;
}
