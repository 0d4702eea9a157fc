/*
 * pid_file.h - the file that says which process is the master
 */
#ifndef POSTERN_MASTER_PID_FILE_H
#define POSTERN_MASTER_PID_FILE_H

#include "common/confine/confine.h"
#include "common/fail/fail.h"

enum pid_file_result { PID_FILE_OPENED, PID_FILE_IN_USE, PID_FILE_FAILED };

struct pidfh;

/*
 * Opens and locks the file (pidfile_open(3bsd)) and writes the pid of this
 * process. Root acts as `owner` where others than root may write its folder;
 * `owner` is NULL for an ordinary user. On PID_FILE_IN_USE *problem says which
 * process holds it.
 */
enum pid_file_result pid_file_open(const char *path, const struct identity *owner,
				   struct pidfh **file, struct problem *problem);

/* Removes it; where its folder does not allow that it is left empty. NULL is nothing. */
void pid_file_remove(struct pidfh *file);

#endif
