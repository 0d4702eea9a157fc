/*
 * test_scoreboard.c - counts of sessions that workers share
 *
 * Covers B-05, B-49 (limits for all sessions and for each address).
 */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/scoreboard/scoreboard.h"
#include "tests/unit/runner.h"

static struct scoreboard *board;

static void make_board(void)
{
	struct problem problem;
	int descriptor = scoreboard_make(&problem);

	ck_assert_int_ge(descriptor, 0);
	board = scoreboard_map(descriptor, &problem);
	ck_assert_ptr_nonnull(board);
	close(descriptor);
}

static struct in6_addr address(const char *text)
{
	struct in6_addr parsed;

	ck_assert_int_eq(inet_pton(AF_INET6, text, &parsed), 1);
	return parsed;
}

START_TEST(an_address_is_counted_over_all_workers)
{
	struct in6_addr one = address("::ffff:192.0.2.1"), other = address("::ffff:192.0.2.2");
	size_t first = (size_t)scoreboard_take(board, 10),
	       second = (size_t)scoreboard_take(board, 10);

	ck_assert_uint_ne(first, second);
	scoreboard_opened(board, first, &one);
	scoreboard_opened(board, second, &one);
	scoreboard_opened(board, second, &one);
	ck_assert_uint_eq(scoreboard_from(board, &one), 3);
	ck_assert_uint_eq(scoreboard_from(board, &other), 0);
	scoreboard_closed(board, second, &one);
	ck_assert_uint_eq(scoreboard_from(board, &one), 2);
}
END_TEST

START_TEST(what_a_dead_worker_had_is_gone)
{
	struct in6_addr one = address("::ffff:192.0.2.1");
	size_t first = (size_t)scoreboard_take(board, 10),
	       second = (size_t)scoreboard_take(board, 10);

	scoreboard_opened(board, first, &one);
	scoreboard_opened(board, second, &one);
	scoreboard_release(board, first);
	ck_assert_uint_eq(scoreboard_from(board, &one), 1);
	ck_assert_int_eq(scoreboard_take(board, 10), (int)first);
	ck_assert_uint_eq(scoreboard_from(board, &one), 1);
}
END_TEST

START_TEST(ipv6_is_counted_by_network)
{
	struct in6_addr one = address("2001:db8:1:1::1"), near = address("2001:db8:1:1:ffff::2"),
			far = address("2001:db8:1:2::1");
	size_t slot = (size_t)scoreboard_take(board, 10);

	scoreboard_opened(board, slot, &one);
	ck_assert_uint_eq(scoreboard_from(board, &near), 1);
	ck_assert_uint_eq(scoreboard_from(board, &far), 0);
}
END_TEST

/* A mail system on this host hands over as much as it likes, and :: is in the /64 of ::1. */
START_TEST(a_client_without_an_address_is_not_counted_by_address)
{
	struct in6_addr unix_client = address("::"), loopback = address("::1");
	size_t first = (size_t)scoreboard_take(board, 2),
	       second = (size_t)scoreboard_take(board, 10);

	scoreboard_opened(board, first, &unix_client);
	scoreboard_opened(board, first, &unix_client);
	ck_assert_uint_eq(scoreboard_from(board, &unix_client), 0);
	ck_assert_uint_eq(scoreboard_from(board, &loopback), 0);
	ck_assert(!scoreboard_room_elsewhere(board, second));
	scoreboard_opened(board, first, &loopback);
	ck_assert_uint_eq(scoreboard_from(board, &unix_client), 0);
	scoreboard_closed(board, first, &unix_client);
	scoreboard_closed(board, first, &unix_client);
	ck_assert_uint_eq(scoreboard_from(board, &loopback), 1);
	ck_assert(scoreboard_room_elsewhere(board, second));
}
END_TEST

/* How many of a thousand neighbours are taken for more than one session, with new keys. */
static size_t count_wrong(void)
{
	struct in6_addr client = address("::ffff:10.0.0.0");
	size_t slot, wrong = 0;

	make_board();
	slot = (size_t)scoreboard_take(board, 10);
	for (unsigned i = 0; i < 1000; i++) {
		client.s6_addr[14] = (uint8_t)(i >> 8);
		client.s6_addr[15] = (uint8_t)i;
		scoreboard_opened(board, slot, &client);
	}
	for (unsigned i = 0; i < 1000; i++) {
		client.s6_addr[14] = (uint8_t)(i >> 8);
		client.s6_addr[15] = (uint8_t)i;
		ck_assert_uint_ge(scoreboard_from(board, &client), 1);
		wrong += scoreboard_from(board, &client) > 1;
	}
	return wrong;
}

/*
 * Expected are 13: the share of others in one of 8192 buckets, squared, of a
 * thousand. Whatever the keys, which are random: a hash that is weak for some
 * shows within a hundred.
 */
START_TEST(a_thousand_addresses_stay_apart)
{
	for (int i = 0; i < 100; i++)
		ck_assert_uint_lt(count_wrong(), 100);
}
END_TEST

START_TEST(room_elsewhere)
{
	struct in6_addr client = address("::ffff:192.0.2.1");
	size_t first = (size_t)scoreboard_take(board, 1),
	       second = (size_t)scoreboard_take(board, 1);

	ck_assert(scoreboard_room_elsewhere(board, first));
	scoreboard_opened(board, second, &client);
	ck_assert(!scoreboard_room_elsewhere(board, first));
	scoreboard_closed(board, second, &client);
	ck_assert(scoreboard_room_elsewhere(board, first));
	scoreboard_draining(board, second);
	ck_assert(!scoreboard_room_elsewhere(board, first));
}
END_TEST

START_TEST(slots_run_out)
{
	for (int i = 0; i < SCOREBOARD_SLOTS; i++)
		ck_assert_int_ge(scoreboard_take(board, 1), 0);
	ck_assert_int_eq(scoreboard_take(board, 1), -1);
	scoreboard_release(board, 7);
	ck_assert_int_eq(scoreboard_take(board, 1), 7);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("scoreboard");
	TCase *test = tcase_create("scoreboard");

	tcase_add_checked_fixture(test, make_board, NULL);
	tcase_add_test(test, an_address_is_counted_over_all_workers);
	tcase_add_test(test, what_a_dead_worker_had_is_gone);
	tcase_add_test(test, ipv6_is_counted_by_network);
	tcase_add_test(test, a_client_without_an_address_is_not_counted_by_address);
	tcase_add_test(test, a_thousand_addresses_stay_apart);
	tcase_add_test(test, room_elsewhere);
	tcase_add_test(test, slots_run_out);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
