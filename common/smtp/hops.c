/*
 * hops.c - counts the Received fields of a message: the hosts it has come through
 *
 * Runs in: postern-worker, and whoever uses libsmtp.  Privilege: none.
 * Distrusts: every byte (they come from the Internet).  Trusts: nothing.
 *
 * Byte by byte in the name of a field, by memchr(3) from there to the end of
 * the line. All that is remembered is one number.
 */
#include "common/smtp/hops.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

static const char name[] = "received";
#define NAME_LENGTH (sizeof(name) - 1)

/* Up to NAME_LENGTH: so many bytes of the name have come, and nothing else in this line. */
enum place {
	AT_LINE_START = 0,
	BEHIND_NAME = NAME_LENGTH, /* and perhaps white space */
	BEHIND_CR,		   /* a CR at the start of the line */
	IN_REST,		   /* of a line that is not empty */
	BEHIND_HEADER,		   /* for good */
};

void smtp_hops_begin(struct smtp_hops *hops)
{
	*hops = (struct smtp_hops){ .place = AT_LINE_START };
}

/* Upper case becomes lower, other bytes become none of the letters. */
static bool is_next_letter(unsigned place, char byte)
{
	return place < NAME_LENGTH && (byte | 0x20) == name[place];
}

static void read_newline(struct smtp_hops *hops)
{
	bool is_empty = hops->place == AT_LINE_START || hops->place == BEHIND_CR;

	hops->place = is_empty ? BEHIND_HEADER : AT_LINE_START;
}

/* RFC 5322 4.5.7: there was a time when white space could stand before the colon. */
static void read_behind_name(struct smtp_hops *hops, char byte)
{
	if (byte == ' ' || byte == '\t')
		return;
	if (byte == ':' && hops->received < UINT_MAX)
		hops->received++;
	hops->place = IN_REST;
}

/* A byte at the start of a line, or behind that while the line may still be of use. */
static void read_byte(struct smtp_hops *hops, char byte)
{
	if (byte == '\n')
		read_newline(hops);
	else if (is_next_letter(hops->place, byte))
		hops->place++;
	else if (hops->place == BEHIND_NAME)
		read_behind_name(hops, byte);
	else if (hops->place == AT_LINE_START && byte == '\r')
		hops->place = BEHIND_CR;
	else
		hops->place = IN_REST;
}

void smtp_hops_read(struct smtp_hops *hops, const char *bytes, size_t length)
{
	const char *end = bytes + length;

	while (bytes < end && hops->place != BEHIND_HEADER) {
		if (hops->place == IN_REST)
			bytes = memchr(bytes, '\n', (size_t)(end - bytes));
		if (!bytes)
			return;
		read_byte(hops, *bytes++);
	}
}
