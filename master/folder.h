/*
 * folder.h - folders that the master opens for others: mail root, spool
 */
#ifndef POSTERN_MASTER_FOLDER_H
#define POSTERN_MASTER_FOLDER_H

#include <sys/stat.h>

#include "common/confine/confine.h"
#include "common/fail/fail.h"

/*
 * Opens the folder `path` whose owner is `owner`, made first (mode 0700) where
 * it is missing, the folder above it exists, and this process may give it to
 * `owner`. No link is followed in its last component. Returns a descriptor, close-on-exec, or -1
 * with *problem set: also where somebody else owns it, or everybody may write there.
 */
int folder_open_owned(const char *path, const struct identity *owner, struct problem *problem);

/*
 * Makes the folder `path` with the folder `mark` in it, both the owner's and of mode 0700,
 * in one step: it is not there, or there with its mark. Where there is something at
 * `path`, or it cannot be made, nothing is done: false.
 */
bool folder_make_marked(const char *path, const struct identity *owner, const char *mark);

/* folder_open_owned() for a folder that anybody may own, such as /var/tmp; `mode` is for a new one.
 */
int folder_open(const char *path, const struct identity *owner, mode_t mode,
		struct problem *problem);

/*
 * folder_open() for the folder that `path` lies in; its descriptor is closed
 * again. Where it is missing it is made as folder_act_as() says.
 */
bool folder_make_above(const char *path, const struct identity *owner, struct problem *problem);

/*
 * A new file without a name in the folder, to read and write (O_TMPFILE,
 * open(2)). -1 with errno set.
 */
int folder_nameless_file(int folder);

/*
 * Whether only root may make, remove or rename something in the folder of
 * `path`, and nobody else can put another folder in its place: no folder on the
 * way is another's, or a link.
 */
bool folder_is_of_root(const char *path);

/*
 * Before something at `path` is made or removed: root goes on as `owner`
 * (confine_borrow()) unless folder_is_of_root(); others stay who they are. False with errno
 * set; else folder_act_done() follows. It leaves errno alone.
 */
bool folder_act_as(const char *path, const struct identity *owner, bool *borrows);
void folder_act_done(bool borrows);

#endif
