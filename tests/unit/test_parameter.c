/*
 * test_parameter.c - the parameters of MAIL and RCPT
 *
 * Runs in: the tests.  Privilege: none.
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/parameter.h"
#include "tests/unit/runner.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static const struct {
	const char *text;
	unsigned present;
	uint64_t size;
	enum smtp_body body;
	const char *raw;
} valid[] = {
	{ "", 0, 0, SMTP_BODY_7BIT, "" },
	{ " ", 0, 0, SMTP_BODY_7BIT, "" },
	{ "  \t ", 0, 0, SMTP_BODY_7BIT, "" }, /* RFC 5321 4.1.1: trailing white space */
	{ "\t", 0, 0, SMTP_BODY_7BIT, "" },
	{ " SIZE=0", SMTP_HAS_SIZE, 0, SMTP_BODY_7BIT, "SIZE=0" },
	{ " SIZE=52428800", SMTP_HAS_SIZE, 52428800, SMTP_BODY_7BIT, "SIZE=52428800" },
	{ " size=7", SMTP_HAS_SIZE, 7, SMTP_BODY_7BIT, "size=7" },
	{ " SIZE=00000000000000000007", SMTP_HAS_SIZE, 7, SMTP_BODY_7BIT,
	  "SIZE=00000000000000000007" },
	{ " SIZE=18446744073709551614", SMTP_HAS_SIZE, UINT64_MAX - 1, SMTP_BODY_7BIT,
	  "SIZE=18446744073709551614" },
	{ " SIZE=18446744073709551615", SMTP_HAS_SIZE, UINT64_MAX, SMTP_BODY_7BIT,
	  "SIZE=18446744073709551615" },
	{ " SIZE=18446744073709551616", SMTP_HAS_SIZE, UINT64_MAX, SMTP_BODY_7BIT,
	  "SIZE=18446744073709551616" },
	{ " SIZE=18446744073709551620", SMTP_HAS_SIZE, UINT64_MAX, SMTP_BODY_7BIT,
	  "SIZE=18446744073709551620" },
	{ " SIZE=20000000000000000000", SMTP_HAS_SIZE, UINT64_MAX, SMTP_BODY_7BIT,
	  "SIZE=20000000000000000000" },
	{ " SIZE=99999999999999999999", SMTP_HAS_SIZE, UINT64_MAX, SMTP_BODY_7BIT,
	  "SIZE=99999999999999999999" },
	{ " BODY=7BIT", SMTP_HAS_BODY, 0, SMTP_BODY_7BIT, "BODY=7BIT" },
	{ " BODY=8BITMIME", SMTP_HAS_BODY, 0, SMTP_BODY_8BITMIME, "BODY=8BITMIME" },
	{ " Body=8bitMime", SMTP_HAS_BODY, 0, SMTP_BODY_8BITMIME, "Body=8bitMime" },
	{ " SMTPUTF8", SMTP_HAS_SMTPUTF8, 0, SMTP_BODY_7BIT, "SMTPUTF8" },
	{ " smtputf8 ", SMTP_HAS_SMTPUTF8, 0, SMTP_BODY_7BIT, "smtputf8" },
	{ " SIZE=1 BODY=8BITMIME SMTPUTF8", SMTP_HAS_SIZE | SMTP_HAS_BODY | SMTP_HAS_SMTPUTF8, 1,
	  SMTP_BODY_8BITMIME, "SIZE=1 BODY=8BITMIME SMTPUTF8" },
	{ "  SMTPUTF8   SIZE=2\t", SMTP_HAS_SIZE | SMTP_HAS_SMTPUTF8, 2, SMTP_BODY_7BIT,
	  "SMTPUTF8   SIZE=2" },
};

static const struct {
	const char *text;
	enum smtp_parameter_command command;
	enum smtp_parameter_fault fault;
	const char *culprit;
} invalid[] = {
	/* not keyword[=value] */
	{ "SIZE=1", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "SIZE=1" }, /* no space before it */
	{ "x SIZE=1", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "x" },
	{ ">", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, ">" },
	{ "\tSIZE=1", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "\tSIZE=1" },
	{ " SIZE=1\tBODY=7BIT", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "SIZE=1\tBODY=7BIT" },
	{ " =", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "=" },
	{ " =1", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "=1" },
	{ " SIZE=", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "SIZE=" },
	{ " SIZE =1", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "SIZE" },
	{ " SIZE= 1", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "SIZE=" },
	{ " SIZE=1=2", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "SIZE=1=2" },
	{ " SIZE==1", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "SIZE==1" },
	{ " -X", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "-X" },
	{ " X_Y=1", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "X_Y=1" },
	{ " <a@b>", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "<a@b>" },
	{ " X=\x01", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "X=\x01" },
	{ " X=\x7F", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "X=\x7F" },
	{ " X=\xC0\xAF", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "X=\xC0\xAF" },
	{ " \xC3\xA4=1", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "\xC3\xA4=1" },
	/* not in the table */
	{ " X", SMTP_FOR_MAIL, SMTP_PARAMETER_UNKNOWN, "X" },
	{ " X-A=b", SMTP_FOR_MAIL, SMTP_PARAMETER_UNKNOWN, "X-A=b" },
	{ " 1-A=!~", SMTP_FOR_MAIL, SMTP_PARAMETER_UNKNOWN, "1-A=!~" },
	{ " X=\xC3\xA4", SMTP_FOR_MAIL, SMTP_PARAMETER_UNKNOWN, "X=\xC3\xA4" }, /* RFC 6531 */
	{ " SIZ=1", SMTP_FOR_MAIL, SMTP_PARAMETER_UNKNOWN, "SIZ=1" },
	{ " SIZES=1", SMTP_FOR_MAIL, SMTP_PARAMETER_UNKNOWN, "SIZES=1" },
	{ " SIZE=1 X BODY=7BIT", SMTP_FOR_MAIL, SMTP_PARAMETER_UNKNOWN, "X" },
	{ " AUTH=<>", SMTP_FOR_MAIL, SMTP_PARAMETER_UNKNOWN, "AUTH=<>" },
	/* in the table, not for RCPT */
	{ " SIZE=1", SMTP_FOR_RCPT, SMTP_PARAMETER_UNKNOWN, "SIZE=1" },
	{ " BODY=7BIT", SMTP_FOR_RCPT, SMTP_PARAMETER_UNKNOWN, "BODY=7BIT" },
	{ " SMTPUTF8", SMTP_FOR_RCPT, SMTP_PARAMETER_UNKNOWN, "SMTPUTF8" },
	/* value missing, superfluous, or out of its grammar */
	{ " SIZE", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "SIZE" },
	{ " SIZE=x", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "SIZE=x" },
	{ " SIZE=1x", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "SIZE=1x" },
	{ " SIZE=-1", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "SIZE=-1" },
	{ " SIZE=+1", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "SIZE=+1" },
	{ " SIZE=1.0", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "SIZE=1.0" },
	{ " SIZE=/", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "SIZE=/" },
	{ " SIZE=:", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "SIZE=:" },
	{ " SIZE=\xC3\xA4", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "SIZE=\xC3\xA4" },
	{ " SIZE=100000000000000000000", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE,
	  "SIZE=100000000000000000000" },
	{ " SIZE=000000000000000000001", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE,
	  "SIZE=000000000000000000001" },
	{ " BODY", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "BODY" },
	{ " BODY=8BIT", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "BODY=8BIT" },
	{ " BODY=BINARYMIME", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "BODY=BINARYMIME" },
	{ " BODY=7BITS", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "BODY=7BITS" },
	{ " SMTPUTF8=1", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "SMTPUTF8=1" },
	{ " BODY=7BIT SIZE=x", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "SIZE=x" },
	/* twice */
	{ " SIZE=1 SIZE=1", SMTP_FOR_MAIL, SMTP_PARAMETER_REPEATED, "SIZE=1" },
	{ " SIZE=1 size=2", SMTP_FOR_MAIL, SMTP_PARAMETER_REPEATED, "size=2" },
	{ " BODY=7BIT SIZE=1 BODY=8BITMIME", SMTP_FOR_MAIL, SMTP_PARAMETER_REPEATED,
	  "BODY=8BITMIME" },
	{ " SMTPUTF8 SMTPUTF8", SMTP_FOR_MAIL, SMTP_PARAMETER_REPEATED, "SMTPUTF8" },
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

static void assert_text(struct smtp_text text, const char *expected)
{
	ck_assert_uint_eq(text.length, strlen(expected));
	ck_assert_mem_eq(text.bytes, expected, text.length);
}

/* B-43, C-32: SIZE, BODY, SMTPUTF8 are parsed to a struct and kept as written. */
START_TEST(takes_valid)
{
	struct smtp_text text = exact(valid[_i].text, strlen(valid[_i].text));
	struct smtp_parameters parameters;
	struct smtp_text culprit;

	ck_assert_int_eq(smtp_parameters_parse(text, SMTP_FOR_MAIL, &parameters, &culprit),
			 SMTP_PARAMETER_FINE);
	ck_assert_uint_eq(parameters.present, valid[_i].present);
	ck_assert(parameters.size == valid[_i].size);
	ck_assert_int_eq(parameters.body, valid[_i].body);
	assert_text(parameters.raw, valid[_i].raw);
	ck_assert_uint_eq(culprit.length, 0);
	release(text);
}
END_TEST

/* C-32; security.md 3: a size that does not fit is never a small one. */
START_TEST(refuses_invalid)
{
	struct smtp_text text = exact(invalid[_i].text, strlen(invalid[_i].text));
	struct smtp_parameters parameters;
	struct smtp_text culprit;

	ck_assert_msg(smtp_parameters_parse(text, invalid[_i].command, &parameters, &culprit) ==
			      invalid[_i].fault,
		      "\"%s\"", invalid[_i].text);
	assert_text(culprit, invalid[_i].culprit);
	ck_assert(culprit.bytes >= text.bytes &&
		  culprit.bytes + culprit.length <= text.bytes + text.length);
	release(text);
}
END_TEST

/* RCPT without parameters, which is all that is known of it so far. */
START_TEST(rcpt_may_have_none)
{
	struct smtp_text text = exact(" ", 1);
	struct smtp_parameters parameters;
	struct smtp_text culprit;

	ck_assert_int_eq(smtp_parameters_parse(text, SMTP_FOR_RCPT, &parameters, &culprit),
			 SMTP_PARAMETER_FINE);
	ck_assert_uint_eq(parameters.present, 0);
	release(text);
}
END_TEST

/* security.md 3: a NUL is in no keyword and in no value. */
START_TEST(refuses_nul)
{
	static const char in_value[] = { ' ', 'S', 'I', 'Z', 'E', '=', '1', '\0', '2' };
	static const char in_keyword[] = { ' ', 'S', 'M', 'T', 'P', 'U', 'T', 'F', '8', '\0' };
	struct smtp_parameters parameters;
	struct smtp_text culprit;

	ck_assert_int_eq(smtp_parameters_parse((struct smtp_text){ in_value, sizeof(in_value) },
					       SMTP_FOR_MAIL, &parameters, &culprit),
			 SMTP_PARAMETER_SYNTAX);
	ck_assert_int_eq(smtp_parameters_parse((struct smtp_text){ in_keyword, sizeof(in_keyword) },
					       SMTP_FOR_MAIL, &parameters, &culprit),
			 SMTP_PARAMETER_SYNTAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("parameter");
	TCase *tests = tcase_create("parameter");

	tcase_add_loop_test(tests, takes_valid, 0, COUNT(valid));
	tcase_add_loop_test(tests, refuses_invalid, 0, COUNT(invalid));
	tcase_add_test(tests, rcpt_may_have_none);
	tcase_add_test(tests, refuses_nul);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
