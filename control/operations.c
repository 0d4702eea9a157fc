/*
 * operations.c - what delivery did to the mail root: a list of operations, in order
 *
 * Runs in: postern prove.  Privilege: the mail user's, or that of the caller.
 * Distrusts: nothing here.
 */
#include "control/operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "common/fail/fail.h"

#define PATH_DEPTH 16 /* what is described is never deeper */
#define PATH_SIZE 512

/* Doubles an array that is full. */
static void *grow(void *array, size_t count, size_t element)
{
	void *grown = must_allocate(count == 0 ? 64 : count * 2, element);

	if (count > 0)
		memcpy(grown, array, count * element);
	free(array);
	return grown;
}

void operations_init(struct operations *operations)
{
	memset(operations, 0, sizeof(*operations));
	(void)operations_new_node(operations, true);
}

void operations_free(struct operations *operations)
{
	for (size_t i = 0; i < operations->count; i++)
		free((void *)(uintptr_t)operations->list[i].content);
	for (uint32_t i = 0; i < operations->slot_count; i++)
		free(operations->slots[i].name);
	free(operations->list);
	free(operations->nodes);
	free(operations->slots);
	memset(operations, 0, sizeof(*operations));
}

uint32_t operations_new_node(struct operations *operations, bool is_folder)
{
	if (operations->node_count == operations->node_size) {
		operations->nodes = grow(operations->nodes, operations->node_size,
					 sizeof(operations->nodes[0]));
		operations->node_size = operations->node_size == 0 ? 64 : operations->node_size * 2;
	}
	operations->nodes[operations->node_count].is_folder = is_folder;
	return operations->node_count++;
}

uint32_t operations_slot(struct operations *operations, uint32_t folder, const char *name)
{
	for (uint32_t i = 0; i < operations->slot_count; i++)
		if (operations->slots[i].folder == folder &&
		    strcmp(operations->slots[i].name, name) == 0)
			return i;
	if (operations->slot_count == operations->slot_size) {
		operations->slots = grow(operations->slots, operations->slot_size,
					 sizeof(operations->slots[0]));
		operations->slot_size = operations->slot_size == 0 ? 64 : operations->slot_size * 2;
	}
	operations->slots[operations->slot_count] = (struct slot){ folder, must_copy(name) };
	return operations->slot_count++;
}

void operations_add(struct operations *operations, const struct operation *operation)
{
	if (operations->count == operations->size) {
		operations->list =
			grow(operations->list, operations->size, sizeof(operations->list[0]));
		operations->size = operations->size == 0 ? 64 : operations->size * 2;
	}
	operations->list[operations->count++] = *operation;
}

struct content *content_new(size_t length)
{
	struct content *content = must_allocate(1, sizeof(*content) + length);

	content->length = length;
	return content;
}

/* ---- for people ---- */

/* The slot that first held the node; NO_NODE for the mail root. */
static uint32_t first_slot(const struct operations *operations, uint32_t node, size_t before)
{
	uint32_t found = NO_NODE;

	for (size_t i = 0; i <= before && i < operations->count; i++) {
		const struct operation *operation = &operations->list[i];

		if (operation->node != node)
			continue;
		if (operation->type == OPERATION_MAKE)
			found = operation->slot;
		else if (operation->type == OPERATION_RENAME && i < before)
			found = operation->to_slot;
	}
	return found;
}

/* The path of a slot below the mail root. */
static void slot_path(const struct operations *operations, uint32_t slot, size_t before,
		      char path[PATH_SIZE])
{
	const char *names[PATH_DEPTH];
	size_t depth = 0;

	for (; slot != NO_NODE && depth < PATH_DEPTH; depth++) {
		names[depth] = operations->slots[slot].name;
		slot = operations->slots[slot].folder == ROOT_NODE
			       ? NO_NODE
			       : first_slot(operations, operations->slots[slot].folder, before);
	}
	path[0] = '\0';
	while (depth-- > 0) {
		strlcat(path, names[depth], PATH_SIZE);
		if (depth > 0)
			strlcat(path, "/", PATH_SIZE);
	}
}

static void node_path(const struct operations *operations, uint32_t node, size_t before,
		      char path[PATH_SIZE])
{
	if (node == ROOT_NODE)
		strlcpy(path, ".", PATH_SIZE);
	else
		slot_path(operations, first_slot(operations, node, before), before, path);
}

static void describe_slot(const struct operations *operations, size_t index, char *text,
			  size_t size)
{
	const struct operation *operation = &operations->list[index];
	char path[PATH_SIZE];

	slot_path(operations, operation->slot, index, path);
	snprintf(text, size, "%s %s", operation->call, path);
}

static void describe_rename(const struct operations *operations, size_t index, char *text,
			    size_t size)
{
	const struct operation *operation = &operations->list[index];
	char from[PATH_SIZE], to[PATH_SIZE];

	slot_path(operations, operation->slot, index, from);
	slot_path(operations, operation->to_slot, index, to);
	snprintf(text, size, "%s %s -> %s", operation->call, from, to);
}

static void describe_content(const struct operations *operations, size_t index, char *text,
			     size_t size)
{
	const struct operation *operation = &operations->list[index];
	char path[PATH_SIZE];

	node_path(operations, operation->node, index, path);
	snprintf(text, size, "%s %s (%zu bytes then)", operation->call, path,
		 operation->content ? operation->content->length : 0);
}

static void describe_node(const struct operations *operations, size_t index, char *text,
			  size_t size)
{
	const struct operation *operation = &operations->list[index];
	char path[PATH_SIZE];

	node_path(operations, operation->node, index, path);
	snprintf(text, size, "%s %s", operation->call, path);
}

static void describe_call(const struct operations *operations, size_t index, char *text,
			  size_t size)
{
	snprintf(text, size, "%s", operations->list[index].call);
}

static void describe_message(const struct operations *operations, size_t index, char *text,
			     size_t size)
{
	const struct operation *operation = &operations->list[index];

	snprintf(text, size, "message %u %s", operation->message, operation->call);
}

typedef void describe(const struct operations *operations, size_t index, char *text, size_t size);

static describe *const describers[OPERATION_TYPES] = {
	[OPERATION_MAKE] = describe_slot,	  [OPERATION_LINK] = describe_slot,
	[OPERATION_REMOVE] = describe_slot,	  [OPERATION_RENAME] = describe_rename,
	[OPERATION_CONTENT] = describe_content,	  [OPERATION_SYNC_FILE] = describe_node,
	[OPERATION_SYNC_FOLDER] = describe_node,  [OPERATION_SYNC_ALL] = describe_call,
	[OPERATION_SUBMITTED] = describe_message, [OPERATION_ANSWERED] = describe_message,
};

void operation_describe(const struct operations *operations, size_t index, char *text, size_t size)
{
	describers[operations->list[index].type](operations, index, text, size);
}
