/*
 * data_reference.h - what comes of the bytes behind DATA, done slowly and plainly
 *
 * The body is looked at as a whole, line after line, as RFC 5321 4.1.1.4 and
 * 4.5.2 tell it. Unit test and fuzzer hold common/smtp/data.c against it.
 */
#ifndef POSTERN_TESTS_DATA_REFERENCE_H
#define POSTERN_TESTS_DATA_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/data.h"

struct data_reference {
	bool ended;
	size_t used; /* input up to and with CR LF . CR LF, or all of it */
	uint64_t size;
	unsigned faults;
	char *out; /* only when ended */
	size_t written;
};

/* The byte before in[i]; the line of the DATA command has ended in CR LF. */
static inline char reference_before(const char *in, size_t i)
{
	return i > 0 ? in[i - 1] : '\n';
}

static inline bool reference_is_line_start(const char *in, size_t i)
{
	return i == 0 || (i >= 2 && in[i - 2] == '\r' && in[i - 1] == '\n');
}

/* Finds the end. *body is the length of what stands before the dot. */
static inline bool reference_find_end(const char *in, size_t length, size_t *body)
{
	for (size_t i = 0; length >= 3 && i <= length - 3; i++) {
		if (reference_is_line_start(in, i) && memcmp(in + i, ".\r\n", 3) == 0) {
			*body = i;
			return true;
		}
	}
	return false;
}

static inline unsigned reference_byte_faults(const char *in, size_t length)
{
	unsigned faults = 0;

	for (size_t i = 0; i < length; i++) {
		if (in[i] == '\0')
			faults |= SMTP_DATA_NUL;
		if (in[i] == '\n' && reference_before(in, i) != '\r')
			faults |= SMTP_DATA_BARE_LF;
		/* A CR that is the last byte may still get its LF. */
		if (in[i] == '\r' && i + 1 < length && in[i + 1] != '\n')
			faults |= SMTP_DATA_BARE_CR;
	}
	return faults;
}

/* Length of the line at in[0], its CR LF included. */
static inline size_t reference_line(const char *in, size_t length)
{
	for (size_t i = 0; i + 1 < length; i++)
		if (in[i] == '\r' && in[i + 1] == '\n')
			return i + 2;
	return length;
}

/* Hands out a body that is made of whole lines. */
static inline void reference_lines(struct data_reference *reference, const char *in, size_t length,
				   enum smtp_newline newline, size_t limit)
{
	reference->out = malloc(length + 1);
	if (!reference->out)
		abort();
	for (size_t at = 0, line; at < length; at += line) {
		size_t dot = in[at] == '.' ? 1 : 0;
		size_t text;

		line = reference_line(in + at, length - at);
		text = line - dot - 2;
		memcpy(reference->out + reference->written, in + at + dot, text);
		reference->written += text;
		if (newline == SMTP_NEWLINE_CRLF)
			reference->out[reference->written++] = '\r';
		reference->out[reference->written++] = '\n';
		reference->size += text + 2;
		if (text + 2 > limit)
			reference->faults |= SMTP_DATA_LONG_LINE;
	}
}

/* The caller frees .out. */
static inline struct data_reference data_reference(const char *in, size_t length,
						   enum smtp_newline newline, size_t limit)
{
	struct data_reference reference = { .used = length };
	size_t body;

	reference.ended = reference_find_end(in, length, &body);
	if (reference.ended)
		reference.used = body + 3;
	reference.faults = reference_byte_faults(in, reference.used);
	if (reference.ended)
		reference_lines(&reference, in, body, newline, limit);
	return reference;
}

#endif
