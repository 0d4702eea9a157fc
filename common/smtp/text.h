/*
 * text.h - a piece of text within somebody else's bytes
 */
#ifndef POSTERN_COMMON_SMTP_TEXT_H
#define POSTERN_COMMON_SMTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct smtp_text {
	const char *bytes; /* no NUL behind it; valid as long as the bytes it lies in */
	size_t length;
};

/* ALPHA / DIGIT of RFC 5234, whatever the locale. */
static inline bool smtp_is_letter_or_digit(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9');
}

/* Printable ASCII with the space: %d32-126 of RFC 5321 4.1.2. */
static inline bool smtp_is_printable(char byte)
{
	return byte >= ' ' && byte <= '~';
}

static inline bool smtp_is_8bit(char byte)
{
	return (unsigned char)byte > 127;
}

/* atext of RFC 5322 3.2.3, of which an Atom is made. */
bool smtp_is_atext(char byte);

/* Compares with an upper-case ASCII word, without regard to case. */
bool smtp_text_is(struct smtp_text text, const char *word);

/* Whether the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool smtp_text_is_utf8(struct smtp_text text);

/* Whether there is a byte above 127. */
bool smtp_text_has_8bit(struct smtp_text text);

#endif
