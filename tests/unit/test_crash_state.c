/*
 * test_crash_state.c - what a crash may leave of a list of operations
 *
 * Covers C-06, D-06.
 * Runs in: the tests.  Privilege: none.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail/fail.h"
#include "control/crash_state.h"
#include "control/state_choice.h"
#include "tests/unit/runner.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define TEXT_SIZE 256
#define STATES_MAX 512

/*
 * The operations: "make a", "folder d", "link a b", "remove a", "rename a b",
 * "write a x" (the file holds x then), "file a" and "names d" are fsync of a
 * file and a folder, "all" is syncfs. A name is "a" or "d/a", "." is the root.
 *
 * The states: names in order, a folder as "d/", a file as "a=x", a zero byte
 * as "0". One letter has no prefix but nothing.
 */
static const struct {
	const char *operations;
	const char *states; /* all of them, each but the first behind "|" */
} cases[] = {
	/* a new file: content and name are two things */
	{ "make a", "|a=" },
	{ "make a; write a x", "|a=|a=x|a=0" },
	{ "make a; write a x; file a", "|a=x" },
	{ "make a; write a x; names .", "a=|a=x|a=0" },
	{ "make a; write a x; file a; names .", "a=x" },
	{ "make a; write a x; all", "a=x" },
	/* what comes behind a sync is not durable */
	{ "make a; file a; names .; write a x", "a=|a=x|a=0" },
	{ "names .; make a", "|a=" },
	{ "all; make a", "|a=" },
	/* a file that is written again */
	{ "make a; write a x; all; write a y", "a=|a=x|a=y|a=0" },
	{ "make a; write a x; all; write a y; write a z", "a=|a=x|a=z|a=0" },
	/* a rename: done, not done, half, never neither */
	{ "make a; write a x; all; rename a b", "a=x|b=x|a=x b=x" },
	{ "make a; write a x; all; rename a b; names .", "b=x" },
	{ "make a; write a x; all; rename a b; file a", "a=x|b=x|a=x b=x" },
	{ "folder t; folder n; make t/a; all; rename t/a n/a",
	  "n/ t/ t/a=|n/ n/a= t/|n/ n/a= t/ t/a=" },
	{ "folder t; folder n; make t/a; all; rename t/a n/a; names n",
	  "n/ n/a= t/|n/ n/a= t/ t/a=" },
	{ "folder t; folder n; make t/a; all; rename t/a n/a; names t", "n/ n/a= t/" },
	{ "folder t; folder n; make t/a; all; rename t/a n/a; all", "n/ n/a= t/" },
	/* its first name was never durable */
	{ "folder t; folder n; all; make t/a; rename t/a n/a",
	  "n/ t/|n/ t/ t/a=|n/ n/a= t/|n/ n/a= t/ t/a=" },
	{ "folder t; folder n; all; make t/a; rename t/a n/a; names n",
	  "n/ n/a= t/|n/ n/a= t/ t/a=" },
	/* two renames */
	{ "make a; all; rename a b; rename b c", "a=|b=|c=|a= b=|a= c=|b= c=|a= b= c=" },
	/* a name is removed, added */
	{ "make a; all; remove a", "|a=" },
	{ "make a; all; remove a; names .", "" },
	{ "make a; remove a", "|a=" },
	{ "make a; all; link a b", "a=|a= b=" },
	{ "make a; link a b", "|a=|b=|a= b=" },
	/* independent of each other, whatever the order */
	{ "make a; make b", "|a=|b=|a= b=" },
	/* a folder whose own name is lost takes all with it */
	{ "folder d; make d/a; names d", "|d/ d/a=" },
	{ "folder d; names .; make d/a", "d/|d/ d/a=" },
	{ "folder d; make d/a; write d/a x; file d/a; names d", "|d/ d/a=x" },
};

/* ---- from text to operations ---- */

struct words {
	char verb[16], first[16], second[16];
};

static uint32_t slot_of(struct operations *operations, uint32_t *folders, const char *name)
{
	const char *slash = strchr(name, '/');

	if (!slash)
		return operations_slot(operations, ROOT_NODE, name);
	return operations_slot(operations, folders[(unsigned char)name[0]], slash + 1);
}

/* What each slot holds, so that a name leads to its node. */
struct script {
	struct operations operations;
	uint32_t folders[256]; /* by their one letter */
	uint32_t holds[64];
};

static void add_make(struct script *script, const struct words *words)
{
	struct operation operation = { .type = OPERATION_MAKE, .call = "make" };
	bool is_folder = strcmp(words->verb, "folder") == 0;

	operation.node = operations_new_node(&script->operations, is_folder);
	operation.slot = slot_of(&script->operations, script->folders, words->first);
	if (is_folder)
		script->folders[(unsigned char)words->first[0]] = operation.node;
	script->holds[operation.slot] = operation.node;
	operations_add(&script->operations, &operation);
}

static void add_second_name(struct script *script, const struct words *words)
{
	bool is_rename = strcmp(words->verb, "rename") == 0;
	uint32_t from = slot_of(&script->operations, script->folders, words->first);
	uint32_t to = slot_of(&script->operations, script->folders, words->second);

	script->holds[to] = script->holds[from];
	operations_add(&script->operations,
		       &(struct operation){ .type = is_rename ? OPERATION_RENAME : OPERATION_LINK,
					    .call = "name",
					    .node = script->holds[from],
					    .slot = is_rename ? from : to,
					    .to_slot = to });
}

static void add_remove(struct script *script, const struct words *words)
{
	uint32_t slot = slot_of(&script->operations, script->folders, words->first);

	operations_add(&script->operations, &(struct operation){ .type = OPERATION_REMOVE,
								 .call = "remove",
								 .node = script->holds[slot],
								 .slot = slot });
}

static void add_write(struct script *script, const struct words *words)
{
	uint32_t slot = slot_of(&script->operations, script->folders, words->first);
	struct content *content = content_new(strlen(words->second));

	memcpy(content->bytes, words->second, content->length);
	operations_add(&script->operations, &(struct operation){ .type = OPERATION_CONTENT,
								 .call = "write",
								 .node = script->holds[slot],
								 .content = content });
}

static void add_sync(struct script *script, const struct words *words)
{
	struct operation operation = { .type = OPERATION_SYNC_ALL, .call = "sync" };

	if (strcmp(words->verb, "file") == 0) {
		operation.type = OPERATION_SYNC_FILE;
		operation.node =
			script->holds[slot_of(&script->operations, script->folders, words->first)];
	} else if (strcmp(words->verb, "names") == 0) {
		operation.type = OPERATION_SYNC_FOLDER;
		operation.node = words->first[0] == '.'
					 ? ROOT_NODE
					 : script->folders[(unsigned char)words->first[0]];
	}
	operations_add(&script->operations, &operation);
}

static const struct {
	const char *verb;
	void (*add)(struct script *script, const struct words *words);
} verbs[] = {
	{ "make", add_make },	       { "folder", add_make },	 { "link", add_second_name },
	{ "rename", add_second_name }, { "remove", add_remove }, { "write", add_write },
	{ "file", add_sync },	       { "names", add_sync },	 { "all", add_sync },
};

static void script_read(struct script *script, const char *text)
{
	char copy[TEXT_SIZE], *rest = copy, *one;

	memset(script, 0, sizeof(*script));
	operations_init(&script->operations);
	snprintf(copy, sizeof(copy), "%s", text);
	while ((one = strsep(&rest, ";"))) {
		struct words words = { "", "", "" };
		int i = 0;

		ck_assert_int_ge(
			sscanf(one, "%15s %15s %15s", words.verb, words.first, words.second), 1);
		while (i < COUNT(verbs) && strcmp(verbs[i].verb, words.verb) != 0)
			i++;
		ck_assert_int_lt(i, COUNT(verbs));
		verbs[i].add(script, &words);
	}
}

/* ---- from trees to text ---- */

static int by_text(const void *one, const void *other)
{
	return strcmp(one, other);
}

/* The names in a folder, unsorted: one a row. */
static int list_names(const struct operations *operations, const struct crash_tree *tree,
		      uint32_t folder, const char *above, char names[16][32], int count)
{
	for (uint32_t slot = 0; slot < operations->slot_count; slot++) {
		uint32_t node = tree->slots[slot];
		const struct content *content;
		char path[24];

		if (node == NO_NODE || operations->slots[slot].folder != folder)
			continue;
		ck_assert_int_lt(count, 16);
		snprintf(path, sizeof(path), "%.8s%.8s", above, operations->slots[slot].name);
		content = tree->contents[node];
		snprintf(names[count], 32, "%s%s%.1s", path,
			 operations->nodes[node].is_folder ? "/" : "=",
			 !content || content->length == 0 ? ""
			 : content->bytes[0]		  ? content->bytes
							  : "0");
		count++;
		if (operations->nodes[node].is_folder) {
			strncat(path, "/", 2);
			count = list_names(operations, tree, node, path, names, count);
		}
	}
	return count;
}

static void tree_text(const struct operations *operations, const struct crash_tree *tree,
		      char text[TEXT_SIZE])
{
	char names[16][32];
	int count = list_names(operations, tree, ROOT_NODE, "", names, 0);

	qsort(names, (size_t)count, sizeof(names[0]), by_text);
	text[0] = '\0';
	for (int i = 0; i < count; i++) {
		strncat(text, i > 0 ? " " : "", 2);
		strncat(text, names[i], TEXT_SIZE - strlen(text) - 1);
	}
}

/* Adds a text that is not there yet. */
static int add_text(char texts[STATES_MAX][TEXT_SIZE], int count, const char *text)
{
	for (int i = 0; i < count; i++)
		if (strcmp(texts[i], text) == 0)
			return count;
	ck_assert_int_lt(count, STATES_MAX);
	snprintf(texts[count], TEXT_SIZE, "%s", text);
	return count + 1;
}

static bool count_on(const struct crash_point *point, uint8_t *outcomes)
{
	for (size_t i = 0; i < point->count; i++) {
		if (++outcomes[i] < point->pending[i].outcomes)
			return true;
		outcomes[i] = 0;
	}
	return false;
}

/* All states at the end of the list. */
static int all_states(const struct operations *operations, char texts[STATES_MAX][TEXT_SIZE])
{
	uint8_t outcomes[32] = { 0 };
	struct crash_point point;
	struct crash_tree tree;
	char text[TEXT_SIZE];
	int count = 0;

	crash_point_find(operations, operations->count, &point);
	ck_assert_uint_lt(point.count, sizeof(outcomes));
	do {
		crash_tree_build(operations, &point, outcomes, 0, &tree);
		tree_text(operations, &tree, text);
		count = add_text(texts, count, text);
		crash_tree_free(&tree);
	} while (count_on(&point, outcomes));
	crash_point_free(&point);
	qsort(texts, (size_t)count, TEXT_SIZE, by_text);
	return count;
}

static int wanted_states(const char *states, char texts[STATES_MAX][TEXT_SIZE])
{
	char copy[TEXT_SIZE], *rest = copy, *one;
	int count = 0;

	snprintf(copy, sizeof(copy), "%s", states);
	while ((one = strsep(&rest, "|")))
		count = add_text(texts, count, one);
	qsort(texts, (size_t)count, TEXT_SIZE, by_text);
	return count;
}

START_TEST(leaves_these_states)
{
	static char found[STATES_MAX][TEXT_SIZE], wanted[STATES_MAX][TEXT_SIZE];
	struct script script;
	int count, wanted_count;

	script_read(&script, cases[_i].operations);
	count = all_states(&script.operations, found);
	wanted_count = wanted_states(cases[_i].states, wanted);
	for (int i = 0; i < count || i < wanted_count; i++) {
		ck_assert_msg(i < count, "%s: \"%s\" is missing", cases[_i].operations, wanted[i]);
		ck_assert_msg(i < wanted_count && strcmp(found[i], wanted[i]) == 0,
			      "%s: found \"%s\", wanted \"%s\"", cases[_i].operations, found[i],
			      i < wanted_count ? wanted[i] : "no more");
	}
	operations_free(&script.operations);
}
END_TEST

/* A prefix ends where the seed says, and at least once within the content. */
START_TEST(cuts_contents)
{
	static const uint8_t outcomes[] = { OUTCOME_KEPT, CONTENT_PREFIX };
	struct crash_point point;
	struct crash_tree tree;
	struct script script;
	bool seen[9] = { false };

	script_read(&script, "make a; write a 12345678");
	crash_point_find(&script.operations, script.operations.count, &point);
	ck_assert_uint_eq(point.count, 2);
	for (uint32_t seed = 0; seed < 200; seed++) {
		crash_tree_build(&script.operations, &point, outcomes, seed, &tree);
		ck_assert_uint_lt(tree.contents[1]->length, 8);
		ck_assert_int_eq(
			memcmp(tree.contents[1]->bytes, "12345678", tree.contents[1]->length), 0);
		seen[tree.contents[1]->length] = true;
		crash_tree_free(&tree);
	}
	for (int length = 0; length < 8; length++)
		ck_assert(seen[length]);
	crash_point_free(&point);
	operations_free(&script.operations);
}
END_TEST

/* ---- the choice ---- */

static const char long_script[] = "folder t; folder n; all; make t/a; write t/a x; file t/a; "
				  "rename t/a n/a; names n; make t/b; write t/b y; make t/c; "
				  "write t/c z; all; rename t/b n/b; rename t/c n/c; names n";

static bool is_same(const struct operations *operations, const struct crash_state *one,
		    const struct crash_state *other)
{
	struct crash_point point;
	bool same = one->length == other->length;

	crash_point_find(operations, one->length, &point);
	same = same && memcmp(one->outcomes, other->outcomes, point.count) == 0;
	crash_point_free(&point);
	return same;
}

/* Ordered, with the empty loss of each point first, and the same again by the same seed. */
START_TEST(chooses_in_order)
{
	static const size_t mosts[] = { 1, 20, 50, 5000 };
	struct crash_states states, again;
	struct script script;

	script_read(&script, long_script);
	crash_states_choose(&script.operations, mosts[_i], 7, &states);
	crash_states_choose(&script.operations, mosts[_i], 7, &again);
	ck_assert_uint_gt(states.count, 0);
	ck_assert_uint_le(states.count, mosts[_i] + script.operations.count + 1);
	ck_assert_uint_eq(states.count, again.count);
	for (size_t i = 0; i < states.count; i++) {
		ck_assert(is_same(&script.operations, &states.list[i], &again.list[i]));
		if (i == 0)
			continue;
		ck_assert_uint_ge(states.list[i].length, states.list[i - 1].length);
		if (states.list[i].length == states.list[i - 1].length)
			ck_assert_uint_ge(states.list[i].dropped, states.list[i - 1].dropped);
		ck_assert(!is_same(&script.operations, &states.list[i], &states.list[i - 1]));
	}
	crash_states_free(&states);
	crash_states_free(&again);
	operations_free(&script.operations);
}
END_TEST

/* Where there are few they are all chosen: as many as the points of time have in the table. */
START_TEST(chooses_all_of_few)
{
	struct crash_states states;
	struct script script;

	/* nothing; a; a=x a=0; the same with b of two names */
	script_read(&script, "make a; write a x; names .; file a; rename a b");
	crash_states_choose(&script.operations, 1000, 1, &states);
	/* "", "a=", "a=x", "a=0", "b=x", "a=x b=x": none of them twice */
	ck_assert_uint_eq(states.count, 6);
	crash_states_free(&states);
	operations_free(&script.operations);
}
END_TEST

/* The same tree before and behind an answer are two states. */
START_TEST(tells_answers_apart)
{
	struct crash_states states;
	struct script script;

	script_read(&script, "make a; all");
	operations_add(&script.operations,
		       &(struct operation){ .type = OPERATION_SUBMITTED, .call = "" });
	operations_add(&script.operations,
		       &(struct operation){ .type = OPERATION_ANSWERED, .call = "" });
	crash_states_choose(&script.operations, 1000, 1, &states);
	ck_assert_uint_eq(states.count, 4);
	crash_states_free(&states);
	operations_free(&script.operations);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("crash_state");
	TCase *model = tcase_create("model"), *choice = tcase_create("choice");

	tcase_add_loop_test(model, leaves_these_states, 0, COUNT(cases));
	tcase_add_test(model, cuts_contents);
	suite_add_tcase(suite, model);
	tcase_add_loop_test(choice, chooses_in_order, 0, 4);
	tcase_add_test(choice, chooses_all_of_few);
	tcase_add_test(choice, tells_answers_apart);
	suite_add_tcase(suite, choice);
	return run_suite(suite);
}
