/*
 * maildirsize.c - the text of a file maildirsize (Maildir++), and sizes in names of files
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: every byte: other programs write these files and names.
 */
#include "delivery/maildirsize.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What is still to be read. */
struct cursor {
	const char *next;
	const char *end;
};

static bool take_char(struct cursor *cursor, char c)
{
	if (cursor->next == cursor->end || *cursor->next != c)
		return false;
	cursor->next++;
	return true;
}

/* Digits: a number of at most 63 bits. */
static bool take_digits(struct cursor *cursor, int64_t *number)
{
	const char *begin = cursor->next;

	*number = 0;
	for (; cursor->next < cursor->end && *cursor->next >= '0' && *cursor->next <= '9';
	     cursor->next++)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, *cursor->next - '0', number))
			return false;
	return cursor->next > begin;
}

static bool take_number(struct cursor *cursor, int64_t *number)
{
	bool is_negative = take_char(cursor, '-');

	if (!take_digits(cursor, number))
		return false;
	if (is_negative)
		*number = -*number;
	return true;
}

static void skip_spaces(struct cursor *cursor)
{
	while (take_char(cursor, ' '))
		continue;
}

/* ---- the quota in the first line ---- */

/* One limit, as in "1000S"; its letter says of what. */
static bool take_limit(struct cursor *cursor, struct quota *quota)
{
	int64_t number;

	if (!take_digits(cursor, &number))
		return false;
	if (take_char(cursor, 'S'))
		quota->bytes = (uint64_t)number;
	else if (take_char(cursor, 'C'))
		quota->messages = (uint64_t)number;
	else
		return false;
	return true;
}

static bool take_quota(struct cursor *cursor, const struct quota *wanted)
{
	struct quota quota = { 0, 0 };

	do {
		if (!take_limit(cursor, &quota))
			return false;
	} while (take_char(cursor, ','));
	return take_char(cursor, '\n') && quota.bytes == wanted->bytes &&
	       quota.messages == wanted->messages;
}

/* ---- the lines behind it ---- */

struct sum {
	int64_t bytes;
	int64_t messages;
	size_t lines;
};

/* Programs pad the numbers with spaces; a line without its end may not be whole. */
static bool take_line(struct cursor *cursor, struct sum *sum)
{
	int64_t bytes, messages;

	skip_spaces(cursor);
	if (!take_number(cursor, &bytes) || !take_char(cursor, ' '))
		return false;
	skip_spaces(cursor);
	if (!take_number(cursor, &messages))
		return false;
	skip_spaces(cursor);
	sum->lines++;
	return take_char(cursor, '\n') && !__builtin_add_overflow(sum->bytes, bytes, &sum->bytes) &&
	       !__builtin_add_overflow(sum->messages, messages, &sum->messages);
}

bool maildirsize_parse(const char *text, size_t length, const struct quota *quota,
		       struct usage *usage)
{
	struct cursor cursor = { text, text + length };
	struct sum sum = { 0, 0, 0 };

	if (length >= MAILDIRSIZE_MAX || !take_quota(&cursor, quota))
		return false;
	do {
		if (!take_line(&cursor, &sum))
			return false;
	} while (cursor.next < cursor.end);
	if (sum.bytes < 0 || sum.messages < 0)
		return false;
	usage->bytes = (uint64_t)sum.bytes;
	usage->messages = (uint64_t)sum.messages;
	usage->may_be_old = sum.lines > 1;
	return true;
}

size_t maildirsize_format(const struct quota *quota, const struct usage *usage,
			  char text[MAILDIRSIZE_TEXT_SIZE])
{
	size_t used = 0;

	if (quota->bytes > 0)
		used = (size_t)snprintf(text, MAILDIRSIZE_TEXT_SIZE, "%" PRIu64 "S", quota->bytes);
	if (quota->messages > 0)
		used += (size_t)snprintf(text + used, MAILDIRSIZE_TEXT_SIZE - used,
					 "%s%" PRIu64 "C", used > 0 ? "," : "", quota->messages);
	used += (size_t)snprintf(text + used, MAILDIRSIZE_TEXT_SIZE - used,
				 "\n%" PRIu64 " %" PRIu64 "\n", usage->bytes, usage->messages);
	return used;
}

/* Flags (":2,S") come behind the size, and a "," or they end it. */
bool maildirsize_of_name(const char *name, uint64_t *size)
{
	const char *found = strstr(name, ",S=");
	const char *flags = strchr(name, ':');
	struct cursor cursor;
	int64_t number;

	if (!found || (flags && flags < found))
		return false;
	cursor = (struct cursor){ found + strlen(",S="), name + strlen(name) };
	if (!take_digits(&cursor, &number) ||
	    (cursor.next < cursor.end && *cursor.next != ',' && *cursor.next != ':'))
		return false;
	*size = (uint64_t)number;
	return true;
}
