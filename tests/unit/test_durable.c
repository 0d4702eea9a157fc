/*
 * test_durable.c - fsync of each file or one syncfs: which way is taken at which costs
 *
 * That every file is made durable, and errors: test_commit_faults.c.
 */
#include <check.h>
#include <string.h>

#include "delivery/durable.h"
#include "tests/unit/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LONG 1000 /* a rest that is not over */

/* ---- a table of costs and the choice ---- */

static const struct {
	size_t count;
	int64_t each, all; /* microseconds: mean costs; 0: never measured */
	int64_t each_rest, all_rest;
	enum durable_way way;
} choices[] = {
	/* one file is always fsynced */
	{ 1, 20000, 1, LONG, 0, DURABLE_EACH },
	{ 1, 0, 0, 0, 0, DURABLE_EACH },
	/* a disk that flushes in one time whatever it flushes */
	{ 2, 20000, 20000, LONG, 0, DURABLE_ALL },
	{ 2, 100, 100, LONG, 0, DURABLE_ALL },
	{ 128, 20000, 20000, LONG, 0, DURABLE_ALL },
	/* one whose syncfs costs as much as three fsyncs */
	{ 2, 250, 750, 0, LONG, DURABLE_EACH },
	{ 3, 250, 750, 0, LONG, DURABLE_EACH },
	{ 4, 250, 750, LONG, 0, DURABLE_ALL },
	{ 64, 250, 5000, LONG, 0, DURABLE_ALL },
	/* another program writes: syncfs has become dear, until its rest is over */
	{ 64, 250, 900000, 0, LONG, DURABLE_EACH },
	{ 64, 250, 900000, 0, 1, DURABLE_EACH },
	{ 64, 250, 900000, 0, 0, DURABLE_ALL },
	/* fsync is tried again where that costs little */
	{ 2, 250, 400, 0, 0, DURABLE_EACH },
	{ 2, 250, 250, 0, 0, DURABLE_EACH },
	{ 2, 250, 249, 0, 0, DURABLE_ALL },
	{ 2, 250, 400, 1, 0, DURABLE_ALL },
	{ 3, 250, 250, 0, 0, DURABLE_ALL },
	{ 100, 20000, 20000, 0, 0, DURABLE_ALL },
	/* what was never measured */
	{ 2, 0, 0, 0, 0, DURABLE_ALL },
	{ 100, 0, 0, 0, 0, DURABLE_ALL },
	{ 100, 250, 0, 0, 0, DURABLE_ALL },
	{ 2, 0, 20000, 0, 0, DURABLE_EACH },
	{ 3, 0, 20000, 0, 0, DURABLE_ALL },
	{ 100, 0, 20000, 0, 0, DURABLE_ALL },
};

static void know_all(struct durable *durable, int64_t mean, int64_t rest)
{
	for (size_t i = 0; i < DURABLE_CLASSES; i++)
		durable->all[i] = (struct durable_cost){ mean, rest };
}

START_TEST(test_choice)
{
	struct durable durable = { .may_sync_all = true };

	durable.each = (struct durable_cost){ choices[_i].each, choices[_i].each_rest };
	know_all(&durable, choices[_i].all, choices[_i].all_rest);
	ck_assert_int_eq(durable_choose(&durable, choices[_i].count), choices[_i].way);
	durable.may_sync_all = false;
	ck_assert_int_eq(durable_choose(&durable, choices[_i].count), DURABLE_EACH);
}
END_TEST

/* ---- a disk of given costs, and what is learnt of it ---- */

struct disk {
	int64_t each;	       /* of one file */
	int64_t all, all_more; /* of syncfs, and for each file of it */
};

static int64_t cost(const struct disk *disk, enum durable_way way, size_t count)
{
	return way == DURABLE_ALL ? disk->all + disk->all_more * (int64_t)count
				  : disk->each * (int64_t)count;
}

/* Batches of that many files; what they took in all. */
static int64_t use(struct durable *durable, const struct disk *disk, size_t count, int batches)
{
	int64_t took, sum = 0;
	enum durable_way way;

	for (int i = 0; i < batches; i++) {
		way = durable_choose(durable, count);
		took = cost(disk, way, count);
		durable_note(durable, way, count, took);
		sum += took;
	}
	return sum;
}

static int64_t best(const struct disk *disk, size_t count, int batches)
{
	int64_t each = cost(disk, DURABLE_EACH, count), all = cost(disk, DURABLE_ALL, count);

	return (count == 1 || each < all ? each : all) * batches;
}

static const struct disk disks[] = {
	{ 100, 100, 0 },     { 1000, 1000, 0 }, { 5000, 5000, 0 }, { 20000, 20000, 0 },
	{ 250, 400, 80 },    { 250, 100, 200 }, { 2000, 100, 10 }, { 30, 3000, 0 },
	{ 250, 1000000, 0 }, { 0, 0, 0 },	{ 1, 100, 0 },	   { 100, 0, 0 },
};

static const size_t counts[] = { 1, 2, 3, 4, 7, 8, 16, 64, 128, 256 };

/* Whatever the disk, from the start on hardly more is spent than the better way costs. */
START_TEST(test_every_disk)
{
	const struct disk *disk = &disks[_i];
	struct durable durable;

	for (size_t i = 0; i < COUNT(counts); i++) {
		durable = (struct durable){ .may_sync_all = true };
		use(&durable, disk, 1, 10);
		/* one try of the dearer way, then a tenth */
		ck_assert_int_le(use(&durable, disk, counts[i], 1000),
				 best(disk, counts[i], 1000) * 11 / 10 +
					 cost(disk, DURABLE_ALL, counts[i]) + 1000);
	}
}
END_TEST

/* No fsync of a hundred files only to see what it costs, also when none was ever seen. */
START_TEST(test_no_dear_tries)
{
	const struct disk slow = { 20000, 20000, 0 };
	struct durable durable = { .may_sync_all = true };

	ck_assert_int_eq(use(&durable, &slow, 100, 1000), 1000 * 20000);
}
END_TEST

/* While another program writes, fsync; soon after it has ended, syncfs again. */
START_TEST(test_another_writer)
{
	const struct disk quiet = { 250, 400, 80 }, busy = { 400, 900000, 0 };
	struct durable durable = { .may_sync_all = true };
	int64_t took;

	use(&durable, &quiet, 1, 10);
	use(&durable, &quiet, 16, 100);
	ck_assert_int_eq(durable_choose(&durable, 16), DURABLE_ALL);
	took = use(&durable, &busy, 16, 1000);
	ck_assert_int_le(took, best(&busy, 16, 1000) * 11 / 10 + 2 * 900000);
	use(&durable, &quiet, 16, 10000);
	ck_assert_int_eq(durable_choose(&durable, 16), DURABLE_ALL);
	took = use(&durable, &quiet, 16, 1000);
	ck_assert_int_le(took, best(&quiet, 16, 1000) * 11 / 10);
}
END_TEST

/* One slow flush is not held against syncfs for long. */
START_TEST(test_one_slow_flush)
{
	const struct disk quiet = { 250, 400, 80 };
	struct durable durable = { .may_sync_all = true };

	use(&durable, &quiet, 1, 10);
	use(&durable, &quiet, 16, 100);
	durable_note(&durable, DURABLE_ALL, 16, 50000);
	ck_assert_int_eq(durable_choose(&durable, 16), DURABLE_EACH);
	use(&durable, &quiet, 16, 50);
	ck_assert_int_eq(durable_choose(&durable, 16), DURABLE_ALL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("durable");
	TCase *tests = tcase_create("durable");

	tcase_add_loop_test(tests, test_choice, 0, COUNT(choices));
	tcase_add_loop_test(tests, test_every_disk, 0, COUNT(disks));
	tcase_add_test(tests, test_no_dear_tries);
	tcase_add_test(tests, test_another_writer);
	tcase_add_test(tests, test_one_slow_flush);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
