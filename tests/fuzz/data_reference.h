/*
 * data_reference.h - what comes of the bytes of a message, done slowly and plainly
 *
 * The message is looked at as a whole: what becomes of a byte is said by the
 * bytes beside it, as RFC 5321 4.1.1.4 and 4.5.2 and RFC 3030 tell it. There
 * are no states. Unit tests and fuzzer hold common/smtp/data.c against it.
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
	size_t line;
	uint64_t size;
	unsigned faults;
	char *out; /* the caller frees it */
	size_t written;
};

/* The input, and what is asked. */
struct reference_input {
	const char *in;
	size_t length; /* of the message, so far */
	struct smtp_data_settings settings;
};

/* Whether a line begins here; the line of the DATA command has ended in CR LF. */
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

static inline void reference_count(struct data_reference *reference,
				   const struct reference_input *input, size_t length)
{
	reference->size += length;
	reference->line += length;
	if (reference->line > input->settings.line_limit)
		reference->faults |= SMTP_DATA_LONG_LINE;
}

static inline void reference_byte(struct data_reference *reference,
				  const struct reference_input *input, char byte)
{
	reference->out[reference->written++] = byte;
	reference_count(reference, input, 1);
}

static inline void reference_line_end(struct data_reference *reference,
				      const struct reference_input *input)
{
	if (input->settings.newline == SMTP_NEWLINE_CRLF)
		reference->out[reference->written++] = '\r';
	reference->out[reference->written++] = '\n';
	reference_count(reference, input, 2);
	reference->line = 0;
}

static inline void reference_bare(struct data_reference *reference,
				  const struct reference_input *input, char byte)
{
	if (input->settings.endings == SMTP_LINES_NORMALISE) {
		reference_line_end(reference, input);
		return;
	}
	reference->faults |= byte == '\r' ? SMTP_DATA_BARE_CR : SMTP_DATA_BARE_LF;
	reference_byte(reference, input, byte);
}

/* The dot in front of a line with something behind it, in the form that has such dots. */
static inline bool reference_is_doubling(const struct reference_input *input, size_t i)
{
	return input->settings.format == SMTP_FORMAT_DOTTED && input->in[i] == '.' &&
	       reference_is_line_start(input->in, i);
}

/* What becomes of the byte in[i] of a text. */
static inline void reference_step(struct data_reference *reference,
				  const struct reference_input *input, size_t i)
{
	const char *in = input->in;
	bool is_last = i + 1 == input->length;

	if (in[i] == '\0')
		reference->faults |= SMTP_DATA_NUL;
	if (in[i] == '\r' && !is_last && in[i + 1] == '\n')
		return; /* comes with its LF */
	if (in[i] == '\r' && is_last && input->settings.format == SMTP_FORMAT_DOTTED)
		return; /* may still get its LF */
	if (in[i] == '\n' && i > 0 && in[i - 1] == '\r')
		reference_line_end(reference, input);
	else if (in[i] == '\n' || in[i] == '\r')
		reference_bare(reference, input, in[i]);
	else if (!reference_is_doubling(input, i))
		reference_byte(reference, input, in[i]);
}

/* For CHUNKED and BINARY `length` is the whole message. */
static inline struct data_reference data_reference(const char *in, size_t length,
						   const struct smtp_data_settings *settings)
{
	struct data_reference reference = { .used = length, .out = malloc(2 * length + 2) };
	struct reference_input input = { in, length, *settings };

	if (!reference.out)
		abort();
	reference.ended = settings->format != SMTP_FORMAT_DOTTED ||
			  reference_find_end(in, length, &input.length);
	if (settings->format == SMTP_FORMAT_DOTTED && reference.ended)
		reference.used = input.length + 3;
	for (size_t i = 0; i < input.length; i++) {
		if (settings->format != SMTP_FORMAT_BINARY) {
			reference_step(&reference, &input, i);
			continue;
		}
		reference.out[reference.written++] = in[i];
		reference.size++;
	}
	return reference;
}

#endif
