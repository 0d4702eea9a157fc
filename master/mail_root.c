/*
 * mail_root.c - the folder that all mailboxes lie in, for delivery
 *
 * Runs in: posternd.  Privilege: root's at the start, CAP_DAC_READ_SEARCH later.
 * Distrusts: that the folder at the path is the one it was: somebody may mount one.
 */
#include "master/mail_root.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/child.h"
#include "master/folder.h"

bool mail_root_open(struct generation *generation, struct problem *problem)
{
	const struct identity *owner = &generation->master->identities[PROCESS_DELIVERY];
	const char *template;
	char *path = configuration_mail_root(generation->configuration, &template);

	if (!path)
		return problem_set(problem, "out of memory");
	(void)folder_make_marked(path, owner, MAIL_ROOT_MARK);
	generation->mail_root = folder_open_owned(path, owner, problem);
	free(path);
	return generation->mail_root >= 0;
}

static bool is_other(int one, int other)
{
	struct stat a, b;

	return fstat(one, &a) == 0 && fstat(other, &b) == 0 &&
	       (a.st_dev != b.st_dev || a.st_ino != b.st_ino);
}

void mail_root_look_again(struct master *master)
{
	struct generation *current = master->current;
	struct child *delivery = master->delivery.child;
	struct problem problem;
	int former = current->mail_root;

	if (master->phase != PHASE_RUNNING || !delivery || delivery->leaving)
		return;
	if (!mail_root_open(current, &problem)) {
		current->mail_root = former;
		return;
	}
	if (is_other(former, current->mail_root))
		child_tell_to_end(delivery, MESSAGE_STOP,
				  (uint32_t)current->configuration->timeouts.stop);
	close(former);
}
