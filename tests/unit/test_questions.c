/*
 * test_questions.c - what sessions ask delivery, while it answers, is away, or takes nothing
 *
 * Covers C-11, A-18.
 */
#include <check.h>
#include <string.h>

#include "tests/unit/runner.h"
#include "worker/questions.h"

#define MANY 2000 /* more than the notes have room for */

static struct questions questions;
static struct notes notes;
static struct question asked[MANY];
static char local[64];

static void set_up(void)
{
	memset(&notes, 0, sizeof(notes));
	memset(local, 'x', sizeof(local));
	questions_init(&questions);
	for (int i = 0; i < MANY; i++) {
		asked[i].frame.local = (struct wire_string){ local, sizeof(local) };
		asked[i].frame.domain = (struct wire_string){ "example.org", 11 };
		questions_add(&questions, &asked[i]);
	}
}

/* Takes the frames out of the notes; the first must be that of `first`. Returns how many. */
static unsigned take_frames(uint64_t first)
{
	unsigned count = 0;
	struct wire_reader reader;
	struct message_quota frame;

	for (size_t at = 0; at < notes.used; count++) {
		reader = (struct wire_reader){ notes.bytes + at, notes.used - at, 0, false };
		reader.size = MESSAGE_HEADER_SIZE + wire_get_u32(&reader);
		at += reader.size;
		reader.used = MESSAGE_HEADER_SIZE;
		ck_assert(message_get_quota(&reader, &frame));
		ck_assert_uint_eq(frame.handle, first + count);
	}
	notes.used = 0;
	return count;
}

/* As many as have room, in their order, each once; all again for new pipes. */
START_TEST(each_is_noted_once)
{
	for (int pipes = 0; pipes < 2; pipes++) {
		uint64_t next = 1;

		do {
			questions_note(&questions, &notes);
			questions_note(&questions, &notes);
			ck_assert_uint_gt(notes.used, 0);
			next += take_frames(next);
		} while (next <= MANY);
		questions_note(&questions, &notes);
		ck_assert_uint_eq(notes.used, 0);
		questions_renew(&questions);
	}
}
END_TEST

START_TEST(those_that_have_gone_are_not_noted)
{
	for (int i = 0; i < MANY - 3; i++)
		questions_remove(&asked[i]);
	questions_note(&questions, &notes);
	ck_assert_uint_eq(take_frames(MANY - 2), 3);
	questions_remove(&asked[MANY - 1]);
	questions_remove(&asked[MANY - 2]);
	questions_remove(&asked[MANY - 3]);
	questions_note(&questions, &notes);
	ck_assert_uint_eq(notes.used, 0);
	questions_give_up(&questions, INT64_MAX); /* there is none */
}
END_TEST

/* An answer that comes late or twice is nothing; one to what was never asked is a violation. */
START_TEST(answers_to_nobody)
{
	static const struct {
		uint64_t handle;
		bool allowed;
	} cases[] = { { 1, true },
		      { MANY, true },
		      { MANY + 1, false },
		      { UINT64_MAX, false },
		      { 0, false } };
	struct problem problem;

	for (int i = 0; i < MANY; i++)
		questions_remove(&asked[i]);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct message_verdict room = { cases[i].handle, VERDICT_STORED };

		ck_assert(questions_answer(&questions, &room, &problem) == cases[i].allowed);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("questions");
	TCase *test = tcase_create("questions");

	tcase_add_checked_fixture(test, set_up, NULL);
	tcase_add_test(test, each_is_noted_once);
	tcase_add_test(test, those_that_have_gone_are_not_noted);
	tcase_add_test(test, answers_to_nobody);
	suite_add_tcase(suite, test);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
