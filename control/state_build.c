/*
 * state_build.c - puts a state that a crash may leave on a disk
 *
 * Runs in: postern prove.  Privilege: the mail user's, or that of the caller.
 * Distrusts: nothing here.
 */
#include "control/state_build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define DEPTH_MAX 8

struct building {
	const struct operations *operations;
	const struct crash_tree *tree;
	/* Of each node the slot that was made first, for its other names. */
	uint32_t *slots;
};

static bool write_content(int file, const struct content *content)
{
	return !content || content->length == 0 ||
	       pwrite(file, content->bytes, content->length, 0) == (ssize_t)content->length;
}

static bool make_file(const struct building *building, int folder, uint32_t slot)
{
	uint32_t node = building->tree->slots[slot];
	const char *name = building->operations->slots[slot].name;
	int file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool written;

	if (file < 0)
		return false;
	written = write_content(file, building->tree->contents[node]);
	close(file);
	return written;
}

/* A file that has a name already gets another one; a rename was half done. */
static bool link_file(const struct building *building, int root, int folder, uint32_t slot)
{
	uint32_t first = building->slots[building->tree->slots[slot]];
	const struct operations *operations = building->operations;
	const char *names[DEPTH_MAX];
	int depth = 0, at = root, next;
	bool linked;

	for (uint32_t up = operations->slots[first].folder; up != ROOT_NODE && depth < DEPTH_MAX;
	     up = operations->slots[building->slots[up]].folder)
		names[depth++] = operations->slots[building->slots[up]].name;
	while (depth-- > 0) {
		next = openat(at, names[depth], FOLDER_FLAGS);
		if (at != root)
			close(at);
		if (next < 0)
			return false;
		at = next;
	}
	linked = linkat(at, operations->slots[first].name, folder, operations->slots[slot].name,
			0) == 0;
	if (at != root)
		close(at);
	return linked;
}

static bool make_folder(struct building *building, int root, int parent, uint32_t slot,
			unsigned depth);

static bool make_slot(struct building *building, int root, int folder, uint32_t slot,
		      unsigned depth)
{
	uint32_t node = building->tree->slots[slot];
	bool is_there = building->slots[node] != NO_NODE;

	if (!is_there)
		building->slots[node] = slot;
	if (!building->operations->nodes[node].is_folder)
		return is_there ? link_file(building, root, folder, slot)
				: make_file(building, folder, slot);
	return make_folder(building, root, folder, slot, depth);
}

static bool make_names(struct building *building, int root, int folder, uint32_t node,
		       unsigned depth)
{
	for (uint32_t slot = 0; slot < building->operations->slot_count; slot++)
		if (building->operations->slots[slot].folder == node &&
		    building->tree->slots[slot] != NO_NODE &&
		    !make_slot(building, root, folder, slot, depth))
			return false;
	return true;
}

static bool make_folder(struct building *building, int root, int parent, uint32_t slot,
			unsigned depth)
{
	const char *name = building->operations->slots[slot].name;
	int folder;
	bool made;

	errno = ELOOP;
	if (depth == DEPTH_MAX || (mkdirat(parent, name, 0700) != 0 && errno != EEXIST))
		return false;
	folder = openat(parent, name, FOLDER_FLAGS);
	if (folder < 0)
		return false;
	made = make_names(building, root, folder, building->tree->slots[slot], depth + 1);
	close(folder);
	return made;
}

bool state_has_all_folders(const struct operations *operations, const struct crash_tree *tree)
{
	uint32_t folders = 0, there = 0;

	for (uint32_t node = 0; node < operations->node_count; node++)
		folders += operations->nodes[node].is_folder;
	for (uint32_t slot = 0; slot < operations->slot_count; slot++)
		there += tree->slots[slot] != NO_NODE &&
			 operations->nodes[tree->slots[slot]].is_folder;
	return there + 1 == folders;
}

bool state_build(const struct operations *operations, const struct crash_tree *tree, int root,
		 struct problem *problem)
{
	struct building building = { .operations = operations, .tree = tree };
	bool made;

	building.slots = must_allocate(operations->node_count, sizeof(building.slots[0]));
	for (uint32_t node = 0; node < operations->node_count; node++)
		building.slots[node] = NO_NODE;
	made = make_names(&building, root, root, ROOT_NODE, 0);
	free(building.slots);
	return made || problem_errno(problem, "a state that a crash may leave cannot be built");
}
