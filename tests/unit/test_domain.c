/*
 * test_domain.c - domains, literals, names
 *
 * Runs in: the tests.  Privilege: none.
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/address.h"
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
	const char *text;
	bool valid;
} domains[] = {
	{ "example.org", true },
	{ "a", true },
	{ "a.b.c.d.e", true },
	{ "1.2.3.4", true },
	{ "3com.example", true },
	{ "x-y", true },
	{ "\xC3\xBC", true },
	{ "b\xC3\xBC"
	  "cher.example",
	  true },
	{ "", false },
	{ ".", false },
	{ "a.", false },
	{ ".a", false },
	{ "a..b", false },
	{ "-a", false },
	{ "a-", false },
	{ "a.-b", false },
	{ "a-.b", false },
	{ "-", false },
	{ "a_b", false },
	{ "a b", false },
	{ "a/b", false },
	{ "a@b", false },
	{ "[192.0.2.1]", false },
	{ "\xC3", false },
	{ "b\xFC"
	  "cher",
	  false },
	{ "a.\xC0\xAE.b", false },
	{ "\xC3.\xBC", false }, /* well-formed only across the dot: not at all */
};

/* domains of RFC 5321 4.1.2. */
START_TEST(checks_domains)
{
	struct smtp_text text = exact(domains[_i].text, strlen(domains[_i].text));

	ck_assert_int_eq(smtp_domain_is_valid(text), domains[_i].valid);
	release(text);
}
END_TEST

/* RFC 1035 2.3.4: 63 bytes for a label, 255 for all. */
START_TEST(limits_labels)
{
	char text[300];

	memset(text, 'a', sizeof(text));
	ck_assert(smtp_domain_is_valid((struct smtp_text){ text, 63 }));
	ck_assert(!smtp_domain_is_valid((struct smtp_text){ text, 64 }));
	text[63] = '.';
	ck_assert(smtp_domain_is_valid((struct smtp_text){ text, 127 }));
	ck_assert(!smtp_domain_is_valid((struct smtp_text){ text, 128 }));
	text[127] = text[191] = text[250] = '.';
	ck_assert(smtp_domain_is_valid((struct smtp_text){ text, 255 }));
	ck_assert(!smtp_domain_is_valid((struct smtp_text){ text, 256 }));
}
END_TEST

static const struct {
	const char *text;
	bool valid;
} literals[] = {
	{ "[192.0.2.1]", true },
	{ "[0.0.0.0]", true },
	{ "[255.255.255.255]", true },
	{ "[IPv6:2001:db8::1]", true },
	{ "[ipv6:2001:DB8::1]", true },
	{ "[IPv6:::]", true },
	{ "[IPv6:::1]", true },
	{ "[IPv6:1:2:3:4:5:6:7:8]", true },
	{ "[IPv6:1111:2222:3333:4444:5555:6666:7777:8888]", true },
	{ "[IPv6:::ffff:192.0.2.1]", true },
	{ "[IPv6:1111:2222:3333:4444:5555:6666:255.255.255.255]", true },
	{ "", false },
	{ "[", false },
	{ "]", false },
	{ "[]", false },
	{ "192.0.2.1", false },
	{ "[192.0.2.1", false },
	{ "192.0.2.1]", false },
	{ "[192.0.2]", false },
	{ "[192.0.2.1.5]", false },
	{ "[192.0.2.256]", false },
	{ "[192.0.2.-1]", false },
	{ "[192.0.2.1 ]", false },
	{ "[ 192.0.2.1]", false },
	{ "[0xC0.0.2.1]", false },
	{ "[3221225985]", false },
	{ "[::1]", false }, /* without its tag */
	{ "[2001:db8::1]", false },
	{ "[IPv6:]", false },
	{ "[IPv6]", false },
	{ "[IPv4:192.0.2.1]", false },
	{ "[IPv6:192.0.2.1]", false },
	{ "[IPv6: ::1]", false },
	{ "[IPv6:::1%lo]", false },
	{ "[IPv6:fe80::1%25eth0]", false },
	{ "[IPv6:1:2:3:4:5:6:7]", false },
	{ "[IPv6:1:2:3:4:5:6:7:8:9]", false },
	{ "[IPv6:1::2::3]", false },
	{ "[IPv6:12345::]", false },
	{ "[IPv6:g::]", false },
	{ "[IPv6:2001:db8::1", false },
	{ "[IPv6:1111:2222:3333:4444:5555:6666:255.255.255.2555]", false },
	{ "[IPv6:0000000000000000000000000000000000000000000000000000::1]", false },
	{ "[X400:c=xx]", false }, /* General-address-literal */
	{ "[[192.0.2.1]]", false },
};

/* RFC 5321 4.1.3. */
START_TEST(checks_literals)
{
	struct smtp_text text = exact(literals[_i].text, strlen(literals[_i].text));

	ck_assert_int_eq(smtp_literal_is_valid(text), literals[_i].valid);
	release(text);
}
END_TEST

static const struct {
	const char *text;
	bool acceptable;
} names[] = {
	{ "mx.example.org", true },
	{ "localhost", true },
	{ "my_host", true },
	{ "host.example.org.", true },
	{ "-x-", true },
	{ "192.0.2.1", true },
	{ "2001:db8::1", true },
	{ "[192.0.2.1]", true },
	{ "[IPv6:2001:db8::1]", true },
	{ "a%b!c#d/e", true },
	{ "", false },
	{ " ", false },
	{ "a b", false },
	{ "[192.0.2.300]", false },
	{ "[]", false },
	{ "[192.0.2.1] x", false },
	{ "a[192.0.2.1]", false },
	{ "a(b)", false },
	{ "a<b>", false },
	{ "a{b}", false },
	{ "a\"b", false },
	{ "a'b", false },
	{ "a`b", false },
	{ "a\\b", false },
	{ "a;b", false },
	{ "a,b", false },
	{ "a@b", false },
	{ "a\tb", false },
	{ "a\nb", false },
	{ "a\rb", false },
	{ "a\x1B[31m", false },
	{ "a\x7F", false },
	{ "\xC3\xBC", false },
	{ "a\xFF", false },
};

/* D-26, B-21; security.md 2: the name of HELO can do no harm in the log or in Received. */
START_TEST(checks_names)
{
	struct smtp_text text = exact(names[_i].text, strlen(names[_i].text));

	ck_assert_int_eq(smtp_helo_is_acceptable(text), names[_i].acceptable);
	release(text);
}
END_TEST

/* The same: NUL, and the longest name. */
START_TEST(limits_names)
{
	char text[256];

	memset(text, 'a', sizeof(text));
	ck_assert(smtp_helo_is_acceptable((struct smtp_text){ text, 255 }));
	ck_assert(!smtp_helo_is_acceptable((struct smtp_text){ text, 256 }));
	ck_assert(!smtp_helo_is_acceptable((struct smtp_text){ "a\0b", 3 }));
	ck_assert(!smtp_helo_is_acceptable((struct smtp_text){ "[1.2.3.4\0]", 10 }));
	ck_assert(!smtp_domain_is_valid((struct smtp_text){ "a\0b", 3 }));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, checks_domains, 0, COUNT(domains));
	tcase_add_test(tests, limits_labels);
	tcase_add_loop_test(tests, checks_literals, 0, COUNT(literals));
	tcase_add_loop_test(tests, checks_names, 0, COUNT(names));
	tcase_add_test(tests, limits_names);
}

int main(void)
{
	Suite *suite = suite_create("domain");
	TCase *tests = tcase_create("domain");

	add_tests(tests);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
