/*
 * hops.h - counts the Received fields of a message: the hosts it has come through
 *
 * A message that goes in circles gets one more on every round (RFC 5321 6.3).
 * The count is taken while the decoded body passes by.
 */
#ifndef POSTERN_COMMON_SMTP_HOPS_H
#define POSTERN_COMMON_SMTP_HOPS_H

#include <stddef.h>

struct smtp_hops {
	unsigned place;	   /* of hops.c */
	unsigned received; /* Received fields so far; stays at UINT_MAX */
};

void smtp_hops_begin(struct smtp_hops *hops);

/*
 * Reads the next `length` bytes of a message whose lines end in LF or CR LF.
 * Only the header section counts, up to the first empty line (RFC 5322 2.1);
 * behind it nothing is looked at any more. However the bytes are split, the
 * count is the same.
 */
void smtp_hops_read(struct smtp_hops *hops, const char *bytes, size_t length);

#endif
