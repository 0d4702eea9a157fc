/*
 * maildir.h - the mailboxes below the mail root: opens them, makes missing ones
 *
 * A mailbox is a Maildir: a directory with tmp/, new/ and cur/. Open ones are
 * kept, the least recently used is closed first.
 */
#ifndef POSTERN_DELIVERY_MAILDIR_H
#define POSTERN_DELIVERY_MAILDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/fail/fail.h"

struct leftovers;
struct maildirs;

/* Whether a file of this name belongs to a message that is under way in this process. */
typedef bool recovery_is_under_way(const void *context, const char *name);

/* An open mailbox; whoever holds it may use the directories until maildir_release. */
struct maildir {
	int tmp, new;
	dev_t device; /* st_dev of new */
	int error;    /* the caller's, while it holds the mailbox */
};

/*
 * `root` is the mail root, and stays open as long as the maildirs live. At
 * most `bound` mailboxes (two descriptors each) are kept open beside those
 * that are held. With `create` missing mailboxes are made. NULL when memory
 * is short.
 */
struct maildirs *maildirs_new(int root, size_t bound, bool create);
/*
 * From here on the tmp/ of each mailbox is swept when it is opened: recovery.h. To be called
 * when nothing lies there any more that is still to be moved.
 */
void maildirs_sweep(struct maildirs *maildirs, recovery_is_under_way *is_under_way,
		    const void *context);
/* No mailbox may be held. */
void maildirs_free(struct maildirs *maildirs);

/*
 * Opens the mailbox at `path` below the root. `address` names it in the log
 * and in *problem. It must be a directory, reached through no symbolic link,
 * that belongs to the user of this process, and so must its tmp/ and new/.
 * NULL with errno and *problem set.
 */
struct maildir *maildir_hold(struct maildirs *maildirs, const char *path, const char *address,
			     struct problem *problem);
/*
 * A turn of the store begins: a mailbox that is open from an earlier one is
 * looked up again when it is held next, since it may have been moved.
 */
void maildirs_next_turn(struct maildirs *maildirs);
void maildir_release(struct maildirs *maildirs, struct maildir *maildir);

/*
 * Makes the mailbox, and what is missing of the path to it, mode 0700, each
 * durable when `synced`; what is there already must be a directory of our own
 * user. Returns 1 when something was made, 0 when all was there, -1 with errno
 * and *problem set.
 */
int maildir_create(int root, const char *path, const char *address, bool synced,
		   struct problem *problem);
/* Whether there is something at `path` that maildir_hold would open. */
bool maildir_exists(int root, const char *path);

/*
 * Looks in one folder ("new" or "cur") of a mailbox for a file whose name
 * begins with `prefix` (a mail reader appends flags to it) and makes the
 * folder durable when there is one. 1 found, 0 not found, -1 with errno set.
 */
int maildir_find(int root, const char *path, const char *folder, const char *prefix);
int maildirs_root(const struct maildirs *maildirs);

/* The files in them that could not be removed. */
struct leftovers *maildirs_leftovers(struct maildirs *maildirs);

#endif
