/*
 * test_siphash.c - SipHash-2-4 against its published vectors, in pieces of all lengths
 *
 *
 */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/hash/siphash.h"
#include "tests/unit/runner.h"

#define LONGEST 64

/* Key 00 01 .. 0f, input 00 01 .. of the length named. */
static const struct {
	size_t length;
	const char *output;
} vectors[] = {
	{ 0, "a3817f04ba25a8e66df67214c7550293" },  { 1, "da87c1d86b99af44347659119b22fc45" },
	{ 7, "a1f1ebbed8dbc153c0b84aa61ff08239" },  { 8, "3b62a9ba6258f5610f83e264f31497b4" },
	{ 9, "264499060ad9baabc47f8b02bb6d71ed" },  { 15, "5493e99933b0a8117e08ec0f97cfc3d9" },
	{ 16, "6ee2a4ca67b054bbfd3315bf85230577" }, { 33, "77c6077146f01c32b6b69d5f4ea9ffcf" },
	{ 63, "5150d1772f50834a503e069a973fbd7c" },
};

static uint8_t input[LONGEST];

static void write_half(char *text, uint64_t half)
{
	for (int i = 0; i < 8; i++)
		snprintf(text + i * 2, 3, "%02x", (unsigned)(half >> (8 * i) & 0xff));
}

static void expect_output(struct siphash *hash, const char *output)
{
	struct siphash_value value = siphash_end(hash);
	char text[33];

	write_half(text, value.low);
	write_half(text + 16, value.high);
	ck_assert_str_eq(text, output);
}

static void begin(struct siphash *hash)
{
	for (size_t i = 0; i < LONGEST; i++)
		input[i] = (uint8_t)i;
	siphash_begin(hash, input);
}

START_TEST(published_vectors)
{
	struct siphash hash;

	begin(&hash);
	siphash_add(&hash, input, vectors[_i].length);
	expect_output(&hash, vectors[_i].output);
}
END_TEST

START_TEST(however_it_is_cut)
{
	struct siphash hash;
	size_t length = vectors[_i].length;

	for (size_t first = 0; first <= length; first++)
		for (size_t second = first; second <= length; second++) {
			begin(&hash);
			siphash_add(&hash, input, first);
			siphash_add(&hash, input + first, second - first);
			siphash_add(&hash, input + second, length - second);
			expect_output(&hash, vectors[_i].output);
		}
}
END_TEST

START_TEST(a_number_is_eight_bytes)
{
	struct siphash hash;

	begin(&hash);
	siphash_add_number(&hash, 0x0706050403020100);
	expect_output(&hash, "3b62a9ba6258f5610f83e264f31497b4");
}
END_TEST

int main(void)
{
	const int count = (int)(sizeof(vectors) / sizeof(vectors[0]));
	Suite *suite = suite_create("siphash");
	TCase *tests = tcase_create("siphash");

	tcase_add_loop_test(tests, published_vectors, 0, count);
	tcase_add_loop_test(tests, however_it_is_cut, 0, count);
	tcase_add_test(tests, a_number_is_eight_bytes);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
