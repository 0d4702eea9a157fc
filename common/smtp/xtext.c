/*
 * xtext.c - how values that a parameter cannot hold are written: xtext (RFC 3461 4), unitext (RFC
 * 6533 3)
 *
 * Runs in: postern-worker, and whoever uses libsmtp.  Privilege: none.
 * Distrusts: every byte (they come from the Internet).  Trusts: text.c.
 *
 * The readers below look at the front of a text and return the length of what
 * they know, 0 when there is nothing of it.
 */
#include "common/smtp/xtext.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#define CODE_POINT_MAX 0x10FFFF /* RFC 3629 3 */
#define HEXPOINT_MIN 2		/* digits */
#define HEXPOINT_MAX 6

/* Value of an upper-case hexadecimal digit, or -1. */
static int upper_digit(char byte)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *found = memchr(digits, byte, sizeof(digits) - 1);

	return found ? (int)(found - digits) : -1;
}

/* HEXDIG of RFC 5234, in either case. */
static int any_digit(char byte)
{
	return upper_digit(byte >= 'a' && byte <= 'f' ? (char)(byte - 'a' + 'A') : byte);
}

/* ---- xtext ---- */

/* xchar of RFC 3461; QCHAR of RFC 6533 is this without the backslash. */
static bool is_xchar(char byte)
{
	return smtp_is_printable(byte) && byte != ' ' && byte != '+' && byte != '=';
}

static size_t read_hexchar(struct smtp_text text, char *byte)
{
	int high, low;

	if (text.length < 3 || text.bytes[0] != '+')
		return 0;
	high = upper_digit(text.bytes[1]);
	low = upper_digit(text.bytes[2]);
	if (high < 0 || low < 0)
		return 0;
	*byte = (char)(high << 4 | low);
	return 3;
}

/* An xchar or a hexchar, and the byte that it stands for. */
static size_t read_xtext(struct smtp_text text, char *byte)
{
	if (text.length > 0 && is_xchar(text.bytes[0])) {
		*byte = text.bytes[0];
		return 1;
	}
	return read_hexchar(text, byte);
}

static void skip(struct smtp_text *left, size_t length)
{
	left->bytes += length;
	left->length -= length;
}

bool smtp_xtext_is_valid(struct smtp_text text)
{
	size_t length;
	char byte;

	for (; text.length > 0; skip(&text, length)) {
		length = read_xtext(text, &byte);
		if (length == 0)
			return false;
	}
	return true;
}

bool smtp_xtext_is_printable(struct smtp_text text)
{
	size_t length;
	char byte;

	for (; text.length > 0; skip(&text, length)) {
		length = read_xtext(text, &byte);
		if (length == 0 || !smtp_is_printable(byte))
			return false;
	}
	return true;
}

int smtp_xtext_decode(struct smtp_text text, char *plain, size_t size)
{
	size_t length, used = 0;
	char byte;

	for (; text.length > 0; skip(&text, length)) {
		length = read_xtext(text, &byte);
		if (length == 0 || used >= size || used >= INT_MAX)
			return -1;
		plain[used++] = byte;
	}
	if (used >= size)
		return -1;
	plain[used] = '\0';
	return (int)used;
}

/* ---- unitext ---- */

/*
 * Characters that HEXPOINT can name. It has two digits, or more without a zero
 * in front, so there is one way to write each.
 */
static bool is_embeddable(uint32_t point, size_t digits)
{
	size_t fewest = HEXPOINT_MIN;

	while (point >> (4 * fewest))
		fewest++;
	if (digits != fewest || point > CODE_POINT_MAX)
		return false;
	if (point < 0x80)
		return point == ' ' || point == '+' || point == '=' || point == '\\';
	return point < 0xD800 || point > 0xDFFF; /* surrogates: RFC 3629 3 */
}

/* EmbeddedUnicodeChar: "\x{", HEXPOINT and "}" */
static size_t read_embedded(struct smtp_text text)
{
	static const char start[] = { '\\', 'x', '{' };
	uint32_t point = 0;
	size_t digits;

	if (text.length < sizeof(start) || memcmp(text.bytes, start, sizeof(start)) != 0)
		return 0;
	skip(&text, sizeof(start));
	for (digits = 0; digits < text.length && digits <= HEXPOINT_MAX; digits++) {
		int digit = any_digit(text.bytes[digits]);

		if (digit < 0)
			break;
		point = point << 4 | (uint32_t)digit;
	}
	if (digits == text.length || text.bytes[digits] != '}' || !is_embeddable(point, digits))
		return 0;
	return sizeof(start) + digits + 1;
}

bool smtp_unitext_is_valid(struct smtp_text text)
{
	struct smtp_text left = text;
	size_t length;

	if (text.length == 0)
		return false;
	for (; left.length > 0; skip(&left, length)) {
		char byte = left.bytes[0];
		bool is_plain = smtp_is_8bit(byte) || (is_xchar(byte) && byte != '\\');

		length = is_plain ? 1 : read_embedded(left);
		if (length == 0)
			return false;
	}
	return smtp_text_is_utf8(text);
}
