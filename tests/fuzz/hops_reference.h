/*
 * hops_reference.h - the Received fields of a message, counted slowly and plainly
 *
 * Unit test and fuzzer hold common/smtp/hops.c against it.
 */
#ifndef POSTERN_TESTS_HOPS_REFERENCE_H
#define POSTERN_TESTS_HOPS_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static inline bool hops_reference_is_received(const char *line, size_t length)
{
	static const char name[] = "Received";
	size_t at = sizeof(name) - 1;

	if (length < at || strncasecmp(line, name, at) != 0)
		return false;
	while (at < length && (line[at] == ' ' || line[at] == '\t'))
		at++;
	return at < length && line[at] == ':';
}

static inline unsigned hops_reference(const char *bytes, size_t length)
{
	unsigned received = 0;

	for (size_t at = 0; at < length;) {
		const char *line = bytes + at;
		const char *newline = memchr(line, '\n', length - at);
		size_t whole = newline ? (size_t)(newline - line) + 1 : length - at;

		if (newline && (whole == 1 || (whole == 2 && line[0] == '\r')))
			break;
		received += hops_reference_is_received(line, whole);
		at += whole;
	}
	return received;
}

#endif
