/*
 * crash_state.c - the model of a file system that loses its power
 *
 * Runs in: postern prove.  Privilege: the mail user's, or that of the caller.
 * Distrusts: the disk, as far as the model of crash_state.h goes.
 */
#include "control/crash_state.h"

#include <stdlib.h>
#include <string.h>

#include "common/fail/fail.h"

/* ---- what is durable ---- */

/* What is known of each operation and each node while the list is walked. */
struct durability {
	const struct operations *operations;
	uint8_t *outcomes;		/* of each operation: how many are possible, 1: durable */
	size_t *changed;		/* of each node: the last content, or NO_CHANGE */
	const struct content **durable; /* of each node */
};

#define NO_CHANGE SIZE_MAX

typedef void walk(struct durability *durability, size_t at);

static void on_name(struct durability *durability, size_t at)
{
	durability->outcomes[at] = 2;
}

static void on_rename(struct durability *durability, size_t at)
{
	durability->outcomes[at] = 3;
}

static void on_content(struct durability *durability, size_t at)
{
	const struct operation *operation = &durability->operations->list[at];
	size_t *changed = &durability->changed[operation->node];

	/* One choice for each file: the earlier contents are prefixes of this one. */
	if (*changed != NO_CHANGE)
		durability->outcomes[*changed] = 1;
	*changed = at;
	durability->outcomes[at] = 4;
}

static void make_content_durable(struct durability *durability, uint32_t node)
{
	size_t *changed = &durability->changed[node];

	if (*changed == NO_CHANGE)
		return;
	durability->outcomes[*changed] = 1;
	durability->durable[node] = durability->operations->list[*changed].content;
	*changed = NO_CHANGE;
}

static void on_sync_file(struct durability *durability, size_t at)
{
	make_content_durable(durability, durability->operations->list[at].node);
}

static bool is_change_of_name(const struct operation *operation)
{
	return operation->type <= OPERATION_RENAME;
}

/* A rename whose new name is durable may still be half done, its old name is elsewhere. */
static uint8_t outcomes_left(const struct operations *operations, const struct operation *operation,
			     uint32_t folder, uint8_t outcomes)
{
	if (operations->slots[operation->slot].folder == folder)
		return 1;
	if (operation->type == OPERATION_RENAME &&
	    operations->slots[operation->to_slot].folder == folder && outcomes > 1)
		return 2;
	return outcomes;
}

static void on_sync_folder(struct durability *durability, size_t at)
{
	const struct operations *operations = durability->operations;

	for (size_t i = 0; i < at; i++)
		if (is_change_of_name(&operations->list[i]))
			durability->outcomes[i] =
				outcomes_left(operations, &operations->list[i],
					      operations->list[at].node, durability->outcomes[i]);
}

static void on_sync_all(struct durability *durability, size_t at)
{
	for (size_t i = 0; i < at; i++)
		durability->outcomes[i] = 1;
	for (uint32_t node = 0; node < durability->operations->node_count; node++)
		make_content_durable(durability, node);
}

static void on_word(struct durability *durability, size_t at)
{
	(void)durability;
	(void)at;
}

static walk *const walks[OPERATION_TYPES] = {
	[OPERATION_MAKE] = on_name,
	[OPERATION_LINK] = on_name,
	[OPERATION_REMOVE] = on_name,
	[OPERATION_RENAME] = on_rename,
	[OPERATION_CONTENT] = on_content,
	[OPERATION_SYNC_FILE] = on_sync_file,
	[OPERATION_SYNC_FOLDER] = on_sync_folder,
	[OPERATION_SYNC_ALL] = on_sync_all,
	[OPERATION_SUBMITTED] = on_word,
	[OPERATION_ANSWERED] = on_word,
};

static void durability_find(const struct operations *operations, size_t length,
			    struct durability *durability)
{
	durability->operations = operations;
	durability->outcomes = must_allocate(length + 1, sizeof(durability->outcomes[0]));
	durability->changed = must_allocate(operations->node_count, sizeof(durability->changed[0]));
	durability->durable = must_allocate(operations->node_count, sizeof(durability->durable[0]));
	memset(durability->outcomes, 1, length);
	for (uint32_t node = 0; node < operations->node_count; node++)
		durability->changed[node] = NO_CHANGE;
	for (size_t at = 0; at < length; at++)
		walks[operations->list[at].type](durability, at);
}

static void durability_free(struct durability *durability)
{
	free(durability->outcomes);
	free(durability->changed);
	free(durability->durable);
}

void crash_point_find(const struct operations *operations, size_t length, struct crash_point *point)
{
	struct durability durability;

	durability_find(operations, length, &durability);
	*point = (struct crash_point){ .length = length };
	point->pending = must_allocate(length + 1, sizeof(point->pending[0]));
	for (size_t at = 0; at < length; at++)
		if (durability.outcomes[at] > 1)
			point->pending[point->count++] =
				(struct pending){ at, durability.outcomes[at] };
	durability_free(&durability);
}

void crash_point_free(struct crash_point *point)
{
	free(point->pending);
	*point = (struct crash_point){ .length = 0 };
}

/* ---- the tree ---- */

static uint32_t mix(uint32_t value)
{
	value = (value ^ (value >> 16)) * 0x7feb352du;
	value = (value ^ (value >> 15)) * 0x846ca68bu;
	return value ^ (value >> 16);
}

static const struct content *keep(struct crash_tree *tree, struct content *content)
{
	tree->made[tree->made_count++] = content;
	return content;
}

/* How long the bytes are that both begin with: what was durable is not written again. */
static size_t common_length(const struct content *one, const struct content *other)
{
	size_t length = 0;

	while (one && other && length < one->length && length < other->length &&
	       one->bytes[length] == other->bytes[length])
		length++;
	return length;
}

/* The content is cut, or its end filled with zeros. */
static const struct content *damaged(struct crash_tree *tree, const struct content *durable,
				     const struct content *content, uint8_t outcome, uint32_t seed)
{
	size_t length = content ? content->length : 0;
	size_t whole = common_length(durable, content);
	struct content *made;

	if (outcome == CONTENT_PREFIX && length > whole) {
		whole += mix(seed) % (length - whole);
		length = whole;
	}
	made = content_new(length);
	if (whole > 0)
		memcpy(made->bytes, content->bytes, whole);
	return keep(tree, made);
}

static void put_name(struct crash_tree *tree, const struct operation *operation, uint8_t outcome)
{
	if (outcome == OUTCOME_KEPT)
		tree->slots[operation->slot] =
			operation->type == OPERATION_REMOVE ? NO_NODE : operation->node;
}

static void put_rename(struct crash_tree *tree, const struct operation *operation, uint8_t outcome)
{
	if (outcome == RENAME_NOT_DONE)
		return;
	tree->slots[operation->to_slot] = operation->node;
	if (outcome == RENAME_DONE && tree->slots[operation->slot] == operation->node)
		tree->slots[operation->slot] = NO_NODE;
}

static void put(struct crash_tree *tree, const struct operation *operation, uint8_t outcome,
		const struct content *durable, uint32_t seed)
{
	if (operation->type == OPERATION_RENAME)
		put_rename(tree, operation, outcome);
	else if (is_change_of_name(operation))
		put_name(tree, operation, outcome);
	else if (operation->type != OPERATION_CONTENT)
		return;
	else if (outcome == CONTENT_ALL)
		tree->contents[operation->node] = operation->content;
	else if (outcome == CONTENT_NOTHING)
		tree->contents[operation->node] = durable;
	else
		tree->contents[operation->node] =
			damaged(tree, durable, operation->content, outcome, seed ^ operation->node);
}

void crash_tree_build(const struct operations *operations, const struct crash_point *point,
		      const uint8_t *outcomes, uint32_t seed, struct crash_tree *tree)
{
	struct durability durability;
	uint8_t outcome;
	size_t next = 0;

	durability_find(operations, point->length, &durability);
	tree->slots = must_allocate(operations->slot_count + 1, sizeof(tree->slots[0]));
	tree->contents = must_allocate(operations->node_count, sizeof(tree->contents[0]));
	tree->made = must_allocate(point->count + 1, sizeof(struct content *));
	tree->made_count = 0;
	for (uint32_t slot = 0; slot < operations->slot_count; slot++)
		tree->slots[slot] = NO_NODE;
	for (size_t at = 0; at < point->length; at++) {
		const struct operation *operation = &operations->list[at];

		outcome = 0;
		if (next < point->count && point->pending[next].operation == at)
			outcome = outcomes[next++];
		put(tree, operation, outcome, durability.durable[operation->node], seed);
	}
	durability_free(&durability);
}

void crash_tree_free(struct crash_tree *tree)
{
	for (size_t i = 0; i < tree->made_count; i++)
		free(tree->made[i]);
	free(tree->made);
	free(tree->slots);
	free(tree->contents);
}

static uint64_t add_to_hash(uint64_t hash, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * 0x100000001b3u;
	return hash;
}

static bool was_made(const struct crash_tree *tree, const struct content *content)
{
	for (size_t i = 0; i < tree->made_count; i++)
		if (tree->made[i] == content)
			return true;
	return false;
}

/* What was recorded is known by its address: the bytes of big files are not read each time. */
static uint64_t add_content(uint64_t hash, const struct crash_tree *tree,
			    const struct content *content)
{
	if (!content)
		return hash;
	if (was_made(tree, content))
		return add_to_hash(hash, content->bytes, content->length);
	return add_to_hash(hash, &content, sizeof(content));
}

uint64_t crash_tree_hash(const struct operations *operations, const struct crash_tree *tree)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (uint32_t slot = 0; slot < operations->slot_count; slot++) {
		uint32_t node = tree->slots[slot];

		if (node == NO_NODE)
			continue;
		hash = add_to_hash(hash, &slot, sizeof(slot));
		hash = add_to_hash(hash, &node, sizeof(node));
		hash = add_content(hash, tree, tree->contents[node]);
	}
	return hash;
}

const char *outcome_name(const struct operation *operation, uint8_t outcome)
{
	static const char *const names[] = { "done", "NOT DONE" };
	static const char *const renames[] = { "done", "HALF DONE: both names are there",
					       "NOT DONE" };
	static const char *const contents[] = { "whole", "NOTHING OF IT", "ONLY A PREFIX OF IT",
						"ZEROS IN ITS PLACE" };

	if (operation->type == OPERATION_RENAME)
		return renames[outcome];
	return operation->type == OPERATION_CONTENT ? contents[outcome] : names[outcome];
}
