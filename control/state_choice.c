/*
 * state_choice.c - which of all the states that a crash may leave are tried
 *
 * Runs in: postern prove.  Privilege: the mail user's, or that of the caller.
 * Distrusts: nothing here.
 */
#include "control/state_choice.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail/fail.h"

#define TRIES_MAX 4 /* for each state at random: some come to one that is there already */

struct choice {
	const struct operations *operations;
	struct crash_states *states;
	uint64_t random;
	uint64_t *seen; /* hashes, open addressing, 0: free */
	size_t seen_size;
	struct crash_point point;
	uint64_t words; /* hash of what was submitted and answered before the point */
	size_t left;	/* states that this point may still have */
};

/* splitmix64 */
static uint64_t next_random(struct choice *choice)
{
	uint64_t value = choice->random += 0x9e3779b97f4a7c15u;

	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
	return value ^ (value >> 31);
}

static bool is_new(struct choice *choice, uint64_t hash)
{
	size_t at = hash % choice->seen_size;

	hash = hash == 0 ? 1 : hash;
	for (; choice->seen[at] != 0; at = (at + 1) % choice->seen_size)
		if (choice->seen[at] == hash)
			return false;
	choice->seen[at] = hash;
	return true;
}

static uint64_t hash_of(const struct choice *choice, const uint8_t *outcomes, uint32_t seed)
{
	struct crash_tree tree;
	uint64_t hash;

	crash_tree_build(choice->operations, &choice->point, outcomes, seed, &tree);
	hash = crash_tree_hash(choice->operations, &tree) ^ choice->words;
	crash_tree_free(&tree);
	return hash;
}

/* Takes the state unless the same has been taken already. */
static void take(struct choice *choice, const uint8_t *outcomes, uint32_t seed)
{
	struct crash_state *state = &choice->states->list[choice->states->count];
	size_t count = choice->point.count;

	if (choice->left == 0 || !is_new(choice, hash_of(choice, outcomes, seed)))
		return;
	state->length = choice->point.length;
	state->seed = seed;
	state->dropped = 0;
	state->outcomes = must_allocate(count + 1, 1);
	memcpy(state->outcomes, outcomes, count);
	for (size_t i = 0; i < count; i++)
		state->dropped += outcomes[i] != OUTCOME_KEPT;
	choice->states->count++;
	choice->left--;
}

/* How many states there are; `bound` when there are more. */
static size_t product(const struct crash_point *point, size_t bound)
{
	size_t all = 1;

	for (size_t i = 0; i < point->count && all < bound; i++)
		all *= point->pending[i].outcomes;
	return all < bound ? all : bound;
}

/* The next one, as one counts with these digits; false behind the last one. */
static bool count_on(const struct crash_point *point, uint8_t *outcomes)
{
	for (size_t i = 0; i < point->count; i++) {
		if (++outcomes[i] < point->pending[i].outcomes)
			return true;
		outcomes[i] = 0;
	}
	return false;
}

static void take_all(struct choice *choice, uint8_t *outcomes)
{
	memset(outcomes, 0, choice->point.count);
	do {
		take(choice, outcomes, 0);
	} while (count_on(&choice->point, outcomes));
}

/* What a crash does that comes right now: nothing that is not durable is there. */
static void take_nothing(struct choice *choice, uint8_t *outcomes)
{
	const struct pending *pending = choice->point.pending;

	for (size_t i = 0; i < choice->point.count; i++) {
		const struct operation *operation = &choice->operations->list[pending[i].operation];

		/* A rename that can only be half done is that; a content is nothing. */
		outcomes[i] = operation->type == OPERATION_CONTENT
				      ? CONTENT_NOTHING
				      : (uint8_t)(pending[i].outcomes - 1);
	}
	take(choice, outcomes, 0);
}

/* Each by itself, the latest first: up to `most` states. */
static void take_singles(struct choice *choice, uint8_t *outcomes, size_t most)
{
	const struct crash_point *point = &choice->point;
	size_t end = choice->left > most ? choice->left - most : 0;

	memset(outcomes, 0, point->count);
	for (size_t i = point->count; i-- > 0 && choice->left > end;) {
		for (uint8_t outcome = point->pending[i].outcomes; --outcome > 0;) {
			outcomes[i] = outcome;
			take(choice, outcomes, 0);
		}
		outcomes[i] = 0;
	}
}

static void take_random(struct choice *choice, uint8_t *outcomes)
{
	const struct crash_point *point = &choice->point;

	for (size_t tries = choice->left * TRIES_MAX; tries > 0 && choice->left > 0; tries--) {
		/* From nearly all kept to nearly all dropped. */
		uint64_t often = next_random(choice) % 16;

		for (size_t i = 0; i < point->count; i++) {
			uint64_t drawn = next_random(choice);

			outcomes[i] = OUTCOME_KEPT;
			if (drawn % 16 <= often)
				outcomes[i] = (uint8_t)(drawn / 16 % point->pending[i].outcomes);
		}
		take(choice, outcomes, (uint32_t)next_random(choice));
	}
}

static void choose_at_point(struct choice *choice)
{
	uint8_t *outcomes = must_allocate(choice->point.count + 1, 1);
	size_t share = choice->left;

	if (product(&choice->point, share + 1) <= share) {
		take_all(choice, outcomes);
	} else {
		take(choice, outcomes, 0);
		take_nothing(choice, outcomes);
		take_singles(choice, outcomes, choice->left * 2 / 3);
		take_random(choice, outcomes);
	}
	free(outcomes);
}

static int by_dropped(const void *one, const void *other)
{
	const struct crash_state *left = one, *right = other;

	return left->dropped < right->dropped ? -1 : left->dropped > right->dropped;
}

/* What was said counts, too: the same tree may be right before an answer, and wrong after it. */
static void note_word(struct choice *choice, size_t at)
{
	const struct operation *operation = &choice->operations->list[at];

	if (operation->type == OPERATION_SUBMITTED || operation->type == OPERATION_ANSWERED)
		choice->words = (choice->words ^ (at + 1)) * 0x9e3779b97f4a7c15u;
}

/* What earlier points did not use is spread over those that are left. */
static size_t share_of(const struct choice *choice, size_t most, size_t length)
{
	size_t points = choice->operations->count - length + 1;
	size_t left = most > choice->states->count ? most - choice->states->count : 0;
	size_t share = left / points;

	return share == 0 ? 1 : share;
}

void crash_states_choose(const struct operations *operations, size_t most, uint64_t seed,
			 struct crash_states *states)
{
	struct choice choice = { .operations = operations, .states = states, .random = seed };
	size_t points = operations->count - operations->first + 1, begun;

	states->count = 0;
	states->list = must_allocate(most + points, sizeof(states->list[0]));
	choice.seen_size = 4 * (most + points);
	choice.seen = must_allocate(choice.seen_size, sizeof(choice.seen[0]));
	for (size_t length = operations->first; length <= operations->count; length++) {
		if (length > operations->first)
			note_word(&choice, length - 1);
		crash_point_find(operations, length, &choice.point);
		choice.left = share_of(&choice, most, length);
		begun = states->count;
		choose_at_point(&choice);
		qsort(states->list + begun, states->count - begun, sizeof(states->list[0]),
		      by_dropped);
		crash_point_free(&choice.point);
	}
	free(choice.seen);
}

void crash_states_free(struct crash_states *states)
{
	for (size_t i = 0; i < states->count; i++)
		free(states->list[i].outcomes);
	free(states->list);
	*states = (struct crash_states){ .list = NULL };
}
