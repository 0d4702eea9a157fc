/*
 * test_hops.c - the count of Received fields
 *
 * Covers C-10, D-48.
 * Runs in: the tests.  Privilege: none.
 */
#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/hops.h"
#include "tests/fuzz/hops_reference.h"
#include "tests/unit/runner.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define BYTES(literal) literal, sizeof(literal) - 1

static const struct {
	const char *bytes;
	size_t length;
	unsigned received;
} headers[] = {
	{ BYTES(""), 0 },
	{ BYTES("Received: from a by b\n"), 1 },
	{ BYTES("Received: from a by b\r\n"), 1 },
	{ BYTES("Received:\n"), 1 },
	{ BYTES("Received:"), 1 },
	{ BYTES("Received"), 0 },
	{ BYTES("Received\n: a\n"), 0 },
	{ BYTES("received: a\nRECEIVED: b\nrEcEiVeD: c\n"), 3 },
	{ BYTES("Subject: a\nReceived: a\nTo: b\nReceived: b\n"), 2 },
	{ BYTES("Received: a\r\nSubject: b\r\nReceived: c\r\n\r\nReceived: d\r\n"), 2 },
	{ BYTES("Received: a\n\nReceived: b\n"), 1 },
	{ BYTES("Received: a\n\r\nReceived: b\n"), 1 },
	{ BYTES("\nReceived: a\n"), 0 },
	{ BYTES("\r\nReceived: a\r\n"), 0 },
	/* RFC 5322 4.5.7: white space before the colon */
	{ BYTES("Received : a\nReceived\t: b\nReceived \t \t: c\n"), 3 },
	{ BYTES("Received a: b\nReceived \n:\nReceived \r\n:\n"), 0 },
	/* names that are alike, lines that go on */
	{ BYTES("X-Received: a\nReceived-SPF: b\nReceive: c\nReceivedd: d\nReceeived: e\n"), 0 },
	{ BYTES("Subject: a\n Received: b\n\tReceived: c\n"), 0 },
	{ BYTES("Subject: Received: a\n"), 0 },
	{ BYTES("Received: Received: a\n"), 1 },
	{ BYTES("ReReceived: a\n"), 0 },
	{ BYTES(" \nReceived: a\n"), 1 }, /* a line of white space is not empty */
	{ BYTES("\rReceived: a\nReceived: b\n"), 1 },
	{ BYTES("\r\r\nReceived: a\n"), 1 },
	{ BYTES("R\nRe\nRec\nRece\nRecei\nReceiv\nReceive\nReceived\nReceived: a\n"), 1 },
	{ BYTES("Re\0ceived: a\n\0\nReceived: b\n"), 1 },
	{ BYTES("\x12"
		"eceived: a\nReceived\x1A a\n\xF2"
		"eceived: b\n"),
	  0 }, /* one bit aside */
	{ BYTES("no header at all\nReceived: a\n"), 1 },
};

static unsigned received(const char *bytes, size_t length, size_t piece)
{
	struct smtp_hops hops;

	smtp_hops_begin(&hops);
	for (size_t at = 0; at < length; at += piece) {
		size_t next = length - at < piece ? length - at : piece;
		char *copy = malloc(next);

		if (!copy)
			abort();
		memcpy(copy, bytes + at, next);
		smtp_hops_read(&hops, copy, next);
		free(copy);
	}
	return hops.received;
}

/* However the header is split, in whatever case it is written. */
START_TEST(counts_received)
{
	ck_assert_uint_eq(hops_reference(headers[_i].bytes, headers[_i].length),
			  headers[_i].received);
	for (size_t piece = 1; piece <= headers[_i].length + 1; piece++)
		ck_assert_uint_eq(received(headers[_i].bytes, headers[_i].length, piece),
				  headers[_i].received);
}
END_TEST

START_TEST(counts_at_every_split)
{
	size_t length = headers[_i].length;

	for (size_t cut = 0; cut <= length; cut++) {
		struct smtp_hops hops;

		smtp_hops_begin(&hops);
		smtp_hops_read(&hops, headers[_i].bytes, cut);
		smtp_hops_read(&hops, headers[_i].bytes + cut, 0);
		smtp_hops_read(&hops, headers[_i].bytes + cut, length - cut);
		ck_assert_uint_eq(hops.received, headers[_i].received);
	}
}
END_TEST

/* Behind the empty line nothing counts, until another message begins. */
START_TEST(reads_no_body)
{
	struct smtp_hops hops;

	smtp_hops_begin(&hops);
	smtp_hops_read(&hops, BYTES("Received: a\n\n"));
	for (int i = 0; i < 100; i++)
		smtp_hops_read(&hops, BYTES("\nReceived: a\n"));
	ck_assert_uint_eq(hops.received, 1);
	smtp_hops_begin(&hops);
	ck_assert_uint_eq(hops.received, 0);
	smtp_hops_read(&hops, BYTES("Received: a\n"));
	ck_assert_uint_eq(hops.received, 1);
}
END_TEST

/* A count that cannot grow stays, so that it is never small again. */
START_TEST(does_not_wrap)
{
	struct smtp_hops hops;

	smtp_hops_begin(&hops);
	hops.received = UINT_MAX - 1;
	smtp_hops_read(&hops, BYTES("Received: a\nReceived: b\nReceived: c\n"));
	ck_assert_uint_eq(hops.received, UINT_MAX);
}
END_TEST

/* Every header of six pieces of these, against the slow reference, byte by byte and at once. */
START_TEST(all_short_headers)
{
	static const char *const pieces[] = { "\r", "\n", "Received", ":", " ", "R" };
	char bytes[6 * 8 + 1];

	for (unsigned number = 0; number < 6 * 6 * 6 * 6 * 6 * 6; number++) {
		size_t length = 0;
		unsigned expected;

		for (unsigned i = 0, rest = number; i < 6; i++, rest /= 6) {
			memcpy(bytes + length, pieces[rest % 6], strlen(pieces[rest % 6]));
			length += strlen(pieces[rest % 6]);
		}
		expected = hops_reference(bytes, length);
		if (received(bytes, length, 1) != expected ||
		    received(bytes, length, length) != expected)
			ck_abort_msg("header %u: not %u", number, expected);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hops");
	TCase *tests = tcase_create("hops");

	tcase_add_loop_test(tests, counts_received, 0, COUNT(headers));
	tcase_add_loop_test(tests, counts_at_every_split, 0, COUNT(headers));
	tcase_add_test(tests, reads_no_body);
	tcase_add_test(tests, does_not_wrap);
	tcase_add_test(tests, all_short_headers);
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
