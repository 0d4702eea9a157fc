/*
 * operations.h - what delivery did to the mail root: a list of operations, in order
 *
 * Files and folders are nodes (an inode that is used again is a new node),
 * names are slots: a slot is a place for one name in one folder, and holds a
 * node or nothing. Node 0 is the mail root.
 */
#ifndef POSTERN_CONTROL_OPERATIONS_H
#define POSTERN_CONTROL_OPERATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/frame/message.h"

#define NO_NODE UINT32_MAX
#define ROOT_NODE 0

enum operation_type {
	OPERATION_MAKE,	       /* slot holds node, which is new */
	OPERATION_LINK,	       /* slot holds node, too */
	OPERATION_REMOVE,      /* slot holds nothing */
	OPERATION_RENAME,      /* node moves from slot to to_slot */
	OPERATION_CONTENT,     /* node holds content */
	OPERATION_SYNC_FILE,   /* the content of node is durable */
	OPERATION_SYNC_FOLDER, /* the names in node are durable */
	OPERATION_SYNC_ALL,    /* everything is durable */
	OPERATION_SUBMITTED,   /* message was written to delivery's pipe */
	OPERATION_ANSWERED,    /* delivery has written the verdict on message */
	OPERATION_TYPES,
};

/* What a file holds after an operation; never changed. */
struct content {
	size_t length;
	char bytes[];
};

struct operation {
	enum operation_type type;
	const char *call; /* the system call, or what else it was */
	uint32_t node;
	uint32_t slot, to_slot;
	const struct content *content; /* NULL: empty */
	uint32_t message;
	enum verdict verdict;
};

struct node {
	bool is_folder;
};

struct slot {
	uint32_t folder; /* a node */
	char *name;
};

struct operations {
	struct operation *list;
	size_t count, size;
	struct node *nodes;
	uint32_t node_count, node_size;
	struct slot *slots;
	uint32_t slot_count, slot_size;
	size_t first; /* operations before it only say what was there at the start */
};

/* With the mail root as its only node. Memory that is short ends the program. */
void operations_init(struct operations *operations);
void operations_free(struct operations *operations);

uint32_t operations_new_node(struct operations *operations, bool is_folder);
/* The slot of that name in that folder; made when it is new. */
uint32_t operations_slot(struct operations *operations, uint32_t folder, const char *name);

/* Appends; a content belongs to the list then. */
void operations_add(struct operations *operations, const struct operation *operation);

/* A content of `length` zero bytes, to be filled. */
struct content *content_new(size_t length);

/* One line for people, without its end: "renameat2 a/tmp/x -> a/new/x". */
void operation_describe(const struct operations *operations, size_t index, char *text, size_t size);

#endif
