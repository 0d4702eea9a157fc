/*
 * test_text.c - words, UTF-8, bytes above 127
 *
 * Runs in: the tests.  Privilege: none.
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/text.h"
#include "tests/unit/runner.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

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

static const struct {
	const char *text, *word;
	bool same;
} words[] = {
	{ "MAIL", "MAIL", true },
	{ "mail", "MAIL", true },
	{ "mAiL", "MAIL", true },
	{ "", "", true },
	{ "8bitmime", "8BITMIME", true },
	{ "MAI", "MAIL", false },
	{ "MAILS", "MAIL", false },
	{ "", "MAIL", false },
	{ "MAIL", "", false },
	{ "MA1L", "MAIL", false },
	{ "a", "!", false }, /* 0x61 and 0x21: not letters of one another */
	{ "[", "{", false },
	{ "\xE4", "\xC4", false },
};

/* C-14, D-07: verbs and keywords in any case. */
START_TEST(compares_words)
{
	struct smtp_text text = exact(words[_i].text, strlen(words[_i].text));

	ck_assert_msg(smtp_text_is(text, words[_i].word) == words[_i].same, "\"%s\" \"%s\"",
		      words[_i].text, words[_i].word);
	release(text);
}
END_TEST

/* A NUL in the text is a byte like others, and not the end of the word. */
START_TEST(nul_ends_no_word)
{
	struct smtp_text text = exact("MAIL\0", 5);

	ck_assert(!smtp_text_is(text, "MAIL"));
	text.length = 4;
	ck_assert(smtp_text_is(text, "MAIL"));
	release(text);
}
END_TEST

static const struct {
	const char *bytes;
	size_t length;
	bool valid;
} utf8[] = {
	{ "", 0, true },
	{ "plain", 5, true },
	{ "\0", 1, true },
	{ "\x7F", 1, true },
	{ "\xC2\x80", 2, true },	 /* U+0080, the first of two bytes */
	{ "\xDF\xBF", 2, true },	 /* U+07FF */
	{ "\xE0\xA0\x80", 3, true },	 /* U+0800 */
	{ "\xED\x9F\xBF", 3, true },	 /* U+D7FF, before the surrogates */
	{ "\xEE\x80\x80", 3, true },	 /* U+E000, behind them */
	{ "\xEF\xBF\xBF", 3, true },	 /* U+FFFF */
	{ "\xF0\x90\x80\x80", 4, true }, /* U+10000 */
	{ "\xF4\x8F\xBF\xBF", 4, true }, /* U+10FFFF */
	{ "a\xC3\xA4z\xE2\x82\xAC!", 8, true },
	{ "\x80", 1, false }, /* continuation alone */
	{ "\xBF", 1, false },
	{ "\xC0\xAF", 2, false }, /* "/" in two bytes */
	{ "\xC1\xBF", 2, false },
	{ "\xE0\x80\xAF", 3, false }, /* "/" in three */
	{ "\xE0\x9F\xBF", 3, false },
	{ "\xF0\x80\x80\xAF", 4, false }, /* "/" in four */
	{ "\xF0\x8F\xBF\xBF", 4, false },
	{ "\xED\xA0\x80", 3, false }, /* surrogates */
	{ "\xED\xBF\xBF", 3, false },
	{ "\xF4\x90\x80\x80", 4, false }, /* U+110000 */
	{ "\xF5\x80\x80\x80", 4, false },
	{ "\xF8\x88\x80\x80\x80", 5, false },
	{ "\xFE", 1, false },
	{ "\xFF", 1, false },
	{ "\xC3", 1, false }, /* cut off */
	{ "\xE2\x82", 2, false },
	{ "\xF0\x9F\x93", 3, false },
	{ "\xC3z", 2, false }, /* continuation missing */
	{ "\xE2\x82z", 3, false },
	{ "\xF0\x9F\x93z", 4, false },
	{ "\xE2z\xAC", 3, false },
	{ "\xE2\x82\xC0", 3, false },
	{ "\xF0\x9F\x93\xC0", 4, false },
	{ "ok\xC3\xA4\xFF", 5, false },
};

/* A-07: UTF-8 of RFC 3629 only: no overlong form of "/" or "@", no surrogate. */
START_TEST(checks_utf8)
{
	struct smtp_text text = exact(utf8[_i].bytes, utf8[_i].length);

	ck_assert_int_eq(smtp_text_is_utf8(text), utf8[_i].valid);
	release(text);
}
END_TEST

/* A-07: every code point in its one form, and no other sequence of two bytes. */
START_TEST(knows_all_of_two_bytes)
{
	for (unsigned first = 0x80; first < 0x100; first++) {
		for (unsigned second = 0; second < 0x100; second++) {
			char bytes[2] = { (char)first, (char)second };
			bool valid = first >= 0xC2 && first <= 0xDF && (second & 0xC0) == 0x80;

			ck_assert_int_eq(smtp_text_is_utf8((struct smtp_text){ bytes, 2 }), valid);
		}
	}
}
END_TEST

/* A-07: what decides whether SMTPUTF8 is needed. */
START_TEST(finds_8bit)
{
	ck_assert(!smtp_text_has_8bit((struct smtp_text){ "", 0 }));
	ck_assert(!smtp_text_has_8bit((struct smtp_text){ "a\x7F\x01", 3 }));
	ck_assert(smtp_text_has_8bit((struct smtp_text){ "a\x80", 2 }));
	ck_assert(smtp_text_has_8bit((struct smtp_text){ "\xFFz", 2 }));
	ck_assert(!smtp_text_has_8bit((struct smtp_text){ "a\x80", 1 }));
}
END_TEST

/* The classes of RFC 5234 and RFC 5321 4.1.2, byte by byte. */
START_TEST(classes_of_bytes)
{
	for (int byte = 0; byte < 256; byte++) {
		static const char alphanumeric[] = "0123456789abcdefghijklmnopqrstuvwxyz"
						   "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
		bool listed = byte > 0 && strchr(alphanumeric, byte);

		ck_assert_int_eq(smtp_is_letter_or_digit((char)byte), listed);
		ck_assert_int_eq(smtp_is_printable((char)byte), byte >= 32 && byte <= 126);
		ck_assert_int_eq(smtp_is_8bit((char)byte), byte > 127);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *tests = tcase_create("text");

	tcase_add_loop_test(tests, compares_words, 0, COUNT(words));
	tcase_add_test(tests, nul_ends_no_word);
	tcase_add_loop_test(tests, checks_utf8, 0, COUNT(utf8));
	tcase_add_test(tests, knows_all_of_two_bytes);
	tcase_add_test(tests, finds_8bit);
	tcase_add_test(tests, classes_of_bytes);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
