/*
 * test_extensions.c - the engine: what EHLO and LHLO offer, under every combination of settings
 *
 * Covers B-10, B-51, C-21 to C-23, C-26, C-27.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/extension.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/runner.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- what is expected: written down a second time, as conditions on one combination ---- */

struct combination {
	enum smtp_tls tls;
	bool secured, little, lmtp;
	unsigned privileges;
	size_t hidden;	   /* one row below, all of them (HIDDEN_ALL) or none */
	unsigned disabled; /* bits: rows of `disabling` */
};

#define BEFORE_TLS 1 /* TLS is served and not there yet */
#define UNDER_TLS 2
#define SMTP_ONLY 4
#define TO_XCLIENT 8
#define TO_XFORWARD 16

static const struct {
	const char *keyword, *line;
	unsigned needs;
	const char *verb;  /* that must be served, or NULL */
	const char *other; /* that must be offered, or NULL */
} expected[] = {
	{ "PIPELINING", "PIPELINING", 0, NULL, NULL },
	{ "SIZE", "SIZE 10000", 0, NULL, NULL },
	{ "STARTTLS", "STARTTLS", BEFORE_TLS, "STARTTLS", NULL },
	{ "8BITMIME", "8BITMIME", 0, NULL, NULL },
	{ "ENHANCEDSTATUSCODES", "ENHANCEDSTATUSCODES", 0, NULL, NULL },
	{ "SMTPUTF8", "SMTPUTF8", 0, NULL, NULL },
	{ "CHUNKING", "CHUNKING", 0, "BDAT", NULL },
	{ "BINARYMIME", "BINARYMIME", 0, "BDAT", "CHUNKING" },
	{ "DSN", "DSN", 0, NULL, NULL },
	{ "REQUIRETLS", "REQUIRETLS", UNDER_TLS, NULL, NULL },
	{ "PRDR", "PRDR", SMTP_ONLY, NULL, NULL },
	{ "LIMITS", "LIMITS RCPTMAX=3", 0, NULL, NULL },
	{ "XCLIENT", "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT", TO_XCLIENT,
	  "XCLIENT", NULL },
	{ "XFORWARD", "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE", TO_XFORWARD, "XFORWARD",
	  NULL },
	{ "HELP", "HELP", 0, "HELP", NULL },
};

#define HIDDEN_ALL COUNT(expected)
#define HIDDEN_NONE (COUNT(expected) + 1)

static const char *const disabling[] = { "STARTTLS", "BDAT", "XCLIENT", "XFORWARD", "HELP" };

static bool is_disabled(const struct combination *combination, const char *verb)
{
	for (size_t i = 0; verb && i < COUNT(disabling); i++)
		if (strcmp(verb, disabling[i]) == 0)
			return combination->disabled & 1U << i;
	return false;
}

static bool is_hidden(const struct combination *combination, const char *keyword)
{
	size_t row = combination->hidden;

	return row == HIDDEN_ALL ||
	       (keyword && row < COUNT(expected) && strcmp(expected[row].keyword, keyword) == 0);
}

static bool is_expected(const struct combination *combination, size_t row)
{
	bool before_tls = combination->tls != SMTP_TLS_NONE && !combination->secured;
	unsigned has = 0;

	has |= before_tls ? BEFORE_TLS : 0;
	has |= combination->secured ? UNDER_TLS : 0;
	has |= combination->lmtp ? 0 : SMTP_ONLY;
	has |= combination->privileges & SMTP_MAY_XCLIENT ? TO_XCLIENT : 0;
	has |= combination->privileges & SMTP_MAY_XFORWARD ? TO_XFORWARD : 0;
	if (expected[row].needs & ~has || is_disabled(combination, expected[row].verb))
		return false;
	if (is_hidden(combination, expected[row].keyword) ||
	    is_hidden(combination, expected[row].other))
		return false;
	return !combination->little || !before_tls || expected[row].needs == BEFORE_TLS;
}

/* The whole reply: the last line has no hyphen. */
static void write_expected(const struct combination *combination, char *text)
{
	size_t used = 0, last = 0;

	used += (size_t)sprintf(text, "250-mx.example.org\r\n");
	for (size_t i = 0; i < COUNT(expected); i++) {
		if (!is_expected(combination, i))
			continue;
		last = used;
		used += (size_t)sprintf(text + used, "250-%s\r\n", expected[i].line);
	}
	text[last + 3] = ' ';
}

/* ---- every combination ---- */

static void apply(const struct combination *combination)
{
	settings.tls = combination->tls;
	settings.little_before_tls = combination->little;
	settings.lmtp = combination->lmtp;
	settings.hidden = 0;
	settings.disabled = 0;
	for (size_t i = 0; i < COUNT(expected); i++)
		if (is_hidden(combination, expected[i].keyword))
			settings.hidden |= hide(expected[i].keyword);
	for (size_t i = 0; i < COUNT(disabling); i++)
		if (combination->disabled & 1U << i)
			settings.disabled |= disable(disabling[i]);
}

static void check_combination(struct recorder *recorder, const struct combination *combination)
{
	char text[2048];

	apply(combination);
	smtp_server_permit(recorder->server, combination->privileges);
	write_expected(combination, text);
	recorder->commands_used = 0;
	recorder_say(recorder, combination->lmtp ? "LHLO a.example\r\n" : "EHLO a.example\r\n");
	ck_assert_str_eq(recorder->output, text);
	for (size_t i = 0; i < COUNT(expected); i++)
		ck_assert_int_eq(smtp_extension_is_offered(recorder->server, expected[i].keyword),
				 is_expected(combination, i));
}

/* Those of one session: all but what cannot change in it. */
static void check_combinations(struct combination combination, struct recorder *recorder)
{
	for (unsigned bits = 0; bits < 16; bits++) {
		combination.little = bits & 1;
		combination.lmtp = bits & 2;
		combination.privileges = bits >> 2;
		for (combination.hidden = 0; combination.hidden <= HIDDEN_NONE;
		     combination.hidden++)
			for (combination.disabled = 0; combination.disabled < 32;
			     combination.disabled++)
				check_combination(recorder, &combination);
	}
}

START_TEST(every_combination)
{
	struct combination combination = { .tls = (enum smtp_tls)(_i / 2), .secured = _i & 1 };
	struct recorder *recorder = recorder_new();

	if (combination.secured)
		smtp_server_secured(recorder->server);
	check_combinations(combination, recorder);
	recorder_free(recorder);
}
END_TEST

/* ---- each has a bit of its own ---- */

START_TEST(bits)
{
	static const char *const unknown[] = { "", "FOO", "pipelining", "PIPELINING ", "SIZE 1" };
	uint32_t all = 0;

	for (size_t i = 0; i < COUNT(expected); i++) {
		ck_assert_uint_eq(all & hide(expected[i].keyword), 0);
		all |= hide(expected[i].keyword);
	}
	for (size_t i = 0; i < COUNT(unknown); i++) {
		struct recorder *recorder = recorder_new();

		ck_assert_uint_eq(smtp_extension_bit(unknown[i]), 0);
		ck_assert(!smtp_extension_is_offered(recorder->server, unknown[i]));
		recorder_free(recorder);
	}
}
END_TEST

/* ---- values ---- */

START_TEST(values)
{
	static const struct {
		uint64_t size;
		unsigned recipients;
		const char *size_line, *limits_line;
	} cases[] = {
		{ 0, 1, "250-SIZE 0\r\n", "250-LIMITS RCPTMAX=1\r\n" },
		{ UINT64_MAX, 4294967295U, "250-SIZE 18446744073709551615\r\n",
		  "250-LIMITS RCPTMAX=4294967295\r\n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct recorder *recorder;

		settings.message_size = cases[i].size;
		settings.recipients = cases[i].recipients;
		recorder = recorder_new();
		recorder_say(recorder, GREETED);
		ck_assert_ptr_nonnull(strstr(recorder->output, cases[i].size_line));
		ck_assert_ptr_nonnull(strstr(recorder->output, cases[i].limits_line));
		recorder_free(recorder);
	}
}
END_TEST

/* The text that the settings have for it, at HELO, EHLO and LHLO; a long one is cut. */
START_TEST(text_behind_the_host)
{
	static char text[600];
	struct recorder *recorder = recorder_new();

	settings.helo = "pleased to meet you";
	settings.hidden = UINT32_MAX;
	recorder_say(recorder, "HELO x\r\n");
	ck_assert_str_eq(recorder->output, "250 mx.example.org pleased to meet you\r\n");
	recorder_say(recorder, "EHLO x\r\n");
	ck_assert_str_eq(recorder->output, "250 mx.example.org pleased to meet you\r\n");
	settings.helo = memset(text, 'x', sizeof(text) - 1);
	recorder_say(recorder, "EHLO x\r\n");
	ck_assert_uint_le(recorder->output_used, SMTP_REPLY_SIZE);
	ck_assert_str_eq(recorder->output + recorder->output_used - 3, "x\r\n");
	recorder_free(recorder);
}
END_TEST

/* ---- what is hidden is served all the same ---- */

START_TEST(hidden_is_served)
{
	static const struct {
		const char *line;
		int code;
	} cases[] = {
		{ "MAIL FROM:<\xc3\xa4@b.example> SMTPUTF8 SIZE=1 BODY=BINARYMIME PRDR ENVID=x\r\n",
		  250 },
		{ "RCPT TO:<c@d.example> NOTIFY=NEVER\r\n", 250 },
		{ "BDAT 1 LAST\r\n\n", 250 },
		{ "HELP\r\n", 214 },
		{ "XFORWARD NAME=x.example\r\n", 250 },
		{ "STARTTLS\r\n", 220 },
		{ "XCLIENT NAME=x.example\r\n", 220 },
	};
	struct recorder *recorder = recorder_new();

	settings.hidden = UINT32_MAX;
	settings.tls = SMTP_TLS_OPTIONAL;
	smtp_server_permit(recorder->server, SMTP_MAY_XCLIENT | SMTP_MAY_XFORWARD);
	recorder_say(recorder, GREETED);
	for (size_t i = 0; i < COUNT(cases); i++) {
		recorder_say(recorder, cases[i].line);
		ck_assert_msg(atoi(recorder->output) == cases[i].code, "%s -> %s", cases[i].line,
			      recorder->output);
	}
	recorder_free(recorder);
}
END_TEST

/* ---- what is disabled is not, whatever its state and argument ---- */

START_TEST(disabled_is_not_served)
{
	static const char *const lines[] = {
		"STARTTLS\r\n",	   "BDAT 1 LAST\r\nx", "VRFY x\r\n", "HELP\r\n",
		"XCLIENT FOO\r\n", "XFORWARD\r\n",     "EXPN x\r\n", "AUTH PLAIN\r\n",
		"ETRN x\r\n",	   "vrfy\r\n",
	};
	static const char *const ways[] = { "", GREETED, MAILED, READY };

	settings.tls = SMTP_TLS_REQUIRED;
	settings.disabled = disable("STARTTLS") | disable("BDAT") | disable("VRFY") |
			    disable("HELP") | disable("XCLIENT") | disable("XFORWARD") |
			    disable("EXPN") | disable("AUTH") | disable("ETRN");
	for (size_t i = 0; i < COUNT(lines) * COUNT(ways); i++) {
		struct recorder *recorder = recorder_new();

		smtp_server_secured(recorder->server);
		recorder_say(recorder, ways[i % COUNT(ways)]);
		recorder_say(recorder, lines[i / COUNT(ways)]);
		ck_assert_str_eq(recorder->output, "502 5.5.1 Not implemented here\r\n");
		recorder_free(recorder);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("extensions");
	TCase *test = tcase_create("extensions");

	tcase_add_checked_fixture(test, settings_restore, NULL);
	tcase_add_loop_test(test, every_combination, 0, 6);
	tcase_add_test(test, bits);
	tcase_add_test(test, values);
	tcase_add_test(test, text_behind_the_host);
	tcase_add_test(test, hidden_is_served);
	tcase_add_test(test, disabled_is_not_served);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
