/*
 * text.c - a piece of text within somebody else's bytes
 *
 * Runs in: postern-worker, and whoever uses libsmtp.  Privilege: none.
 * Distrusts: every byte.  Trusts: the bounds that its caller gives.
 */
#include "common/smtp/text.h"

#include <string.h>

/*
 * UTF-8 as RFC 3629 section 4 lists it. The bounds of the second byte are what
 * keeps out overlong forms, surrogates and what lies beyond U+10FFFF; all
 * further bytes are 80..BF.
 */
static const struct utf8_row {
	unsigned char first_low, first_high;
	unsigned char second_low, second_high;
	size_t length;
} utf8_rows[] = {
	{ 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 }, { 0xE1, 0xEC, 0x80, 0xBF, 3 },
	{ 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 }, { 0xF0, 0xF0, 0x90, 0xBF, 4 },
	{ 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
};

bool smtp_is_atext(char byte)
{
	static const char others[] = "!#$%&'*+-/=?^_`{|}~";

	return smtp_is_letter_or_digit(byte) || memchr(others, byte, sizeof(others) - 1);
}

static char upper(char byte)
{
	return byte >= 'a' && byte <= 'z' ? (char)(byte - 'a' + 'A') : byte;
}

bool smtp_text_is(struct smtp_text text, const char *word)
{
	size_t i;

	for (i = 0; i < text.length; i++)
		if (word[i] == '\0' || upper(text.bytes[i]) != word[i])
			return false;
	return word[i] == '\0';
}

bool smtp_text_has_8bit(struct smtp_text text)
{
	for (size_t i = 0; i < text.length; i++)
		if (smtp_is_8bit(text.bytes[i]))
			return true;
	return false;
}

static const struct utf8_row *find_utf8_row(unsigned char first)
{
	for (size_t i = 0; i < sizeof(utf8_rows) / sizeof(utf8_rows[0]); i++)
		if (first >= utf8_rows[i].first_low && first <= utf8_rows[i].first_high)
			return &utf8_rows[i];
	return NULL;
}

/* Length of the character that begins at bytes[0], a byte above 127; 0 for a malformed one. */
static size_t utf8_character(const unsigned char *bytes, size_t length)
{
	const struct utf8_row *row = find_utf8_row(bytes[0]);

	if (!row || row->length > length)
		return 0;
	if (bytes[1] < row->second_low || bytes[1] > row->second_high)
		return 0;
	for (size_t i = 2; i < row->length; i++)
		if (bytes[i] < 0x80 || bytes[i] > 0xBF)
			return 0;
	return row->length;
}

bool smtp_text_is_utf8(struct smtp_text text)
{
	const unsigned char *bytes = (const unsigned char *)text.bytes;
	size_t at = 0;

	while (at < text.length) {
		size_t length = bytes[at] < 0x80 ? 1 : utf8_character(bytes + at, text.length - at);

		if (length == 0)
			return false;
		at += length;
	}
	return true;
}
