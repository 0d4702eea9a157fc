/*
 * test_parameter.c - the parameters of MAIL, RCPT and VRFY
 *
 * Covers B-43, C-32, D-22, D-24.
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
	{ " BODY=BINARYMIME", SMTP_HAS_BODY, 0, SMTP_BODY_BINARYMIME, "BODY=BINARYMIME" },
	{ " body=binaryMIME", SMTP_HAS_BODY, 0, SMTP_BODY_BINARYMIME, "body=binaryMIME" },
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
	{ " RET=FULL", SMTP_FOR_RCPT, SMTP_PARAMETER_UNKNOWN, "RET=FULL" },
	{ " ENVID=a", SMTP_FOR_RCPT, SMTP_PARAMETER_UNKNOWN, "ENVID=a" },
	{ " REQUIRETLS", SMTP_FOR_RCPT, SMTP_PARAMETER_UNKNOWN, "REQUIRETLS" },
	{ " PRDR", SMTP_FOR_RCPT, SMTP_PARAMETER_UNKNOWN, "PRDR" },
	/* in the table, not for MAIL */
	{ " NOTIFY=NEVER", SMTP_FOR_MAIL, SMTP_PARAMETER_UNKNOWN, "NOTIFY=NEVER" },
	{ " ORCPT=rfc822;a@b", SMTP_FOR_MAIL, SMTP_PARAMETER_UNKNOWN, "ORCPT=rfc822;a@b" },
	/* in the table, not for VRFY */
	{ " SIZE=1", SMTP_FOR_VRFY, SMTP_PARAMETER_UNKNOWN, "SIZE=1" },
	{ " SMTPUTF8 BODY=7BIT", SMTP_FOR_VRFY, SMTP_PARAMETER_UNKNOWN, "BODY=7BIT" },
	{ " RET=FULL", SMTP_FOR_VRFY, SMTP_PARAMETER_UNKNOWN, "RET=FULL" },
	{ " NOTIFY=NEVER", SMTP_FOR_VRFY, SMTP_PARAMETER_UNKNOWN, "NOTIFY=NEVER" },
	{ " REQUIRETLS", SMTP_FOR_VRFY, SMTP_PARAMETER_UNKNOWN, "REQUIRETLS" },
	{ " SMTPUTF8=1", SMTP_FOR_VRFY, SMTP_PARAMETER_VALUE, "SMTPUTF8=1" },
	{ " SMTPUTF8 SMTPUTF8=1", SMTP_FOR_VRFY, SMTP_PARAMETER_VALUE, "SMTPUTF8=1" },
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
	{ " BODY=BINARY", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "BODY=BINARY" },
	{ " BODY=8BITMIME,BINARYMIME", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE,
	  "BODY=8BITMIME,BINARYMIME" },
	{ " BODY=7BITS", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "BODY=7BITS" },
	{ " SMTPUTF8=1", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "SMTPUTF8=1" },
	{ " BODY=7BIT SIZE=x", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "SIZE=x" },
	{ " REQUIRETLS=yes", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "REQUIRETLS=yes" },
	{ " PRDR=1", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "PRDR=1" },
	{ " RET", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "RET" },
	{ " RET=NONE", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "RET=NONE" },
	{ " RET=HDR", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "RET=HDR" },
	{ " RET=FULL,HDRS", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "RET=FULL,HDRS" },
	{ " ENVID", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "ENVID" },
	{ " ENVID=", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "ENVID=" },
	{ " ENVID=a+", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "ENVID=a+" },
	{ " ENVID=a+2", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "ENVID=a+2" },
	{ " ENVID=a+2b", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "ENVID=a+2b" },
	{ " ENVID=a+0D+0AX:+20y", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "ENVID=a+0D+0AX:+20y" },
	{ " ENVID=a+00", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "ENVID=a+00" },
	{ " ENVID=a+09", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "ENVID=a+09" },
	{ " ENVID=a+7F", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "ENVID=a+7F" },
	{ " ENVID=+C3+A4", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "ENVID=+C3+A4" },
	{ " ENVID=\xC3\xA4", SMTP_FOR_MAIL, SMTP_PARAMETER_VALUE, "ENVID=\xC3\xA4" },
	{ " NOTIFY", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "NOTIFY" },
	{ " NOTIFY=ALWAYS", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "NOTIFY=ALWAYS" },
	{ " NOTIFY=,", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "NOTIFY=," },
	{ " NOTIFY=SUCCESS,", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "NOTIFY=SUCCESS," },
	{ " NOTIFY=,SUCCESS", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "NOTIFY=,SUCCESS" },
	{ " NOTIFY=SUCCESS,,DELAY", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "NOTIFY=SUCCESS,,DELAY" },
	{ " NOTIFY=SUCCESS;DELAY", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "NOTIFY=SUCCESS;DELAY" },
	{ " NOTIFY=SUCCESS, DELAY", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "NOTIFY=SUCCESS," },
	{ " NOTIFY=NEVER,NEVER", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "NOTIFY=NEVER,NEVER" },
	{ " NOTIFY=NEVER,DELAY", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "NOTIFY=NEVER,DELAY" },
	{ " NOTIFY=FAILURE,NEVER", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "NOTIFY=FAILURE,NEVER" },
	{ " ORCPT", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "ORCPT" },
	{ " ORCPT=a@b", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "ORCPT=a@b" },
	{ " ORCPT=;a@b", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "ORCPT=;a@b" },
	{ " ORCPT=utf-8;", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "ORCPT=utf-8;" },
	{ " ORCPT=<rfc822>;a@b", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "ORCPT=<rfc822>;a@b" },
	{ " ORCPT=rfc.822;a@b", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "ORCPT=rfc.822;a@b" },
	{ " ORCPT=\xC3\xA4;a@b", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "ORCPT=\xC3\xA4;a@b" },
	{ " ORCPT=rfc822;a+b@c", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "ORCPT=rfc822;a+b@c" },
	{ " ORCPT=rfc822;a+0Ab@c", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "ORCPT=rfc822;a+0Ab@c" },
	{ " ORCPT=rfc822;+C3+A4@c", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "ORCPT=rfc822;+C3+A4@c" },
	{ " ORCPT=rfc822;\xC3\xA4@c", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE,
	  "ORCPT=rfc822;\xC3\xA4@c" },
	{ " ORCPT=utf-8;\xC3@c", SMTP_FOR_RCPT, SMTP_PARAMETER_SYNTAX, "ORCPT=utf-8;\xC3@c" },
	{ " ORCPT=utf-8;a+2Bb@c", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "ORCPT=utf-8;a+2Bb@c" },
	{ " ORCPT=utf-8;a\\b@c", SMTP_FOR_RCPT, SMTP_PARAMETER_VALUE, "ORCPT=utf-8;a\\b@c" },
	/* twice */
	{ " SIZE=1 SIZE=1", SMTP_FOR_MAIL, SMTP_PARAMETER_REPEATED, "SIZE=1" },
	{ " SIZE=1 size=2", SMTP_FOR_MAIL, SMTP_PARAMETER_REPEATED, "size=2" },
	{ " BODY=7BIT SIZE=1 BODY=8BITMIME", SMTP_FOR_MAIL, SMTP_PARAMETER_REPEATED,
	  "BODY=8BITMIME" },
	{ " RET=FULL RET=FULL", SMTP_FOR_MAIL, SMTP_PARAMETER_REPEATED, "RET=FULL" },
	{ " ENVID=a ENVID=b", SMTP_FOR_MAIL, SMTP_PARAMETER_REPEATED, "ENVID=b" },
	{ " PRDR REQUIRETLS PRDR=", SMTP_FOR_MAIL, SMTP_PARAMETER_SYNTAX, "PRDR=" },
	{ " SMTPUTF8 SMTPUTF8 SIZE=1 SIZE=1", SMTP_FOR_MAIL, SMTP_PARAMETER_REPEATED, "SIZE=1" },
	{ " NOTIFY=DELAY NOTIFY=SUCCESS", SMTP_FOR_RCPT, SMTP_PARAMETER_REPEATED,
	  "NOTIFY=SUCCESS" },
	{ " ORCPT=rfc822;a ORCPT=rfc822;a", SMTP_FOR_RCPT, SMTP_PARAMETER_REPEATED,
	  "ORCPT=rfc822;a" },
};

#define ALL_REPORTS (SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE | SMTP_NOTIFY_DELAY)

/* RFC 3461, RFC 6533, RFC 8689, draft-hall-prdr, RFC 6531 3.7.4.2 */
static const struct {
	const char *text;
	enum smtp_parameter_command command;
	unsigned present;
	enum smtp_return returns;
	unsigned notify;
	const char *envid, *orcpt;
} others[] = {
	{ " REQUIRETLS", SMTP_FOR_MAIL, SMTP_HAS_REQUIRETLS, SMTP_RETURN_NONE, 0, "", "" },
	{ " prdr", SMTP_FOR_MAIL, SMTP_HAS_PRDR, SMTP_RETURN_NONE, 0, "", "" },
	{ " RET=FULL", SMTP_FOR_MAIL, SMTP_HAS_RET, SMTP_RETURN_FULL, 0, "", "" },
	{ " ret=hdrs", SMTP_FOR_MAIL, SMTP_HAS_RET, SMTP_RETURN_HEADERS, 0, "", "" },
	{ " ENVID=QQ314159", SMTP_FOR_MAIL, SMTP_HAS_ENVID, SMTP_RETURN_NONE, 0, "QQ314159", "" },
	{ " ENVID=a+20b+2B+3D", SMTP_FOR_MAIL, SMTP_HAS_ENVID, SMTP_RETURN_NONE, 0, "a+20b+2B+3D",
	  "" },
	{ " PRDR RET=HDRS ENVID=<>~! REQUIRETLS", SMTP_FOR_MAIL,
	  SMTP_HAS_PRDR | SMTP_HAS_RET | SMTP_HAS_ENVID | SMTP_HAS_REQUIRETLS, SMTP_RETURN_HEADERS,
	  0, "<>~!", "" },
	{ " NOTIFY=NEVER", SMTP_FOR_RCPT, SMTP_HAS_NOTIFY, SMTP_RETURN_NONE, SMTP_NOTIFY_NEVER, "",
	  "" },
	{ " NOTIFY=Success", SMTP_FOR_RCPT, SMTP_HAS_NOTIFY, SMTP_RETURN_NONE, SMTP_NOTIFY_SUCCESS,
	  "", "" },
	{ " NOTIFY=DELAY,FAILURE", SMTP_FOR_RCPT, SMTP_HAS_NOTIFY, SMTP_RETURN_NONE,
	  SMTP_NOTIFY_DELAY | SMTP_NOTIFY_FAILURE, "", "" },
	{ " NOTIFY=SUCCESS,failure,DELAY", SMTP_FOR_RCPT, SMTP_HAS_NOTIFY, SMTP_RETURN_NONE,
	  ALL_REPORTS, "", "" },
	{ " ORCPT=rfc822;a+2Bb@example.org", SMTP_FOR_RCPT, SMTP_HAS_ORCPT, SMTP_RETURN_NONE, 0, "",
	  "rfc822;a+2Bb@example.org" },
	{ " ORCPT=X400;/c+3DUS;/s+3DB/", SMTP_FOR_RCPT, SMTP_HAS_ORCPT, SMTP_RETURN_NONE, 0, "",
	  "X400;/c+3DUS;/s+3DB/" },
	{ " NOTIFY=DELAY,delay,FAILURE,DELAY", SMTP_FOR_RCPT, SMTP_HAS_NOTIFY, SMTP_RETURN_NONE,
	  SMTP_NOTIFY_DELAY | SMTP_NOTIFY_FAILURE, "", "" },
	{ " ORCPT=rfc822;", SMTP_FOR_RCPT, SMTP_HAS_ORCPT, SMTP_RETURN_NONE, 0, "", "rfc822;" },
	{ " ORCPT=rfc822;no-address", SMTP_FOR_RCPT, SMTP_HAS_ORCPT, SMTP_RETURN_NONE, 0, "",
	  "rfc822;no-address" },
	{ " ORCPT=UTF-8;\\x{E4}@b", SMTP_FOR_RCPT, SMTP_HAS_ORCPT, SMTP_RETURN_NONE, 0, "",
	  "UTF-8;\\x{E4}@b" },
	{ " ORCPT=utf-8;\xC3\xA4@b", SMTP_FOR_RCPT, SMTP_HAS_ORCPT, SMTP_RETURN_NONE, 0, "",
	  "utf-8;\xC3\xA4@b" },
	{ " ORCPT=rfc822;a NOTIFY=DELAY ", SMTP_FOR_RCPT, SMTP_HAS_ORCPT | SMTP_HAS_NOTIFY,
	  SMTP_RETURN_NONE, SMTP_NOTIFY_DELAY, "", "rfc822;a" },
	{ " ", SMTP_FOR_RCPT, 0, SMTP_RETURN_NONE, 0, "", "" },
	{ " ", SMTP_FOR_VRFY, 0, SMTP_RETURN_NONE, 0, "", "" },
	{ " SMTPUTF8", SMTP_FOR_VRFY, SMTP_HAS_SMTPUTF8, SMTP_RETURN_NONE, 0, "", "" },
	/* said again, but without anything new */
	{ " SMTPUTF8 SMTPUTF8", SMTP_FOR_MAIL, SMTP_HAS_SMTPUTF8, SMTP_RETURN_NONE, 0, "", "" },
	{ " SMTPUTF8 smtputf8 SMTPUTF8", SMTP_FOR_VRFY, SMTP_HAS_SMTPUTF8, SMTP_RETURN_NONE, 0, "",
	  "" },
	{ " REQUIRETLS REQUIRETLS", SMTP_FOR_MAIL, SMTP_HAS_REQUIRETLS, SMTP_RETURN_NONE, 0, "",
	  "" },
	{ " PRDR RET=FULL PRDR", SMTP_FOR_MAIL, SMTP_HAS_PRDR | SMTP_HAS_RET, SMTP_RETURN_FULL, 0,
	  "", "" },
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

/* C-32, D-22, D-24: reports, TLS and PRDR, each with its command. */
START_TEST(takes_others)
{
	struct smtp_text text = exact(others[_i].text, strlen(others[_i].text));
	struct smtp_parameters parameters;
	struct smtp_text culprit;

	ck_assert_int_eq(smtp_parameters_parse(text, others[_i].command, &parameters, &culprit),
			 SMTP_PARAMETER_FINE);
	ck_assert_uint_eq(parameters.present, others[_i].present);
	ck_assert_int_eq(parameters.returns, others[_i].returns);
	ck_assert_uint_eq(parameters.notify, others[_i].notify);
	assert_text(parameters.envid, others[_i].envid);
	assert_text(parameters.orcpt, others[_i].orcpt);
	release(text);
}
END_TEST

/* The longest value behind `start`, and one byte more. */
static void check_bound(const char *start, enum smtp_parameter_command command, size_t most)
{
	char text[600];
	size_t length = (size_t)(strchr(start, '=') + 1 - start) + most;
	struct smtp_parameters parameters;
	struct smtp_text culprit;

	memset(text, 'a', sizeof(text));
	memcpy(text, start, strlen(start));
	ck_assert_int_eq(smtp_parameters_parse((struct smtp_text){ text, length }, command,
					       &parameters, &culprit),
			 SMTP_PARAMETER_FINE);
	ck_assert_int_eq(smtp_parameters_parse((struct smtp_text){ text, length + 1 }, command,
					       &parameters, &culprit),
			 SMTP_PARAMETER_VALUE);
}

/* RFC 3461 4.4: 100 characters; 4.2: 500 */
START_TEST(limits_lengths)
{
	check_bound(" ENVID=", SMTP_FOR_MAIL, SMTP_ENVID_MAX);
	check_bound(" ORCPT=rfc822;", SMTP_FOR_RCPT, SMTP_ORCPT_MAX);
	check_bound(" ORCPT=utf-8;", SMTP_FOR_RCPT, SMTP_ORCPT_MAX);
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
	tcase_add_loop_test(tests, takes_others, 0, COUNT(others));
	tcase_add_test(tests, limits_lengths);
	tcase_add_test(tests, refuses_nul);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
