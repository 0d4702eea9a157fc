/*
 * test_maildirsize.c - the text of maildirsize, and sizes in names of files
 *
 * Covers C-11 (Maildir++, as Dovecot reads it).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/maildirsize.h"
#include "tests/unit/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LARGEST "9223372036854775807"

static const struct quota both = { 1000, 10 };

static const struct {
	struct quota quota;
	const char *text;
	uint64_t bytes, messages;
	bool may_be_old;
} valid[] = {
	{ { 1000, 10 }, "1000S,10C\n0 0\n", 0, 0, false },
	{ { 1000, 10 }, "10C,1000S\n5 1\n", 5, 1, false },
	{ { 1000, 0 }, "1000S\n5 1\n", 5, 1, false },
	{ { 0, 10 }, "10C\n5 1\n", 5, 1, false },
	{ { 1000, 0 }, "1000S,0C\n5 1\n", 5, 1, false },
	{ { 1000, 10 }, "1000S,10C\n5 1\n6 1\n", 11, 2, true },
	{ { 1000, 10 }, "1000S,10C\n500 5\n-100 -1\n", 400, 4, true },
	{ { 1000, 10 }, "1000S,10C\n-100 -1\n500 5\n", 400, 4, true },
	{ { 1000, 10 }, "1000S,10C\n5 1\n-5 -1\n", 0, 0, true },
	{ { 1000, 10 }, "1000S,10C\n5000 50\n", 5000, 50, false },
	{ { 1000, 10 }, "1000S,10C\n         500            2\n", 500, 2, false },
	{ { 1000, 10 }, "1000S,10C\n500 2 \n", 500, 2, false },
	{ { 1000, 10 }, "1000S,10C\n" LARGEST " " LARGEST "\n", INT64_MAX, INT64_MAX, false },
	{ { 1ull << 50, 0 }, "1125899906842624S\n5 1\n", 5, 1, false },
};

START_TEST(test_valid)
{
	struct usage usage = { 77, 77, !valid[_i].may_be_old };

	ck_assert(maildirsize_parse(valid[_i].text, strlen(valid[_i].text), &valid[_i].quota,
				    &usage));
	ck_assert_uint_eq(usage.bytes, valid[_i].bytes);
	ck_assert_uint_eq(usage.messages, valid[_i].messages);
	ck_assert(usage.may_be_old == valid[_i].may_be_old);
}
END_TEST

static const char *const invalid[] = {
	"",
	"\n",
	"1000S,10C",
	"1000S,10C\n",
	"1000S,10C\n5 1",
	"1000S,10C\n5 1\n6",
	"1000S,10C\n5 1\n\n",
	"1000S,10C\n\n5 1\n",
	"1000S\n5 1\n",
	"10C\n5 1\n",
	"1001S,10C\n5 1\n",
	"1000S,11C\n5 1\n",
	"1000S,10C,\n5 1\n",
	",1000S,10C\n5 1\n",
	"1000S 10C\n5 1\n",
	"1000s,10c\n5 1\n",
	"1000S,10C,5X\n5 1\n",
	"1000S,10C\r\n5 1\r\n",
	"-1000S,10C\n5 1\n",
	"99999999999999999999S,10C\n5 1\n",
	"1000S,10C\n5\n",
	"1000S,10C\n5 1 1\n",
	"1000S,10C\n5\t1\n",
	"1000S,10C\n+5 1\n",
	"1000S,10C\n5 one\n",
	"1000S,10C\n--5 1\n",
	"1000S,10C\n- 1\n",
	"1000S,10C\n-5 1\n",
	"1000S,10C\n5 -1\n",
	"1000S,10C\n5 1\n-6 -1\n",
	"1000S,10C\n5 1\n-5 -2\n",
	"1000S,10C\n9223372036854775808 1\n",
	"1000S,10C\n" LARGEST " 1\n1 1\n",
	"1000S,10C\n1 " LARGEST "\n1 1\n",
	"1000S,10C\n-" LARGEST " 0\n-2 0\n" LARGEST " 0\n",
	"1000S,10C\n99999999999999999999999999999999 1\n",
};

START_TEST(test_invalid)
{
	struct usage usage;
	/* A copy of exactly that size, so that reading on is seen. */
	size_t length = strlen(invalid[_i]);
	char *text = malloc(length ? length : 1);

	memcpy(text, invalid[_i], length);
	ck_assert_msg(!maildirsize_parse(text, length, &both, &usage), "taken: %s", invalid[_i]);
	free(text);
}
END_TEST

/* A NUL is no end; a file of the greatest size is not read. */
START_TEST(test_sizes)
{
	static char text[MAILDIRSIZE_MAX + 1] = "1000S,10C\n5 1\n";
	struct usage usage;
	size_t used = strlen(text);

	ck_assert(!maildirsize_parse(text, used + 1, &both, &usage));
	memset(text + used, ' ', sizeof(text) - 1 - used);
	memcpy(text + MAILDIRSIZE_MAX - 1 - 4, "6 1\n", 4);
	ck_assert(maildirsize_parse(text, MAILDIRSIZE_MAX - 1, &both, &usage));
	ck_assert_uint_eq(usage.bytes, 11);
	memcpy(text + MAILDIRSIZE_MAX - 1 - 4, " 6 1\n", 5);
	ck_assert(!maildirsize_parse(text, MAILDIRSIZE_MAX, &both, &usage));
}
END_TEST

static const struct {
	struct quota quota;
	struct usage usage;
	const char *text;
} formats[] = {
	{ { 1000, 10 }, { 5, 1, false }, "1000S,10C\n5 1\n" },
	{ { 1000, 0 }, { 0, 0, true }, "1000S\n0 0\n" },
	{ { 0, 10 }, { 5, 1, false }, "10C\n5 1\n" },
	{ { 1ull << 50, 1000000000 },
	  { INT64_MAX, INT64_MAX, false },
	  "1125899906842624S,1000000000C\n" LARGEST " " LARGEST "\n" },
};

/* What is written is read again. */
START_TEST(test_format)
{
	char text[MAILDIRSIZE_TEXT_SIZE];
	size_t length = maildirsize_format(&formats[_i].quota, &formats[_i].usage, text);
	struct usage usage;

	ck_assert_str_eq(text, formats[_i].text);
	ck_assert_uint_eq(length, strlen(text));
	ck_assert(maildirsize_parse(text, length, &formats[_i].quota, &usage));
	ck_assert_uint_eq(usage.bytes, formats[_i].usage.bytes);
	ck_assert_uint_eq(usage.messages, formats[_i].usage.messages);
}
END_TEST

static const struct {
	const char *name;
	bool found;
	uint64_t size;
} names[] = {
	{ "1700000000.s-1.mx.example.org,S=1024", true, 1024 },
	{ "1.a,S=1024:2,S", true, 1024 },
	{ "1.a,S=1024,W=1050:2,RS", true, 1024 },
	{ "1.a,W=1050,S=1024", true, 1024 },
	{ "1.a,S=0", true, 0 },
	{ "1.a,S=" LARGEST, true, INT64_MAX },
	{ "1.a", false, 0 },
	{ "1.a,S=", false, 0 },
	{ "1.a,S=:2,", false, 0 },
	{ "1.a,S=12x", false, 0 },
	{ "1.a,S=-12", false, 0 },
	{ "1.a,W=1050:2,S", false, 0 },
	{ "1.a:2,S=12", false, 0 },
	{ "1.a,S=9223372036854775808", false, 0 },
};

START_TEST(test_names)
{
	uint64_t size = 77;

	ck_assert(maildirsize_of_name(names[_i].name, &size) == names[_i].found);
	if (names[_i].found)
		ck_assert_uint_eq(size, names[_i].size);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("maildirsize");
	TCase *tests = tcase_create("maildirsize");

	tcase_add_loop_test(tests, test_valid, 0, COUNT(valid));
	tcase_add_loop_test(tests, test_invalid, 0, COUNT(invalid));
	tcase_add_test(tests, test_sizes);
	tcase_add_loop_test(tests, test_format, 0, COUNT(formats));
	tcase_add_loop_test(tests, test_names, 0, COUNT(names));
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
