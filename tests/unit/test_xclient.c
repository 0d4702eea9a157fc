/*
 * test_xclient.c - the arguments of XCLIENT and XFORWARD
 *
 * Covers C-26, C-32, D-22, D-24.
 * Runs in: the tests.  Privilege: none.
 */
#include <arpa/inet.h>
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/xclient.h"
#include "tests/unit/runner.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define FOR_BOTH (SMTP_XCLIENT | SMTP_XFORWARD)

/* One argument, and what becomes of its attribute. */
static const struct {
	unsigned commands;
	const char *text;
	enum smtp_xclient_attribute attribute;
	enum smtp_xclient_state state;
	const char *value;
} valid[] = {
	{ FOR_BOTH, "NAME=spike.example.org", SMTP_XCLIENT_NAME, SMTP_XCLIENT_GIVEN,
	  "spike.example.org" },
	{ FOR_BOTH, "name=a", SMTP_XCLIENT_NAME, SMTP_XCLIENT_GIVEN, "a" },
	{ FOR_BOTH, "Name=+61+2Eb", SMTP_XCLIENT_NAME, SMTP_XCLIENT_GIVEN, "a.b" },
	{ FOR_BOTH, "NAME=b+C3+BCcher.example", SMTP_XCLIENT_NAME, SMTP_XCLIENT_GIVEN,
	  "b\xC3\xBC"
	  "cher.example" },
	{ FOR_BOTH, "NAME=[UNAVAILABLE]", SMTP_XCLIENT_NAME, SMTP_XCLIENT_UNAVAILABLE, "" },
	{ FOR_BOTH, "NAME=[Unavailable]", SMTP_XCLIENT_NAME, SMTP_XCLIENT_UNAVAILABLE, "" },
	{ FOR_BOTH, "NAME=[TEMPUNAVAIL]", SMTP_XCLIENT_NAME, SMTP_XCLIENT_TEMPORARY, "" },
	{ FOR_BOTH, "NAME=+5Btempunavail+5D", SMTP_XCLIENT_NAME, SMTP_XCLIENT_TEMPORARY, "" },
	{ FOR_BOTH, "ADDR=192.0.2.1", SMTP_XCLIENT_ADDR, SMTP_XCLIENT_GIVEN, "192.0.2.1" },
	{ FOR_BOTH, "ADDR=IPV6:2001:db8::1", SMTP_XCLIENT_ADDR, SMTP_XCLIENT_GIVEN,
	  "IPV6:2001:db8::1" },
	{ FOR_BOTH, "ADDR=ipv6:::1", SMTP_XCLIENT_ADDR, SMTP_XCLIENT_GIVEN, "ipv6:::1" },
	{ FOR_BOTH, "ADDR=[UNAVAILABLE]", SMTP_XCLIENT_ADDR, SMTP_XCLIENT_UNAVAILABLE, "" },
	{ FOR_BOTH, "PORT=0", SMTP_XCLIENT_PORT, SMTP_XCLIENT_GIVEN, "0" },
	{ FOR_BOTH, "PORT=65535", SMTP_XCLIENT_PORT, SMTP_XCLIENT_GIVEN, "65535" },
	{ FOR_BOTH, "PORT=[UNAVAILABLE]", SMTP_XCLIENT_PORT, SMTP_XCLIENT_UNAVAILABLE, "" },
	{ FOR_BOTH, "PROTO=SMTP", SMTP_XCLIENT_PROTO, SMTP_XCLIENT_GIVEN, "SMTP" },
	{ FOR_BOTH, "PROTO=esmtp", SMTP_XCLIENT_PROTO, SMTP_XCLIENT_GIVEN, "esmtp" },
	{ FOR_BOTH, "PROTO=LMTP", SMTP_XCLIENT_PROTO, SMTP_XCLIENT_GIVEN, "LMTP" },
	{ FOR_BOTH, "PROTO=[UNAVAILABLE]", SMTP_XCLIENT_PROTO, SMTP_XCLIENT_UNAVAILABLE, "" },
	{ FOR_BOTH, "HELO=client.example", SMTP_XCLIENT_HELO, SMTP_XCLIENT_GIVEN,
	  "client.example" },
	{ FOR_BOTH, "HELO=[192.0.2.1]", SMTP_XCLIENT_HELO, SMTP_XCLIENT_GIVEN, "[192.0.2.1]" },
	{ FOR_BOTH, "HELO=my_host", SMTP_XCLIENT_HELO, SMTP_XCLIENT_GIVEN, "my_host" },
	{ FOR_BOTH, "HELO=[UNAVAILABLE]", SMTP_XCLIENT_HELO, SMTP_XCLIENT_UNAVAILABLE, "" },
	{ SMTP_XCLIENT, "LOGIN=alice", SMTP_XCLIENT_LOGIN, SMTP_XCLIENT_GIVEN, "alice" },
	{ SMTP_XCLIENT, "LOGIN=al+2Bice+20b@example.org", SMTP_XCLIENT_LOGIN, SMTP_XCLIENT_GIVEN,
	  "al+ice b@example.org" },
	{ SMTP_XCLIENT, "LOGIN=[UNAVAILABLE]", SMTP_XCLIENT_LOGIN, SMTP_XCLIENT_UNAVAILABLE, "" },
	{ SMTP_XCLIENT, "LOGIN=[TEMPUNAVAIL]", SMTP_XCLIENT_LOGIN, SMTP_XCLIENT_TEMPORARY, "" },
	{ SMTP_XCLIENT, "DESTADDR=IPV6:::1", SMTP_XCLIENT_DESTADDR, SMTP_XCLIENT_GIVEN,
	  "IPV6:::1" },
	{ SMTP_XCLIENT, "DESTPORT=25", SMTP_XCLIENT_DESTPORT, SMTP_XCLIENT_GIVEN, "25" },
	{ SMTP_XFORWARD, "IDENT=4Xyz+2D1", SMTP_XCLIENT_IDENT, SMTP_XCLIENT_GIVEN, "4Xyz-1" },
	{ SMTP_XFORWARD, "IDENT=[UNAVAILABLE]", SMTP_XCLIENT_IDENT, SMTP_XCLIENT_UNAVAILABLE, "" },
	{ SMTP_XFORWARD, "SOURCE=LOCAL", SMTP_XCLIENT_SOURCE, SMTP_XCLIENT_GIVEN, "LOCAL" },
	{ SMTP_XFORWARD, "source=remote", SMTP_XCLIENT_SOURCE, SMTP_XCLIENT_GIVEN, "remote" },
	{ FOR_BOTH, "  PORT=1  ", SMTP_XCLIENT_PORT, SMTP_XCLIENT_GIVEN, "1" },
};

static const struct {
	unsigned commands;
	const char *text;
	enum smtp_xclient_fault fault;
	const char *culprit;
} invalid[] = {
	/* not NAME=value */
	{ FOR_BOTH, "", SMTP_XCLIENT_SYNTAX, "" },
	{ FOR_BOTH, "   ", SMTP_XCLIENT_SYNTAX, "" },
	{ FOR_BOTH, "NAME", SMTP_XCLIENT_SYNTAX, "NAME" },
	{ FOR_BOTH, "NAME =a", SMTP_XCLIENT_SYNTAX, "NAME" },
	{ FOR_BOTH, "=", SMTP_XCLIENT_SYNTAX, "=" },
	{ FOR_BOTH, "=a", SMTP_XCLIENT_SYNTAX, "=a" },
	{ FOR_BOTH, "PORT=1 spike.example.org", SMTP_XCLIENT_SYNTAX, "spike.example.org" },
	{ FOR_BOTH, "\t", SMTP_XCLIENT_SYNTAX, "\t" },
	/* no attribute, or not of this command */
	{ FOR_BOTH, "NAM=a", SMTP_XCLIENT_UNKNOWN, "NAM=a" },
	{ FOR_BOTH, "NAMES=a", SMTP_XCLIENT_UNKNOWN, "NAMES=a" },
	{ FOR_BOTH, "\tNAME=a", SMTP_XCLIENT_UNKNOWN, "\tNAME=a" },
	{ FOR_BOTH, "PORT=1 CODE=TEMP PORT=x", SMTP_XCLIENT_UNKNOWN, "CODE=TEMP" },
	{ FOR_BOTH, "X=[UNAVAILABLE]", SMTP_XCLIENT_UNKNOWN, "X=[UNAVAILABLE]" },
	{ SMTP_XFORWARD, "LOGIN=a", SMTP_XCLIENT_UNKNOWN, "LOGIN=a" },
	{ SMTP_XFORWARD, "DESTADDR=192.0.2.1", SMTP_XCLIENT_UNKNOWN, "DESTADDR=192.0.2.1" },
	{ SMTP_XFORWARD, "DESTPORT=25", SMTP_XCLIENT_UNKNOWN, "DESTPORT=25" },
	{ SMTP_XCLIENT, "IDENT=a", SMTP_XCLIENT_UNKNOWN, "IDENT=a" },
	{ SMTP_XCLIENT, "SOURCE=LOCAL", SMTP_XCLIENT_UNKNOWN, "SOURCE=LOCAL" },
	/* no xtext */
	{ FOR_BOTH, "NAME=a=b", SMTP_XCLIENT_VALUE, "NAME=a=b" },
	{ FOR_BOTH, "NAME=a+", SMTP_XCLIENT_VALUE, "NAME=a+" },
	{ FOR_BOTH, "NAME=a+2e", SMTP_XCLIENT_VALUE, "NAME=a+2e" },
	{ FOR_BOTH, "NAME=\xC3\xA4", SMTP_XCLIENT_VALUE, "NAME=\xC3\xA4" },
	{ FOR_BOTH, "NAME=a\t", SMTP_XCLIENT_VALUE, "NAME=a\t" },
	{ FOR_BOTH, "NAME=a\x7F", SMTP_XCLIENT_VALUE, "NAME=a\x7F" },
	/* what must not get into a header line, the log, or a C string */
	{ SMTP_XCLIENT, "LOGIN=a+0D+0AX:+20b", SMTP_XCLIENT_VALUE, "LOGIN=a+0D+0AX:+20b" },
	{ SMTP_XCLIENT, "LOGIN=a+00", SMTP_XCLIENT_VALUE, "LOGIN=a+00" },
	{ SMTP_XCLIENT, "LOGIN=a+00b", SMTP_XCLIENT_VALUE, "LOGIN=a+00b" },
	{ SMTP_XCLIENT, "LOGIN=+1B[31m", SMTP_XCLIENT_VALUE, "LOGIN=+1B[31m" },
	{ SMTP_XCLIENT, "LOGIN=+7F", SMTP_XCLIENT_VALUE, "LOGIN=+7F" },
	{ SMTP_XCLIENT, "LOGIN=+C3", SMTP_XCLIENT_VALUE, "LOGIN=+C3" },
	{ SMTP_XCLIENT, "LOGIN=+C0+AF", SMTP_XCLIENT_VALUE, "LOGIN=+C0+AF" },
	{ SMTP_XCLIENT, "LOGIN=+ED+A0+80", SMTP_XCLIENT_VALUE, "LOGIN=+ED+A0+80" },
	{ SMTP_XFORWARD, "IDENT=a+20b", SMTP_XCLIENT_VALUE, "IDENT=a+20b" },
	{ SMTP_XFORWARD, "IDENT=+C3+A4", SMTP_XCLIENT_VALUE, "IDENT=+C3+A4" },
	{ FOR_BOTH, "PORT=2+00", SMTP_XCLIENT_VALUE, "PORT=2+00" },
	{ FOR_BOTH, "ADDR=192.0.2.1+00", SMTP_XCLIENT_VALUE, "ADDR=192.0.2.1+00" },
	/* nothing */
	{ FOR_BOTH, "NAME=", SMTP_XCLIENT_VALUE, "NAME=" },
	{ FOR_BOTH, "ADDR=", SMTP_XCLIENT_VALUE, "ADDR=" },
	{ FOR_BOTH, "PORT=", SMTP_XCLIENT_VALUE, "PORT=" },
	{ FOR_BOTH, "PROTO=", SMTP_XCLIENT_VALUE, "PROTO=" },
	{ FOR_BOTH, "HELO=", SMTP_XCLIENT_VALUE, "HELO=" },
	{ SMTP_XCLIENT, "LOGIN=", SMTP_XCLIENT_VALUE, "LOGIN=" },
	{ SMTP_XFORWARD, "IDENT=", SMTP_XCLIENT_VALUE, "IDENT=" },
	{ SMTP_XFORWARD, "SOURCE=", SMTP_XCLIENT_VALUE, "SOURCE=" },
	/* not what the attribute holds */
	{ FOR_BOTH, "NAME=[192.0.2.1]", SMTP_XCLIENT_VALUE, "NAME=[192.0.2.1]" },
	{ FOR_BOTH, "NAME=a_b", SMTP_XCLIENT_VALUE, "NAME=a_b" },
	{ FOR_BOTH, "NAME=a..b", SMTP_XCLIENT_VALUE, "NAME=a..b" },
	{ FOR_BOTH, "NAME=a+20b", SMTP_XCLIENT_VALUE, "NAME=a+20b" },
	{ FOR_BOTH, "NAME=UNAVAILABLE]", SMTP_XCLIENT_VALUE, "NAME=UNAVAILABLE]" },
	{ FOR_BOTH, "NAME=[UNAVAILABLE", SMTP_XCLIENT_VALUE, "NAME=[UNAVAILABLE" },
	{ FOR_BOTH, "HELO=a+20b", SMTP_XCLIENT_VALUE, "HELO=a+20b" },
	{ FOR_BOTH, "HELO=a(b)", SMTP_XCLIENT_VALUE, "HELO=a(b)" },
	{ FOR_BOTH, "HELO=[192.0.2.300]", SMTP_XCLIENT_VALUE, "HELO=[192.0.2.300]" },
	{ FOR_BOTH, "ADDR=[192.0.2.1]", SMTP_XCLIENT_VALUE, "ADDR=[192.0.2.1]" },
	{ FOR_BOTH, "ADDR=2001:db8::1", SMTP_XCLIENT_VALUE, "ADDR=2001:db8::1" },
	{ FOR_BOTH, "ADDR=IPV6:192.0.2.1", SMTP_XCLIENT_VALUE, "ADDR=IPV6:192.0.2.1" },
	{ FOR_BOTH, "ADDR=IPV6:", SMTP_XCLIENT_VALUE, "ADDR=IPV6:" },
	{ FOR_BOTH, "ADDR=IPV6::", SMTP_XCLIENT_VALUE, "ADDR=IPV6::" },
	{ FOR_BOTH, "ADDR=IPV6:::", SMTP_XCLIENT_VALUE, "ADDR=IPV6:::" },
	{ FOR_BOTH, "ADDR=IPV4:192.0.2.1", SMTP_XCLIENT_VALUE, "ADDR=IPV4:192.0.2.1" },
	{ FOR_BOTH, "ADDR=192.0.2", SMTP_XCLIENT_VALUE, "ADDR=192.0.2" },
	{ FOR_BOTH, "ADDR=192.0.2.256", SMTP_XCLIENT_VALUE, "ADDR=192.0.2.256" },
	{ FOR_BOTH, "ADDR=192.0.2.1:25", SMTP_XCLIENT_VALUE, "ADDR=192.0.2.1:25" },
	{ FOR_BOTH, "ADDR=IPV6:fe80::1%lo", SMTP_XCLIENT_VALUE, "ADDR=IPV6:fe80::1%lo" },
	{ FOR_BOTH, "ADDR=localhost", SMTP_XCLIENT_VALUE, "ADDR=localhost" },
	{ FOR_BOTH, "ADDR=unknown", SMTP_XCLIENT_VALUE, "ADDR=unknown" },
	{ FOR_BOTH, "PORT=65536", SMTP_XCLIENT_VALUE, "PORT=65536" },
	{ FOR_BOTH, "PORT=99999", SMTP_XCLIENT_VALUE, "PORT=99999" },
	{ FOR_BOTH, "PORT=000025", SMTP_XCLIENT_VALUE, "PORT=000025" },
	{ FOR_BOTH, "PORT=4294967321", SMTP_XCLIENT_VALUE, "PORT=4294967321" },
	{ FOR_BOTH, "PORT=-1", SMTP_XCLIENT_VALUE, "PORT=-1" },
	{ FOR_BOTH, "PORT=+2B1", SMTP_XCLIENT_VALUE, "PORT=+2B1" },
	{ FOR_BOTH, "PORT=+201", SMTP_XCLIENT_VALUE, "PORT=+201" },
	{ FOR_BOTH, "PORT=0x19", SMTP_XCLIENT_VALUE, "PORT=0x19" },
	{ FOR_BOTH, "PORT=smtp", SMTP_XCLIENT_VALUE, "PORT=smtp" },
	{ FOR_BOTH, "PROTO=LMTPS", SMTP_XCLIENT_VALUE, "PROTO=LMTPS" },
	{ FOR_BOTH, "PROTO=ESMTPS", SMTP_XCLIENT_VALUE, "PROTO=ESMTPS" },
	{ SMTP_XCLIENT, "DESTADDR=2001:db8::1", SMTP_XCLIENT_VALUE, "DESTADDR=2001:db8::1" },
	{ SMTP_XCLIENT, "DESTADDR=IPV6:::", SMTP_XCLIENT_VALUE, "DESTADDR=IPV6:::" },
	{ SMTP_XCLIENT, "DESTPORT=65536", SMTP_XCLIENT_VALUE, "DESTPORT=65536" },
	{ SMTP_XFORWARD, "SOURCE=BOTH", SMTP_XCLIENT_VALUE, "SOURCE=BOTH" },
	{ FOR_BOTH, "HELO=a NAME=b PORT=x PROTO=SMTP", SMTP_XCLIENT_VALUE, "PORT=x" },
	/* twice */
	{ FOR_BOTH, "PORT=1 port=1", SMTP_XCLIENT_REPEATED, "port=1" },
	{ FOR_BOTH, "NAME=[UNAVAILABLE] HELO=b NAME=a", SMTP_XCLIENT_REPEATED, "NAME=a" },
	{ FOR_BOTH, "ADDR=192.0.2.1 ADDR=x", SMTP_XCLIENT_REPEATED, "ADDR=x" },
};

/* The bytes in a buffer of just their length, without a NUL: a read behind them is seen. */
static struct smtp_text exact(const char *bytes, size_t length)
{
	char *copy = malloc(length ? length : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, bytes, length);
	return (struct smtp_text){ copy, length };
}

static void release(struct smtp_text text)
{
	free((char *)(uintptr_t)text.bytes);
}

static void assert_address(const struct in6_addr *address, const char *expected)
{
	struct in6_addr other;

	ck_assert_int_eq(inet_pton(AF_INET6, expected, &other), 1);
	ck_assert_mem_eq(address, &other, sizeof(other));
}

/* Everything but the attributes of these bits is as if it had not been said. */
static void assert_absent(const struct smtp_xclient *xclient, unsigned but)
{
	for (unsigned i = 0; i < SMTP_XCLIENT_ATTRIBUTES; i++) {
		if (but & 1U << i)
			continue;
		ck_assert_int_eq(xclient->attributes[i].state, SMTP_XCLIENT_ABSENT);
		ck_assert_str_eq(xclient->attributes[i].text, "");
	}
}

static enum smtp_xclient_fault parse(const char *bytes, enum smtp_xclient_command command,
				     struct smtp_xclient *xclient, const char *expected_culprit)
{
	struct smtp_text text = exact(bytes, strlen(bytes)), culprit;
	enum smtp_xclient_fault fault;

	memset(xclient, 0x55, sizeof(*xclient));
	fault = smtp_xclient_parse(text, command, xclient, &culprit);
	ck_assert(culprit.bytes >= text.bytes &&
		  culprit.bytes + culprit.length <= text.bytes + text.length);
	ck_assert_uint_eq(culprit.length, strlen(expected_culprit));
	ck_assert_mem_eq(culprit.bytes, expected_culprit, culprit.length);
	release(text);
	return fault;
}

START_TEST(takes_valid)
{
	struct smtp_xclient xclient;

	for (unsigned command = SMTP_XCLIENT; command <= SMTP_XFORWARD; command++) {
		if (!(valid[_i].commands & command))
			continue;
		ck_assert_msg(parse(valid[_i].text, command, &xclient, "") == SMTP_XCLIENT_FINE,
			      "\"%s\"", valid[_i].text);
		ck_assert_int_eq(xclient.attributes[valid[_i].attribute].state, valid[_i].state);
		ck_assert_str_eq(xclient.attributes[valid[_i].attribute].text, valid[_i].value);
		assert_absent(&xclient, 1U << valid[_i].attribute);
	}
}
END_TEST

START_TEST(refuses_invalid)
{
	struct smtp_xclient xclient;

	for (unsigned command = SMTP_XCLIENT; command <= SMTP_XFORWARD; command++) {
		if (!(invalid[_i].commands & command))
			continue;
		ck_assert_msg(parse(invalid[_i].text, command, &xclient, invalid[_i].culprit) ==
				      invalid[_i].fault,
			      "\"%s\"", invalid[_i].text);
		assert_absent(&xclient, 0);
		assert_address(&xclient.address, "::");
		assert_address(&xclient.destination_address, "::");
		ck_assert_uint_eq(xclient.port, 0);
		ck_assert_uint_eq(xclient.destination_port, 0);
		ck_assert(!xclient.is_extended && !xclient.is_local);
	}
}
END_TEST

/* C-26: all that XCLIENT has, in one line. */
START_TEST(takes_all_of_xclient)
{
	struct smtp_xclient xclient;

	ck_assert_int_eq(parse("NAME=spike.example.org ADDR=192.0.2.7 PORT=1025 PROTO=ESMTP "
			       "HELO=spike LOGIN=alice DESTADDR=IPV6:2001:DB8::25 DESTPORT=65535",
			       SMTP_XCLIENT, &xclient, ""),
			 SMTP_XCLIENT_FINE);
	assert_absent(&xclient, ~(1U << SMTP_XCLIENT_IDENT | 1U << SMTP_XCLIENT_SOURCE));
	ck_assert_str_eq(xclient.attributes[SMTP_XCLIENT_NAME].text, "spike.example.org");
	ck_assert_str_eq(xclient.attributes[SMTP_XCLIENT_LOGIN].text, "alice");
	assert_address(&xclient.address, "::ffff:192.0.2.7");
	assert_address(&xclient.destination_address, "2001:db8::25");
	ck_assert_uint_eq(xclient.port, 1025);
	ck_assert_uint_eq(xclient.destination_port, 65535);
	ck_assert(xclient.is_extended);
	ck_assert(!xclient.is_local);
}
END_TEST

/* C-26: and all of XFORWARD, in another order. */
START_TEST(takes_all_of_xforward)
{
	struct smtp_xclient xclient;

	ck_assert_int_eq(parse("SOURCE=LOCAL IDENT=4Q0x HELO=[IPv6:::1] PROTO=SMTP PORT=7 "
			       "ADDR=IPV6:::FFFF:192.0.2.9 NAME=[TEMPUNAVAIL]",
			       SMTP_XFORWARD, &xclient, ""),
			 SMTP_XCLIENT_FINE);
	ck_assert_int_eq(xclient.attributes[SMTP_XCLIENT_NAME].state, SMTP_XCLIENT_TEMPORARY);
	ck_assert_str_eq(xclient.attributes[SMTP_XCLIENT_HELO].text, "[IPv6:::1]");
	ck_assert_str_eq(xclient.attributes[SMTP_XCLIENT_IDENT].text, "4Q0x");
	assert_address(&xclient.address, "::ffff:192.0.2.9");
	ck_assert_uint_eq(xclient.port, 7);
	ck_assert(!xclient.is_extended);
	ck_assert(xclient.is_local);
}
END_TEST

/* security.md 3: the bound counts decoded bytes, and is met exactly. */
START_TEST(limits_values)
{
	char text[6 + 3 * (SMTP_XCLIENT_VALUE_MAX + 1)] = "LOGIN=";
	struct smtp_text whole = { text, 6 + 3 * SMTP_XCLIENT_VALUE_MAX }, culprit;
	struct smtp_xclient xclient;

	for (size_t i = 6; i < sizeof(text); i += 3)
		memcpy(text + i, "+41", 3);
	ck_assert_int_eq(smtp_xclient_parse(whole, SMTP_XCLIENT, &xclient, &culprit),
			 SMTP_XCLIENT_FINE);
	ck_assert_uint_eq(strlen(xclient.attributes[SMTP_XCLIENT_LOGIN].text),
			  SMTP_XCLIENT_VALUE_MAX);
	whole.length = sizeof(text);
	ck_assert_int_eq(smtp_xclient_parse(whole, SMTP_XCLIENT, &xclient, &culprit),
			 SMTP_XCLIENT_VALUE);
	ck_assert_uint_eq(culprit.length, sizeof(text));
	assert_absent(&xclient, 0);
}
END_TEST

START_TEST(refuses_nul)
{
	static const char text[] = { 'L', 'O', 'G', 'I', 'N', '=', 'a', '\0', 'b' };
	struct smtp_text culprit;
	struct smtp_xclient xclient;

	ck_assert_int_eq(smtp_xclient_parse((struct smtp_text){ text, sizeof(text) }, SMTP_XCLIENT,
					    &xclient, &culprit),
			 SMTP_XCLIENT_VALUE);
}
END_TEST

/* The names that EHLO lists are those that are taken: each, and no more of them. */
static void check_keywords(enum smtp_xclient_command command, size_t expected)
{
	char names[128], argument[64];
	struct smtp_xclient xclient;
	size_t count = 0;

	strncpy(names, smtp_xclient_keywords(command), sizeof(names) - 1);
	names[sizeof(names) - 1] = '\0';
	for (char *at = names, *name; (name = strsep(&at, " ")) != NULL; count++) {
		snprintf(argument, sizeof(argument), "%s=[UNAVAILABLE]", name);
		ck_assert_int_eq(parse(argument, command, &xclient, ""), SMTP_XCLIENT_FINE);
	}
	ck_assert_uint_eq(count, expected);
}

START_TEST(lists_keywords)
{
	check_keywords(SMTP_XCLIENT, 8);
	check_keywords(SMTP_XFORWARD, 7);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("xclient");
	TCase *tests = tcase_create("xclient");

	tcase_add_loop_test(tests, takes_valid, 0, COUNT(valid));
	tcase_add_loop_test(tests, refuses_invalid, 0, COUNT(invalid));
	tcase_add_test(tests, takes_all_of_xclient);
	tcase_add_test(tests, takes_all_of_xforward);
	tcase_add_test(tests, limits_values);
	tcase_add_test(tests, refuses_nul);
	tcase_add_test(tests, lists_keywords);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
