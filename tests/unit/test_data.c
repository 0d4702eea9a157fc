/*
 * test_data.c - the body that follows DATA, where a bare CR or LF is a fault
 *
 * Covers C-14, D-48, security.md 1 "SMTP smuggling"; other formats are in test_data_formats.c.
 * Runs in: the tests.  Privilege: none.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/data.h"
#include "tests/unit/data_fixture.h"
#include "tests/unit/runner.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static void begin_strict(struct outcome *outcome, enum smtp_newline newline, size_t limit)
{
	struct smtp_data_settings settings = strict_data(newline, limit);

	outcome_begin(outcome, &settings);
}

/* Every way to cut `in`; both forms. */
static void assert_every_strict_split(const char *in, size_t length, size_t limit)
{
	struct smtp_data_settings crlf = strict_data(SMTP_NEWLINE_CRLF, limit);
	struct smtp_data_settings lf = strict_data(SMTP_NEWLINE_LF, limit);

	assert_every_split(in, length, &crlf);
	assert_every_split(in, length, &lf);
}

static const struct {
	const char *in, *crlf, *lf; /* lf: with SMTP_NEWLINE_LF */
	uint64_t size;
} bodies[] = {
	{ ".\r\n", "", "", 0 },
	{ "\r\n.\r\n", "\r\n", "\n", 2 },
	{ "a\r\n.\r\n", "a\r\n", "a\n", 3 },
	{ "a\r\n\r\nb\r\n.\r\n", "a\r\n\r\nb\r\n", "a\n\nb\n", 8 },
	/* RFC 5321 4.5.2: the first dot goes, and only the first */
	{ "..\r\n.\r\n", ".\r\n", ".\n", 3 },
	{ "...\r\n.\r\n", "..\r\n", "..\n", 4 },
	{ ".a\r\n.\r\n", "a\r\n", "a\n", 3 },
	{ "..a.\r\n.\r\n", ".a.\r\n", ".a.\n", 5 },
	{ "a.\r\n.\r\n", "a.\r\n", "a.\n", 4 },
	{ "a\r\n..\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n", "a\n.\nb\n", 9 },
	/* RFC 5321 4.1.1.4 4.5.2: these are lines like others */
	{ " .\r\n.\r\n", " .\r\n", " .\n", 4 },
	{ ". \r\n.\r\n", " \r\n", " \n", 3 },
	{ ".\t\r\n.\r\n", "\t\r\n", "\t\n", 3 },
	{ "\xEF\xBC\x8E\r\n.\r\n", "\xEF\xBC\x8E\r\n", "\xEF\xBC\x8E\n", 5 },
	{ "\x85.\x85\r\n.\r\n", "\x85.\x85\r\n", "\x85.\x85\n", 5 },
	{ "\x0B.\x0C\r\n.\r\n", "\x0B.\x0C\r\n", "\x0B.\x0C\n", 5 },
};

/* A-16, B-52: the body byte for byte, dots undoubled, size as RFC 1870 3 counts it. */
START_TEST(decodes_bodies)
{
	static struct outcome outcome;
	size_t length = strlen(bodies[_i].in);

	begin_strict(&outcome, SMTP_NEWLINE_CRLF, LIMIT);
	outcome_feed(&outcome, bodies[_i].in, length);
	ck_assert(outcome.data.ended);
	ck_assert_uint_eq(outcome.data.faults, 0);
	ck_assert_uint_eq(outcome.used, length);
	ck_assert_uint_eq(outcome.data.size, bodies[_i].size);
	ck_assert_uint_eq(outcome.written, strlen(bodies[_i].crlf));
	ck_assert_mem_eq(outcome.out, bodies[_i].crlf, outcome.written);

	begin_strict(&outcome, SMTP_NEWLINE_LF, LIMIT);
	outcome_feed(&outcome, bodies[_i].in, length);
	ck_assert(outcome.data.ended);
	ck_assert_uint_eq(outcome.data.faults, 0);
	ck_assert_uint_eq(outcome.data.size, bodies[_i].size);
	ck_assert_uint_eq(outcome.written, strlen(bodies[_i].lf));
	ck_assert_mem_eq(outcome.out, bodies[_i].lf, outcome.written);
}
END_TEST

/* B-52: the same whatever the segments. */
START_TEST(decodes_bodies_in_pieces)
{
	assert_every_strict_split(bodies[_i].in, strlen(bodies[_i].in), LIMIT);
}
END_TEST

/* "Subject: a", the sequence, a command, and only then the real end. */
static size_t smuggle(char *in, size_t size, const char *before, int row, size_t *end)
{
	size_t length = 0;

	ck_assert_uint_lt(strlen(before) + smuggled[row].length + 32, size);
	memcpy(in, before, strlen(before));
	length = strlen(before);
	memcpy(in + length, smuggled[row].bytes, smuggled[row].length);
	length += smuggled[row].length;
	memcpy(in + length, "RSET\r\n.\r\n", 9);
	*end = length + 9;
	memcpy(in + *end, "NOOP\r\n", 6);
	return *end + 6;
}

static void assert_not_ended_by(const char *before, int row)
{
	char in[128];
	size_t end, length = smuggle(in, sizeof(in), before, row, &end);
	static struct outcome outcome;

	/* Not before the last byte of the real end ... */
	begin_strict(&outcome, SMTP_NEWLINE_LF, LIMIT);
	outcome_feed(&outcome, in, end - 1);
	ck_assert(!outcome.data.ended);
	ck_assert_uint_eq(outcome.data.faults, smuggled[row].faults);
	/* ... and with it; what follows is left alone. */
	outcome_feed(&outcome, in + end - 1, length - (end - 1));
	ck_assert(outcome.data.ended);
	ck_assert_uint_eq(outcome.used, end);
	ck_assert_uint_eq(outcome.data.faults, smuggled[row].faults);
	assert_every_strict_split(in, length, LIMIT);
}

/* security.md 1: none of them ends the data, each is a fault, at every split. */
START_TEST(only_crlf_dot_crlf_ends)
{
	assert_not_ended_by("Subject: a", _i);
	assert_not_ended_by("a\r\n", _i);
}
END_TEST

/* security.md 1: the same as the first bytes of the body, where CR LF is that of DATA. */
START_TEST(only_crlf_dot_crlf_ends_at_start)
{
	assert_not_ended_by("", _i);
	assert_not_ended_by("..", _i);
}
END_TEST

/* security.md 1: a faulty body is read to its real end, at once too. */
START_TEST(faults_at_the_edges)
{
	static const struct {
		const char *bytes;
		size_t length;
		unsigned faults;
	} rows[] = {
		{ BYTES("\r\r\n.\r\n"), SMTP_DATA_BARE_CR },
		{ BYTES("\n\r\n.\r\n"), SMTP_DATA_BARE_LF },
		{ BYTES("\0\r\n.\r\n"), SMTP_DATA_NUL },
		{ BYTES("\r.\r\n\r\n.\r\n"), SMTP_DATA_BARE_CR },
		{ BYTES(".\n\r\n.\r\n"), SMTP_DATA_BARE_LF },
		{ BYTES(".\r\r\n.\r\n"), SMTP_DATA_BARE_CR },
		{ BYTES("..\r\r\n.\r\n"), SMTP_DATA_BARE_CR },
		{ BYTES("a\r\n\r\r\r\r\n.\r\n"), SMTP_DATA_BARE_CR },
	};
	static struct outcome outcome;

	for (int row = 0; row < COUNT(rows); row++) {
		begin_strict(&outcome, SMTP_NEWLINE_CRLF, LIMIT);
		outcome_feed(&outcome, rows[row].bytes, rows[row].length);
		ck_assert(outcome.data.ended);
		ck_assert_uint_eq(outcome.data.faults, rows[row].faults);
		assert_every_strict_split(rows[row].bytes, rows[row].length, LIMIT);
	}
}
END_TEST

/* security.md 1: what comes behind the end is neither read nor held against the message. */
START_TEST(nothing_behind_the_end)
{
	static const char in[] = "a\r\n.\r\n\0\n\r\n.\r\n";
	static struct outcome outcome;
	char out[SMTP_DATA_ROOM(8)];
	size_t written = 99;

	begin_strict(&outcome, SMTP_NEWLINE_LF, LIMIT);
	outcome_feed(&outcome, in, sizeof(in) - 1);
	ck_assert(outcome.data.ended);
	ck_assert_uint_eq(outcome.used, 6);
	ck_assert_uint_eq(outcome.data.faults, 0);
	ck_assert_uint_eq(smtp_data_decode(&outcome.data, "b\r\n.\r\n", 6, out, &written), 0);
	ck_assert_uint_eq(written, 0);
	ck_assert(outcome.data.ended);
	assert_every_strict_split(in, sizeof(in) - 1, LIMIT);
}
END_TEST

/* D-06: one message after the other with the same struct. */
START_TEST(begins_again)
{
	static struct outcome outcome;

	begin_strict(&outcome, SMTP_NEWLINE_LF, 8);
	outcome_feed(&outcome, "much too long\n\r\n.\r\n", 19);
	ck_assert_uint_eq(outcome.data.faults, SMTP_DATA_BARE_LF | SMTP_DATA_LONG_LINE);
	begin_strict(&outcome, SMTP_NEWLINE_LF, 8);
	ck_assert(!outcome.data.ended);
	outcome_feed(&outcome, ".\r\n", 3);
	ck_assert(outcome.data.ended);
	ck_assert_uint_eq(outcome.data.faults, 0);
	ck_assert_uint_eq(outcome.data.size, 0);
}
END_TEST

static const struct {
	const char *in;
	size_t limit;
	bool is_long;
} lines[] = {
	{ "12345678\r\n.\r\n", 10, false },
	{ "123456789\r\n.\r\n", 10, true },
	{ "..2345678\r\n.\r\n", 10, false }, /* 4.5.3.1.6: the doubled dot does not count */
	{ "..23456789\r\n.\r\n", 10, true },
	{ "12345678\r\n12345678\r\n.\r\n", 10, false },
	{ "1\r\n123456789\r\n1\r\n.\r\n", 10, true },
	{ "\r\n.\r\n", 2, false },
	{ ".\r\n", 2, false }, /* the end is not a line of the message */
	{ "1\r\n.\r\n", 2, true },
};

/* B-49: the limit of a line counts its CR LF, at every split. */
START_TEST(limits_lines)
{
	size_t length = strlen(lines[_i].in);
	static struct outcome outcome;

	begin_strict(&outcome, SMTP_NEWLINE_LF, lines[_i].limit);
	outcome_feed(&outcome, lines[_i].in, length);
	ck_assert(outcome.data.ended);
	ck_assert_uint_eq(outcome.data.faults, lines[_i].is_long ? SMTP_DATA_LONG_LINE : 0);
	assert_every_strict_split(lines[_i].in, length, lines[_i].limit);
}
END_TEST

/* B-49: a line without an end is known to be too long before its end. */
START_TEST(endless_line_is_long)
{
	static struct outcome outcome;

	begin_strict(&outcome, SMTP_NEWLINE_LF, LIMIT);
	for (int i = 0; i < LIMIT; i++)
		outcome_feed(&outcome, "x", 1);
	ck_assert_uint_eq(outcome.data.faults, 0);
	outcome_feed(&outcome, "x", 1);
	ck_assert_uint_eq(outcome.data.faults, SMTP_DATA_LONG_LINE);
}
END_TEST

/* Appends lines of every length from 0 to 150, some of them with dots in front. */
static size_t make_message(char *in)
{
	size_t length = 0;

	for (int line = 0; line <= 150; line++) {
		for (int i = 0; i < line; i++)
			in[length++] = (char)(line % 7 == 0 && i < 2 ? '.' : 'a' + i % 26);
		memcpy(in + length, "\r\n", 2);
		length += 2;
	}
	memcpy(in + length, ".\r\n", 3);
	return length + 3;
}

/* B-43, B-52, D-48: a message of many lines in pieces of one size, for each size. */
START_TEST(long_message_in_pieces)
{
	static char in[16384];
	size_t length = make_message(in);
	struct smtp_data_settings settings = strict_data(SMTP_NEWLINE_LF, LIMIT);
	struct data_reference reference = data_reference(in, length, &settings);
	static struct outcome outcome;

	ck_assert_uint_eq(reference.faults, 0);
	for (size_t piece = 1; piece <= length; piece += piece < 300 ? 1 : 97) {
		outcome_decode_pieces(&outcome, &settings, in, length, piece);
		assert_as_reference(&outcome, &reference);
	}
	free(reference.out);
}
END_TEST

/* security.md 1: every body of up to seven bytes of this alphabet, against the slow reference. */
START_TEST(all_short_bodies)
{
	static const char alphabet[] = { '\r', '\n', '.', 'a', '\0' };
	struct smtp_data_settings settings = strict_data(SMTP_NEWLINE_LF, 5);
	static struct outcome outcome;
	char in[12];
	unsigned bodies_of_seven = 5 * 5 * 5 * 5 * 5 * 5 * 5;

	for (unsigned number = 0; number < bodies_of_seven; number++) {
		struct data_reference reference;

		for (unsigned i = 0, rest = number; i < 7; i++, rest /= 5)
			in[i] = alphabet[rest % 5];
		memcpy(in + 7, "\r\n.\r\n", 5);
		reference = data_reference(in, 12, &settings);
		outcome_decode(&outcome, &settings, in, 12, number % 13, 12);
		assert_as_reference(&outcome, &reference);
		outcome_decode_pieces(&outcome, &settings, in, 12, 1);
		assert_as_reference(&outcome, &reference);
		free(reference.out);
	}
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, decodes_bodies, 0, COUNT(bodies));
	tcase_add_loop_test(tests, decodes_bodies_in_pieces, 0, COUNT(bodies));
	tcase_add_loop_test(tests, only_crlf_dot_crlf_ends, 0, smuggled_count);
	tcase_add_loop_test(tests, only_crlf_dot_crlf_ends_at_start, 0, smuggled_count);
	tcase_add_test(tests, faults_at_the_edges);
	tcase_add_test(tests, nothing_behind_the_end);
	tcase_add_test(tests, begins_again);
	tcase_add_loop_test(tests, limits_lines, 0, COUNT(lines));
	tcase_add_test(tests, endless_line_is_long);
	tcase_add_test(tests, long_message_in_pieces);
	tcase_add_test(tests, all_short_bodies);
	tcase_set_timeout(tests, 120); /* for the slowest machine with sanitizers */
}

int main(void)
{
	Suite *suite = suite_create("data");
	TCase *tests = tcase_create("data");

	add_tests(tests);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
