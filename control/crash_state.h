/*
 * crash_state.h - the model of a file system that loses its power
 *
 * What a crash behind the first n operations may leave:
 *
 *	fsync of a file		its content and size are durable, not its name
 *	fsync of a folder	the names in it are durable, not what they stand for
 *	syncfs			everything is durable
 *	sync_file_range		nothing is durable
 *
 * Of what is not durable, each change may have reached the disk or not,
 * whatever became of the others and in whichever order they were made:
 *
 *	a content	all of it, none, a prefix of any length, or zeros in its place
 *	a name made, linked or removed	done or not done
 *	a rename	done, not done, or half: both names are there. Never
 *			neither: what makes the old name's removal durable makes
 *			the new name durable, too
 *
 * Of several changes of one name the last one that was kept counts.
 */
#ifndef POSTERN_CONTROL_CRASH_STATE_H
#define POSTERN_CONTROL_CRASH_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/operations.h"

/* Outcome 0 is always: it is kept, whole. */
enum { OUTCOME_KEPT = 0, OUTCOME_DROPPED = 1 };
enum { RENAME_DONE = 0, RENAME_HALF = 1, RENAME_NOT_DONE = 2 };
enum { CONTENT_ALL = 0, CONTENT_NOTHING = 1, CONTENT_PREFIX = 2, CONTENT_ZEROS = 3 };

/* A change that is not durable. */
struct pending {
	size_t operation; /* its index; of a content: the last one that changed the file */
	uint8_t outcomes; /* how many there are, at least 2 */
};

/* A point of time: the operations before it, and what of them is not durable. */
struct crash_point {
	size_t length; /* operations that were begun before the crash */
	struct pending *pending;
	size_t count;
};

/* Memory that is short ends the program. */
void crash_point_find(const struct operations *operations, size_t length,
		      struct crash_point *point);
void crash_point_free(struct crash_point *point);

/* What the disk holds after the crash. */
struct crash_tree {
	uint32_t *slots;		 /* the node that each slot holds, or NO_NODE */
	const struct content **contents; /* of each node; NULL: empty */
	struct content **made;		 /* those that the crash made; owned */
	size_t made_count;
};

/*
 * Builds the tree for one outcome of each pending change. `seed` decides where
 * a prefix ends.
 */
void crash_tree_build(const struct operations *operations, const struct crash_point *point,
		      const uint8_t *outcomes, uint32_t seed, struct crash_tree *tree);
void crash_tree_free(struct crash_tree *tree);

/* Equal for trees that hold the same names and contents. */
uint64_t crash_tree_hash(const struct operations *operations, const struct crash_tree *tree);

/* "not done", "half", "zeros": what an outcome means for the operation. */
const char *outcome_name(const struct operation *operation, uint8_t outcome);

#endif
