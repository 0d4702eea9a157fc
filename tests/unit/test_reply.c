/*
 * test_reply.c - the reply table: every row, and the client's bytes in a reply
 *
 * Covers B-07 (each enhanced code has the class of its code).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/reply.h"
#include "tests/unit/runner.h"

START_TEST(every_reply_is_well_formed)
{
	for (int i = 0; i < SMTP_REPLY_COUNT; i++) {
		const struct smtp_reply_description *row = smtp_reply_describe((enum smtp_reply)i);
		char line[SMTP_REPLY_SIZE];
		size_t length =
			smtp_reply_format((enum smtp_reply)i, "x", false, "0123456789abcdef", line);

		ck_assert_int_ge(row->code, 200);
		ck_assert_int_le(row->code, 559);
		if (*row->enhanced)
			ck_assert_int_eq(row->enhanced[0] - '0', row->code / 100);
		ck_assert_uint_gt(strlen(row->text), 0);
		ck_assert_uint_gt(strlen(row->cause), 0);
		ck_assert_uint_eq(length, strlen(line));
		ck_assert_str_eq(line + length - 2, "\r\n");
		ck_assert_ptr_null(strstr(line, "{}"));
		ck_assert_int_eq(strstr(line, " [0123456789abcdef]\r\n") != NULL, row->code >= 400);
		ck_assert_int_eq(*row->enhanced == '\0', row->code / 100 == 3 ||
								 i == SMTP_REPLY_GREETING ||
								 i == SMTP_REPLY_HELO);
	}
}
END_TEST

START_TEST(reply_arguments_are_sanitised_and_cut)
{
	char line[SMTP_REPLY_SIZE], argument[2 * SMTP_REPLY_SIZE];

	smtp_reply_format(SMTP_REPLY_SYNTAX, "a\r\n250 forged\x1b\xe2\x80\xae", false, NULL, line);
	ck_assert_str_eq(line, "501 5.5.4 Syntax: a??250 forged????\r\n");
	memset(argument, 'x', sizeof(argument) - 1);
	argument[sizeof(argument) - 1] = '\0';
	ck_assert_uint_lt(smtp_reply_format(SMTP_REPLY_SYNTAX, argument, false, NULL, line),
			  SMTP_REPLY_SIZE);
	ck_assert_str_eq(line + strlen(line) - 2, "\r\n");
	ck_assert_uint_lt(smtp_reply_format(SMTP_REPLY_SYNTAX, argument, false, "abc", line),
			  SMTP_REPLY_SIZE);
	ck_assert_str_eq(line + strlen(line) - 10, "xx [abc]\r\n");
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("reply");
	TCase *test = tcase_create("reply");

	tcase_add_test(test, every_reply_is_well_formed);
	tcase_add_test(test, reply_arguments_are_sanitised_and_cut);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
