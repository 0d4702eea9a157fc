/*
 * test_remember.c - what is remembered of messages whose 250 was not taken
 *
 * Covers A-13, B-05 (the bound), A-18 (it survives the process that writes it).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/remember/remember.h"
#include "tests/unit/runner.h"

#define WINDOW 1000
#define NOW 5000

static struct remember *remember;
static int descriptor;

static void reopen(void)
{
	struct problem problem = { "" };

	remember_close(remember);
	remember = remember_open(descriptor, WINDOW, &problem);
	ck_assert_msg(remember != NULL, "%s", problem.text);
}

static void set_up(void)
{
	struct problem problem = { "" };

	descriptor = remember_make(&problem);
	ck_assert_msg(descriptor >= 0, "%s", problem.text);
	remember = NULL;
	reopen();
}

static void tear_down(void)
{
	remember_close(remember);
	close(descriptor);
}

static const struct remember_owner *owner(uint32_t serial, uint64_t handle)
{
	static struct remember_owner made[8];
	static unsigned at;

	at = (at + 1) % 8;
	made[at] = (struct remember_owner){ serial, handle };
	return &made[at];
}

static struct siphash_value key(uint64_t number)
{
	return (struct siphash_value){ number * 0x9e3779b97f4a7c15, number };
}

static void add(const struct remember_owner *whose, uint64_t number, const char *id)
{
	const struct siphash_value value = key(number);

	remember_add(remember, NOW, whose, &value, id, false);
}

/* Whether the message of that key is taken for a second one, and of which. */
static const char *take_at(int64_t now, uint64_t number, const struct remember_owner *whose)
{
	static char id[MESSAGE_ID_SIZE];
	const struct siphash_value value = key(number);

	return remember_take(remember, now, &value, whose, id) ? id : "";
}

static const char *take(uint64_t number, const struct remember_owner *whose)
{
	return take_at(NOW, number, whose);
}

START_TEST(only_what_was_lost)
{
	add(owner(1, 1), 7, "s-1");
	ck_assert_str_eq(take(7, owner(1, 2)), "");
	remember_replied(remember, owner(1, 1), false);
	ck_assert_str_eq(take(8, owner(1, 2)), "");
	ck_assert_str_eq(take(7, owner(1, 2)), "s-1");
	/* It is the other's now, whose session lives. */
	ck_assert_str_eq(take(7, owner(1, 3)), "");
	remember_replied(remember, owner(1, 1), false);
	ck_assert_str_eq(take(7, owner(1, 3)), "");
	remember_replied(remember, owner(1, 2), false);
	ck_assert_str_eq(take(7, owner(1, 3)), "s-1");
}
END_TEST

START_TEST(what_was_taken_is_forgotten)
{
	add(owner(1, 1), 7, "s-1");
	remember_replied(remember, owner(1, 1), true);
	ck_assert_uint_eq(remember_count(remember), 0);
	remember_replied(remember, owner(1, 1), false);
	ck_assert_str_eq(take(7, owner(1, 2)), "");
}
END_TEST

START_TEST(both_halves_of_the_key_count)
{
	struct siphash_value value = key(7);
	char id[MESSAGE_ID_SIZE];

	remember_add(remember, NOW, owner(1, 1), &value, "s-1", true);
	value.high++;
	ck_assert(!remember_take(remember, NOW, &value, owner(1, 2), id));
	value.high--;
	value.low += REMEMBER_ENTRIES;
	ck_assert(!remember_take(remember, NOW, &value, owner(1, 2), id));
	value.low -= REMEMBER_ENTRIES;
	ck_assert(remember_take(remember, NOW, &value, owner(1, 2), id));
}
END_TEST

START_TEST(two_of_one_key)
{
	add(owner(1, 1), 7, "s-1");
	add(owner(1, 2), 7, "s-2");
	remember_replied(remember, owner(1, 1), false);
	ck_assert_str_eq(take(7, owner(1, 3)), "s-1");
	ck_assert_str_eq(take(7, owner(1, 4)), "");
	remember_replied(remember, owner(1, 2), false);
	ck_assert_str_eq(take(7, owner(1, 4)), "s-2");
}
END_TEST

START_TEST(sent_again_by_its_own_worker)
{
	add(owner(1, 1), 7, "s-1");
	ck_assert(remember_has(remember, owner(1, 1), "s-1"));
	ck_assert(!remember_has(remember, owner(1, 1), "s-2"));
	ck_assert(!remember_has(remember, owner(2, 1), "s-1"));
	/* One that was a second copy itself has another's id. */
	ck_assert_str_eq(take(7, owner(1, 1)), "s-1");
	add(owner(1, 1), 8, "s-1");
	ck_assert_uint_eq(remember_count(remember), 1);
}
END_TEST

START_TEST(a_worker_ends)
{
	add(owner(1, 1), 7, "s-1");
	add(owner(2, 1), 8, "s-2");
	remember_ended(remember, 1);
	ck_assert_str_eq(take(8, owner(3, 1)), "");
	ck_assert_str_eq(take(7, owner(3, 1)), "s-1");
}
END_TEST

START_TEST(delivery_ends)
{
	add(owner(1, 1), 1, "s-1");
	add(owner(2, 1), 2, "s-2");
	add(owner(3, 1), 3, "s-3");
	remember_replied(remember, owner(3, 1), false);
	reopen();
	ck_assert_uint_eq(remember_count(remember), 3);
	ck_assert_str_eq(take(3, owner(4, 1)), "s-3");
	ck_assert_str_eq(take(1, owner(4, 2)), "");
	remember_lives(remember, 2);
	remember_ended(remember, 0);
	ck_assert_str_eq(take(2, owner(4, 2)), "");
	ck_assert_str_eq(take(1, owner(4, 2)), "s-1");
	remember_replied(remember, owner(2, 1), true);
	ck_assert_uint_eq(remember_count(remember), 2);
}
END_TEST

START_TEST(the_window)
{
	add(owner(1, 1), 7, "s-1");
	remember_ended(remember, 1);
	ck_assert_str_eq(take_at(NOW + WINDOW, 7, owner(2, 1)), "");
	ck_assert_str_eq(take_at(NOW + WINDOW - 1, 7, owner(2, 1)), "s-1");
	/* It begins anew with each try. */
	remember_ended(remember, 2);
	ck_assert_str_eq(take_at(NOW + 2 * WINDOW - 2, 7, owner(3, 1)), "s-1");
}
END_TEST

START_TEST(what_is_too_old_gives_its_place_back)
{
	const struct siphash_value value = key(2);

	add(owner(1, 1), 1, "s-1");
	remember_add(remember, NOW + WINDOW, owner(1, 2), &value, "s-2", false);
	ck_assert_uint_eq(remember_count(remember), 1);
}
END_TEST

START_TEST(the_oldest_goes_when_it_is_full)
{
	enum { MORE = 10 };

	for (uint64_t i = 0; i < REMEMBER_ENTRIES + MORE; i++)
		add(owner(1, i), i, "s-1");
	ck_assert_uint_eq(remember_count(remember), REMEMBER_ENTRIES);
	remember_ended(remember, 1);
	reopen();
	ck_assert_uint_eq(remember_count(remember), REMEMBER_ENTRIES);
	for (uint64_t i = 0; i < REMEMBER_ENTRIES + MORE; i++)
		ck_assert_str_eq(take(i, owner(2, i)), i < MORE ? "" : "s-1");
	for (uint64_t i = 0; i < REMEMBER_ENTRIES + MORE; i++)
		remember_replied(remember, owner(2, i), true);
	ck_assert_uint_eq(remember_count(remember), 0);
	add(owner(1, 1), 1, "s-1");
	ck_assert_uint_eq(remember_count(remember), 1);
}
END_TEST

/* ---- what a process that was killed, or the memory itself, may have left ---- */

static uint8_t *map(size_t *size)
{
	struct stat status;
	void *bytes;

	ck_assert_int_eq(fstat(descriptor, &status), 0);
	*size = (size_t)status.st_size;
	bytes = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
	ck_assert_ptr_ne(bytes, MAP_FAILED);
	return bytes;
}

static void use(void)
{
	for (uint64_t i = 0; i < 64; i++) {
		take(i, owner(9, i));
		add(owner(8, i), i, "s-1");
		remember_replied(remember, owner(1, i), i % 2);
	}
	remember_ended(remember, 0);
	remember_lives(remember, 1);
}

/* Any byte of it may be anything: nothing is used as an index or a size. */
START_TEST(any_bytes)
{
	unsigned seed = 1;
	size_t size;
	uint8_t *bytes = map(&size);

	for (int round = 0; round < 200; round++) {
		for (uint64_t i = 0; i < 32; i++)
			add(owner(1, i), i, "s-1");
		for (int i = 0; i < 40; i++)
			bytes[(size_t)rand_r(&seed) % 2400] = (uint8_t)rand_r(&seed);
		reopen();
		use();
		reopen();
	}
	munmap(bytes, size);
}
END_TEST

/* An entry whose state is not there yet, whatever the rest of it says, is none. */
START_TEST(an_entry_that_was_being_written)
{
	const char id[] = "torn-entry";
	size_t size;
	uint8_t *bytes = map(&size);
	uint8_t *place;

	add(owner(1, 1), 7, id);
	remember_ended(remember, 1);
	place = memmem(bytes, size, id, sizeof(id));
	ck_assert_ptr_nonnull(place);
	memset(place - 40, 0, 4); /* the state: the first of the entry */
	reopen();
	ck_assert_uint_eq(remember_count(remember), 0);
	ck_assert_str_eq(take(7, owner(2, 1)), "");
	munmap(bytes, size);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("remember");
	TCase *tests = tcase_create("remember");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, only_what_was_lost);
	tcase_add_test(tests, what_was_taken_is_forgotten);
	tcase_add_test(tests, both_halves_of_the_key_count);
	tcase_add_test(tests, two_of_one_key);
	tcase_add_test(tests, sent_again_by_its_own_worker);
	tcase_add_test(tests, a_worker_ends);
	tcase_add_test(tests, delivery_ends);
	tcase_add_test(tests, the_window);
	tcase_add_test(tests, what_is_too_old_gives_its_place_back);
	tcase_add_test(tests, the_oldest_goes_when_it_is_full);
	tcase_add_test(tests, any_bytes);
	tcase_add_test(tests, an_entry_that_was_being_written);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
