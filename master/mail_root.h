/*
 * mail_root.h - the folder that all mailboxes lie in, for delivery
 */
#ifndef POSTERN_MASTER_MAIL_ROOT_H
#define POSTERN_MASTER_MAIL_ROOT_H

#include "master/master.h"

/*
 * Opens the mail root of the generation's configuration into generation->mail_root. Where
 * it is missing it is made, with the mark in it (MAIL_ROOT_MARK); one that is there
 * without is left alone: its file system may not be mounted. False with *problem set.
 */
bool mail_root_open(struct generation *generation, struct problem *problem);

/*
 * Delivery finds no mark in the mail root: when another folder lies at its path by now,
 * delivery is replaced by one that gets that.
 */
void mail_root_look_again(struct master *master);

#endif
