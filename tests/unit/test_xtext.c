/*
 * test_xtext.c - xtext (RFC 3461 4) and unitext (RFC 6533 3)
 *
 * Covers C-32, D-22, D-24.
 * Runs in: the tests.  Privilege: none.
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/xtext.h"
#include "tests/unit/runner.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

/* Text and length, so that NULs can be in it. */
#define BYTES(literal) literal, sizeof(literal) - 1

static const struct {
	const char *text;
	const char *plain;
	size_t length;
	bool printable;
} valid[] = {
	{ "", BYTES(""), true },
	{ "a", BYTES("a"), true },
	{ "!~*,-/;<>[]\\{}", BYTES("!~*,-/;<>[]\\{}"), true },
	{ "+2B", BYTES("+"), true },
	{ "+3D+3D", BYTES("=="), true },
	{ "a+20b", BYTES("a b"), true },
	{ "a+2Bb@example.org", BYTES("a+b@example.org"), true },
	{ "+2B2B", BYTES("+2B"), true }, /* decoded once, not twice */
	{ "+41+7E", BYTES("A~"), true },
	{ "+00", BYTES("\0"), false },
	{ "a+00b", BYTES("a\0b"), false },
	{ "+0D+0A", BYTES("\r\n"), false },
	{ "+09", BYTES("\t"), false },
	{ "+1F", BYTES("\x1F"), false },
	{ "+7F", BYTES("\x7F"), false },
	{ "+C3+A4", BYTES("\xC3\xA4"), false },
	{ "+FF", BYTES("\xFF"), false },
};

static const char *const invalid[] = {
	"+",	"a+",	"+2",	    "+2+2B", "+2G",    "+G2",	   "+2b", "+c3", "++2B",
	"+ 2",	"+-1",	"+0x",	    "a b",   "a=b",    "=",	   " ",	  "\t",	 "a\r\n",
	"\x7F", "\x01", "\xC3\xA4", "a\x80", "+2\xC2", "+2B+2B+2", "+/0", "+:0", "+@A",
};

/* The bytes in a buffer of just their length, without a NUL: a read behind them is seen. */
static struct smtp_text exact(const char *bytes, size_t length)
{
	char *copy = malloc(length);

	ck_assert(copy || length == 0);
	memcpy(copy, bytes, length);
	return (struct smtp_text){ copy, length };
}

static void release(struct smtp_text text)
{
	free((char *)(uintptr_t)text.bytes);
}

START_TEST(decodes)
{
	struct smtp_text text = exact(valid[_i].text, strlen(valid[_i].text));
	size_t length = valid[_i].length;
	char *plain = malloc(length + 1);

	ck_assert_ptr_nonnull(plain);
	ck_assert_int_eq(smtp_xtext_decode(text, plain, length + 1), (int)length);
	ck_assert_mem_eq(plain, valid[_i].plain, length + 1);
	free(plain);
	ck_assert(smtp_xtext_is_valid(text));
	ck_assert_int_eq(smtp_xtext_is_printable(text), valid[_i].printable);
	release(text);
}
END_TEST

/* Whatever the size that is too small: not a byte behind it is written. */
START_TEST(stays_within_its_size)
{
	struct smtp_text text = exact(valid[_i].text, strlen(valid[_i].text));

	for (size_t size = 0; size <= valid[_i].length; size++) {
		char *plain = malloc(size);

		ck_assert(plain || size == 0);
		ck_assert_int_eq(smtp_xtext_decode(text, plain, size), -1);
		free(plain);
	}
	release(text);
}
END_TEST

START_TEST(refuses)
{
	struct smtp_text text = exact(invalid[_i], strlen(invalid[_i]));
	char plain[32];

	ck_assert_msg(!smtp_xtext_is_valid(text), "\"%s\"", invalid[_i]);
	ck_assert(!smtp_xtext_is_printable(text));
	ck_assert_int_eq(smtp_xtext_decode(text, plain, sizeof(plain)), -1);
	release(text);
}
END_TEST

/* Upper-case digits only, for every byte. */
START_TEST(decodes_every_byte)
{
	static const char digits[] = "0123456789ABCDEF";

	for (unsigned byte = 0; byte < 256; byte++) {
		char text[3] = { '+', digits[byte / 16], digits[byte % 16] };
		char plain[2];

		ck_assert_int_eq(smtp_xtext_decode((struct smtp_text){ text, 3 }, plain, 2), 1);
		ck_assert_uint_eq((unsigned char)plain[0], byte);
	}
}
END_TEST

static const struct {
	const char *text;
	bool valid;
} unitexts[] = {
	{ "a@example.org", true },
	{ "\xC3\xA4@\xE4\xBE\x8B", true },
	{ "\xF0\x9F\x93\xAC@b", true },
	{ "\\x{E4}@b", true },
	{ "\\x{e4}@b", true }, /* RFC 5234 2.3: HEXDIG in either case */
	{ "\\x{20AC}", true },
	{ "a\\x{20}b", true },
	{ "\\x{2B}\\x{3D}\\x{5C}", true },
	{ "\\x{80}\\x{FF}", true },
	{ "\\x{100}\\x{7FF}\\x{FFF}", true },
	{ "\\x{1000}\\x{D7FF}\\x{E000}\\x{FFFF}", true },
	{ "\\x{10000}\\x{FFFFF}", true },
	{ "\\x{100000}\\x{10FFFF}", true },
	{ "}{x", true },
	{ "\xC3\xA4\\x{E4}", true },
	{ "", false },
	{ "a b", false },
	{ "a+2Bb", false },
	{ "a=b", false },
	{ "a\x7F", false },
	{ "a\n", false },
	{ "\\", false },
	{ "\\x", false },
	{ "\\x{", false },
	{ "\\x{}", false },
	{ "\\x{E4", false },
	{ "\\x{E4)", false },
	{ "\\x{E 4}", false },
	{ "\\x{G4}", false },
	{ "\\X{E4}", false },
	{ "\\\\x{E4}", false },
	{ "\\n", false },
	{ "a\\\"b", false },
	/* one way to write each */
	{ "\\x{0}", false },
	{ "\\x{8}", false },
	{ "\\x{0E4}", false },
	{ "\\x{00E4}", false },
	{ "\\x{0000E4}", false },
	/* ASCII that needs no such thing, and controls */
	{ "\\x{41}", false },
	{ "\\x{7E}", false },
	{ "\\x{00}", false },
	{ "\\x{09}", false },
	{ "\\x{0A}", false },
	{ "\\x{0D}", false },
	{ "\\x{1F}", false },
	{ "\\x{7F}", false },
	/* no characters */
	{ "\\x{D800}", false },
	{ "\\x{DFFF}", false },
	{ "\\x{110000}", false },
	{ "\\x{FFFFFF}", false },
	{ "\\x{1000000}", false },
	{ "\\x{10FFFF0}", false },
	{ "\\x{FFFFFFFF}", false },
	{ "\\x{1000000E4}", false },
	/* not UTF-8 */
	{ "\xC3@b", false },
	{ "\xED\xA0\x80", false },
	{ "\xC0\xAF", false },
	{ "\xC3\\x{E4}", false },
};

START_TEST(checks_unitext)
{
	struct smtp_text text = exact(unitexts[_i].text, strlen(unitexts[_i].text));

	ck_assert_msg(smtp_unitext_is_valid(text) == unitexts[_i].valid, "\"%s\"",
		      unitexts[_i].text);
	release(text);
}
END_TEST

/* security.md 3: a NUL ends nothing. */
START_TEST(refuses_nul)
{
	static const char text[] = { 'a', '\0', 'b' };

	ck_assert(!smtp_xtext_is_valid((struct smtp_text){ text, sizeof(text) }));
	ck_assert(!smtp_unitext_is_valid((struct smtp_text){ text, sizeof(text) }));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("xtext");
	TCase *tests = tcase_create("xtext");

	tcase_add_loop_test(tests, decodes, 0, COUNT(valid));
	tcase_add_loop_test(tests, stays_within_its_size, 0, COUNT(valid));
	tcase_add_loop_test(tests, refuses, 0, COUNT(invalid));
	tcase_add_test(tests, decodes_every_byte);
	tcase_add_loop_test(tests, checks_unitext, 0, COUNT(unitexts));
	tcase_add_test(tests, refuses_nul);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
