/*
 * test_network.c - lists of networks
 *
 * Covers C-25, C-26.
 * Runs in: the tests.  Privilege: none.
 */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/network/network.h"
#include "tests/unit/runner.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static struct in6_addr address_of(const char *text)
{
	struct in6_addr address;

	ck_assert_msg(inet_pton(AF_INET6, text, &address) == 1, "%s", text);
	return address;
}

static struct network network_of(const char *text)
{
	struct network network;
	struct problem problem = { "" };

	ck_assert_msg(network_parse(text, &network, &problem), "%s: %s", text, problem.text);
	return network;
}

static const struct {
	const char *text, *address;
	unsigned prefix;
} valid[] = {
	{ "192.0.2.0/24", "::ffff:192.0.2.0", 120 },
	{ "192.0.2.1", "::ffff:192.0.2.1", 128 },
	{ "192.0.2.1/32", "::ffff:192.0.2.1", 128 },
	{ "192.0.2.254/31", "::ffff:192.0.2.254", 127 },
	{ "128.0.0.0/1", "::ffff:128.0.0.0", 97 },
	{ "0.0.0.0/0", "::ffff:0.0.0.0", 96 },
	{ "0.0.0.0", "::ffff:0.0.0.0", 128 },
	{ "::ffff:192.0.2.0/120", "::ffff:192.0.2.0", 120 },
	{ "::ffff:0:0/96", "::ffff:0.0.0.0", 96 },
	{ "2001:db8::/32", "2001:db8::", 32 },
	{ "2001:DB8:0:0::/32", "2001:db8::", 32 },
	{ "2001:db8::1", "2001:db8::1", 128 },
	{ "2001:db8::1/128", "2001:db8::1", 128 },
	{ "8000::/1", "8000::", 1 },
	{ "fe80::/10", "fe80::", 10 },
	{ "1:2:3:4:5:6:255.255.255.255", "1:2:3:4:5:6:ffff:ffff", 128 },
	{ "::1", "::1", 128 },
	{ "::/0", "::", 0 },
	{ "unix", "::", 128 },
	{ "::", "::", 128 },
};

START_TEST(reads)
{
	struct network network = network_of(valid[_i].text);
	struct in6_addr address = address_of(valid[_i].address);

	ck_assert_mem_eq(&network.address, &address, sizeof(address));
	ck_assert_uint_eq(network.prefix, valid[_i].prefix);
}
END_TEST

static const struct {
	const char *text, *problem;
} invalid[] = {
	{ "",
	  "\"\" is not a network; write it like 192.0.2.0/24, 2001:db8::/32, 192.0.2.1 or unix" },
	{ "/", "is not a network" },
	{ "/24", "is not a network" },
	{ "unix/0", "is not a network" },
	{ "Unix", "is not a network" },
	{ "*", "is not a network" },
	{ "localhost", "is not a network" },
	{ "192.0.2", "is not a network" },
	{ "192.0.2.", "is not a network" },
	{ "192.0.2.0.0/24", "is not a network" },
	{ "192.0.2.256", "is not a network" },
	{ "192.0.02.0/24", "is not a network" },
	{ " 192.0.2.0/24", "is not a network" },
	{ "192.0.2.0/24 ", "is not a network" },
	{ "192.0.2.0 /24", "is not a network" },
	{ "192.0.2.0/", "is not a network" },
	{ "192.0.2.0/+24", "is not a network" },
	{ "192.0.2.0/-1", "is not a network" },
	{ "192.0.2.0/024", "is not a network" },
	{ "192.0.2.0/00", "is not a network" },
	{ "192.0.2.0/2x", "is not a network" },
	{ "192.0.2.0/24/24", "is not a network" },
	{ "192.0.2.0/255.255.255.0", "is not a network" },
	{ "192.0.2.0/4294967296", "is not a network" },
	{ "192.0.2.0/33", "192.0.2.0/33: a prefix of IPv4 has 32 bits at most" },
	{ "192.0.2.0/128", "a prefix of IPv4 has 32 bits at most" },
	{ "2001:db8::/129", "2001:db8::/129: a prefix of IPv6 has 128 bits at most" },
	{ "2001:db8::/999", "a prefix of IPv6 has 128 bits at most" },
	{ "[2001:db8::1]", "is not a network" },
	{ "2001:db8::1%lo", "is not a network" },
	{ "2001:db8:::/32", "is not a network" },
	{ "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/32", "is not a network" },
	{ "192.0.2.1/24", "192.0.2.1/24 has bits set behind its prefix; write 192.0.2.0/24" },
	{ "192.0.2.129/25", "has bits set behind its prefix; write 192.0.2.128/25" },
	{ "192.0.2.1/31", "has bits set behind its prefix; write 192.0.2.0/31" },
	{ "192.0.2.1/0", "has bits set behind its prefix; write 0.0.0.0/0" },
	{ "::ffff:192.0.2.1/120", "has bits set behind its prefix; write 192.0.2.0/24" },
	{ "2001:db8::1/32", "has bits set behind its prefix; write 2001:db8::/32" },
	{ "2001:db8:ffff::/47", "has bits set behind its prefix; write 2001:db8:fffe::/47" },
	{ "::1/0", "has bits set behind its prefix; write ::/0" },
	{ "::1/127", "has bits set behind its prefix; write ::/127" },
};

START_TEST(refuses)
{
	struct network network;
	struct problem problem = { "" };

	ck_assert_msg(!network_parse(invalid[_i].text, &network, &problem), "\"%s\"",
		      invalid[_i].text);
	ck_assert_msg(strstr(problem.text, invalid[_i].problem), "\"%s\" is not in \"%s\"",
		      invalid[_i].problem, problem.text);
}
END_TEST

static const struct {
	const char *network, *address;
	bool contained;
} pairs[] = {
	{ "192.0.2.0/24", "::ffff:192.0.2.0", true },
	{ "192.0.2.0/24", "::ffff:192.0.2.255", true },
	{ "192.0.2.0/24", "::ffff:192.0.3.0", false },
	{ "192.0.2.0/24", "::ffff:192.0.1.255", false },
	{ "192.0.2.0/23", "::ffff:192.0.3.255", true },
	{ "192.0.2.4/30", "::ffff:192.0.2.7", true },
	{ "192.0.2.4/30", "::ffff:192.0.2.8", false },
	{ "192.0.2.4/30", "::ffff:192.0.2.3", false },
	{ "128.0.0.0/1", "::ffff:255.255.255.255", true },
	{ "128.0.0.0/1", "::ffff:127.255.255.255", false },
	{ "192.0.2.1", "::ffff:192.0.2.1", true },
	{ "192.0.2.1", "::ffff:192.0.2.2", false },
	{ "2001:db8::/32", "2001:db8:ffff::1", true },
	{ "2001:db8::/32", "2001:db9::", false },
	{ "2001:db8::/29", "2001:dbf::1", true },
	{ "2001:db8::/29", "2001:dc0::", false },
	{ "2001:db8::1", "2001:db8::1", true },
	{ "2001:db8::1", "2001:db8::3", false },
	{ "8000::/1", "ffff::", true },
	{ "8000::/1", "7fff::", false },
	/* the same bytes in the other family */
	{ "192.0.2.0/24", "::192.0.2.1", false },
	{ "192.0.2.0/24", "2001:db8::192.0.2.1", false },
	/* all of one family and nothing else */
	{ "0.0.0.0/0", "::ffff:192.0.2.1", true },
	{ "0.0.0.0/0", "::ffff:0.0.0.0", true },
	{ "0.0.0.0/0", "::1", false },
	{ "0.0.0.0/0", "2001:db8::1", false },
	{ "0.0.0.0/0", "::", false },
	{ "0.0.0.0/0", "::fffe:192.0.2.1", false },
	{ "::/0", "2001:db8::1", true },
	{ "::/0", "::1", true },
	{ "::/0", "::fffe:192.0.2.1", true },
	{ "::/0", "::ffff:192.0.2.1", false },
	{ "::/0", "::", false },
	{ "::/80", "::ffff:192.0.2.1", false },
	{ "::/80", "::1", true },
	{ "::/127", "::1", true },
	{ "::/127", "::", false },
	{ "0.0.0.0", "::ffff:0.0.0.0", true },
	{ "0.0.0.0", "::", false },
	/* clients of unix sockets */
	{ "unix", "::", true },
	{ "unix", "::1", false },
	{ "unix", "::ffff:0.0.0.0", false },
	{ "unix", "::ffff:127.0.0.1", false },
};

START_TEST(contains)
{
	struct network network = network_of(pairs[_i].network);
	struct in6_addr address = address_of(pairs[_i].address);

	ck_assert_msg(network_contains(&network, &address) == pairs[_i].contained, "%s in %s",
		      pairs[_i].address, pairs[_i].network);
}
END_TEST

/* For every prefix the last bit within it counts, and the first behind it does not. */
START_TEST(counts_each_bit)
{
	struct network network = { address_of("5555:5555:5555:5555:5555:5555:5555:5555"), 0 };

	for (network.prefix = 0; network.prefix <= 128; network.prefix++) {
		struct in6_addr within = network.address, behind = network.address;
		unsigned prefix = network.prefix;

		if (prefix > 0)
			within.s6_addr[(prefix - 1) / 8] ^= (uint8_t)(0x80 >> (prefix - 1) % 8);
		if (prefix < 128)
			behind.s6_addr[prefix / 8] ^= (uint8_t)(0x80 >> prefix % 8);
		ck_assert_int_eq(network_contains(&network, &within), prefix == 0);
		ck_assert(network_contains(&network, &behind));
	}
}
END_TEST

START_TEST(reads_lists)
{
	char *items[] = { (char[]){ "192.0.2.0/24" }, (char[]){ "unix" },
			  (char[]){ "2001:db8::/32" } };
	struct text_list texts = { items, 3 };
	struct in6_addr ipv4 = address_of("::ffff:192.0.2.9"), ipv6 = address_of("2001:db8::9");
	struct in6_addr client_of_unix = address_of("::"), other = address_of("::1");
	struct network *networks;
	struct problem problem;

	ck_assert(networks_parse(&texts, &networks, &problem));
	ck_assert(networks_contain(networks, 3, &ipv4));
	ck_assert(networks_contain(networks, 3, &ipv6));
	ck_assert(networks_contain(networks, 3, &client_of_unix));
	ck_assert(!networks_contain(networks, 3, &other));
	ck_assert(!networks_contain(networks, 2, &ipv6));
	ck_assert(!networks_contain(networks, 0, &ipv4));
	free(networks);
}
END_TEST

START_TEST(an_empty_list_contains_nothing)
{
	struct text_list texts = { NULL, 0 };
	struct in6_addr address = address_of("::");
	struct network *networks = (struct network *)&texts;
	struct problem problem;

	ck_assert(networks_parse(&texts, &networks, &problem));
	ck_assert_ptr_null(networks);
	ck_assert(!networks_contain(networks, 0, &address));
}
END_TEST

START_TEST(refuses_lists)
{
	char *items[] = { (char[]){ "192.0.2.0/24" }, (char[]){ "192.0.2.1/24" } };
	struct text_list texts = { items, 2 };
	struct network *networks = (struct network *)&texts;
	struct problem problem;

	ck_assert(!networks_parse(&texts, &networks, &problem));
	ck_assert_ptr_null(networks);
	ck_assert_str_eq(problem.text,
			 "192.0.2.1/24 has bits set behind its prefix; write 192.0.2.0/24");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("network");
	TCase *tests = tcase_create("network");

	tcase_add_loop_test(tests, reads, 0, COUNT(valid));
	tcase_add_loop_test(tests, refuses, 0, COUNT(invalid));
	tcase_add_loop_test(tests, contains, 0, COUNT(pairs));
	tcase_add_test(tests, counts_each_bit);
	tcase_add_test(tests, reads_lists);
	tcase_add_test(tests, an_empty_list_contains_nothing);
	tcase_add_test(tests, refuses_lists);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
