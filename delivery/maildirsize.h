/*
 * maildirsize.h - the text of a file maildirsize (Maildir++), and sizes in names of files
 *
 *	1073741824S,10000C	the quota: bytes, messages; the one that is no limit is left out
 *	4096 3			what a count of all found: bytes, messages
 *	1024 1			a message more
 *	-2048 -1		and one fewer
 *
 * Every program that changes the mailbox may append a line, and the sum is what it holds.
 */
#ifndef POSTERN_DELIVERY_MAILDIRSIZE_H
#define POSTERN_DELIVERY_MAILDIRSIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/tables/tables.h"

#define MAILDIRSIZE "maildirsize"
/* A file of so many bytes is not read but made anew, as by all who share it. */
#define MAILDIRSIZE_MAX 5120
#define MAILDIRSIZE_TEXT_SIZE 128 /* of a new file, or of a line */

/* What a mailbox holds. */
struct usage {
	uint64_t bytes;
	uint64_t messages;
	bool may_be_old; /* to be counted anew before a message is refused for it */
};

/*
 * Reads the text of a file. False: it is for another quota, has a line that is none, a
 * sum below 0 or beyond 63 bits: count anew. usage->may_be_old is set when lines were appended.
 */
bool maildirsize_parse(const char *text, size_t length, const struct quota *quota,
		       struct usage *usage);

/* The text of a new file; returns its length. */
size_t maildirsize_format(const struct quota *quota, const struct usage *usage,
			  char text[MAILDIRSIZE_TEXT_SIZE]);

/* The size that the name of a message's file tells: ",S=1024". False: it tells none. */
bool maildirsize_of_name(const char *name, uint64_t *size);

#endif
