/*
 * usage.h - how much a mailbox holds: by its maildirsize, or counted
 */
#ifndef POSTERN_DELIVERY_USAGE_H
#define POSTERN_DELIVERY_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/tables/tables.h"
#include "delivery/maildirsize.h"

/*
 * A new maildirsize, in tmp/. Always the same name, since one process alone delivers: what
 * a killed one has left is in the way of the next, which removes it.
 */
#define USAGE_NEW_NAME "postern." MAILDIRSIZE

/* A mailbox below the mail root. */
struct measured {
	int root;
	const char *path;
	const char *address;	   /* for the log */
	const struct quota *quota; /* for reading and counting */
};

/*
 * Reads maildirsize. False: there is none, or it cannot be relied on. It must be a regular
 * file of one name, reached through no symbolic link.
 */
bool usage_read(const struct measured *measured, struct usage *usage);

/*
 * Counts what is in new/ and cur/ of the mailbox and of its sub-folders, and writes a new
 * maildirsize. A mailbox that does not exist holds nothing. False with errno set when
 * something cannot be read; a file that cannot be written is logged only.
 */
bool usage_count(const struct measured *measured, struct usage *usage);

/*
 * A message of so many bytes has been put into the mailbox: appends a line. Where there
 * is no file the next check counts. Not durable, since
 * it can be counted: what a crash takes is found by the next count, and the mailbox may hold
 * so much more until then. A failure is logged.
 */
void usage_add(const struct measured *measured, uint64_t bytes);

/* Removes maildirsize: whether a line was appended is not known. The next check counts. */
void usage_forget(const struct measured *measured);

#endif
