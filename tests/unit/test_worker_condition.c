/*
 * test_worker_condition.c - what a worker makes of the condition that delivery is in
 *
 * Covers A-13, A-18 (delivery is not trusted).
 */
#include <check.h>
#include <stdlib.h>

#include "tests/unit/runner.h"
#include "worker/condition.h"

static const struct {
	struct message_verdict frame;
	bool allowed;
	enum smtp_reply reply; /* when it is not fine */
	const char *limit;
	unsigned long long value;
} cases[] = {
	{ { CONDITION_FINE, VERDICT_STORED }, true, SMTP_REPLY_OK, NULL, 0 },
	{ { CONDITION_RESERVE, VERDICT_NO_ROOM }, true, SMTP_REPLY_NO_ROOM, "delivery.reserve", 7 },
	{ { CONDITION_RESERVE_INODES, VERDICT_NO_ROOM },
	  true,
	  SMTP_REPLY_NO_ROOM,
	  "delivery.reserve-inodes",
	  8 },
	{ { CONDITION_ROOT_FAULT, VERDICT_SYSTEM_ERROR }, true, SMTP_REPLY_SYSTEM_ERROR, NULL, 0 },
	{ { CONDITION_FINE, VERDICT_NO_ROOM }, false, SMTP_REPLY_OK, NULL, 0 },
	{ { CONDITION_RESERVE, VERDICT_STORED }, false, SMTP_REPLY_OK, NULL, 0 },
	{ { CONDITION_RESERVE, VERDICT_SYSTEM_ERROR }, false, SMTP_REPLY_OK, NULL, 0 },
	{ { CONDITION_ROOT_FAULT, VERDICT_NO_RECIPIENT }, false, SMTP_REPLY_OK, NULL, 0 },
	{ { CONDITION_COUNT, VERDICT_STORED }, false, SMTP_REPLY_OK, NULL, 0 },
	{ { UINT64_MAX, VERDICT_NO_ROOM }, false, SMTP_REPLY_OK, NULL, 0 },
	{ { UINT64_C(1) << 32, VERDICT_STORED }, false, SMTP_REPLY_OK, NULL, 0 },
};

START_TEST(frames)
{
	struct configuration *configuration = calloc(1, sizeof(*configuration));
	struct worker *worker = calloc(1, sizeof(*worker));
	struct problem problem;

	ck_assert(configuration && worker);
	configuration->delivery.reserve = 7;
	configuration->delivery.reserve_inodes = 8;
	ck_assert_int_eq(condition_take(worker, &cases[_i].frame, &problem), cases[_i].allowed);
	if (cases[_i].reply == SMTP_REPLY_OK) {
		ck_assert_ptr_null(worker->condition);
	} else {
		ck_assert_int_eq(worker->condition->reply, cases[_i].reply);
		ck_assert_pstr_eq(worker->condition->limit, cases[_i].limit);
		ck_assert_uint_eq(condition_value(worker->condition, configuration),
				  cases[_i].value);
	}
	free(worker);
	free(configuration);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("condition, worker");
	TCase *tests = tcase_create("frames");

	tcase_add_loop_test(tests, frames, 0, sizeof(cases) / sizeof(cases[0]));
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
