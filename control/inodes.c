/*
 * inodes.c - from a traced process's descriptors and paths to nodes and slots
 *
 * Runs in: postern prove.  Privilege: the mail user's, or that of the caller.
 * Distrusts: the delivery program: lengths are bounded.
 */
#include "control/inodes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <bsd/string.h>

#define LINK_SIZE 64
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define DEPTH_MAX 8

/* ---- nodes ---- */

static void *grow(void *array, size_t *size, size_t element)
{
	size_t grown = *size == 0 ? 64 : *size * 2;
	void *made = must_allocate(grown, element);

	if (*size > 0)
		memcpy(made, array, *size * element);
	free(array);
	*size = grown;
	return made;
}

static void know(struct recorder *recorder, ino_t inode, uint32_t node)
{
	if (recorder->known_count == recorder->known_size)
		recorder->known =
			grow(recorder->known, &recorder->known_size, sizeof(recorder->known[0]));
	recorder->known[recorder->known_count++] = (struct known_inode){ inode, node };
}

uint32_t inode_node(const struct recorder *recorder, const struct stat *status)
{
	if (status->st_dev == recorder->device)
		for (size_t i = recorder->known_count; i-- > 0;)
			if (recorder->known[i].inode == status->st_ino)
				return recorder->known[i].node;
	return NO_NODE;
}

uint32_t inode_make(struct recorder *recorder, const struct stat *status)
{
	uint32_t node = operations_new_node(recorder->operations, S_ISDIR(status->st_mode));

	know(recorder, status->st_ino, node);
	return node;
}

/* ---- slots ---- */

uint32_t slot_node(const struct recorder *recorder, uint32_t slot)
{
	return slot < recorder->holds_size ? recorder->holds[slot] : NO_NODE;
}

void slot_set(struct recorder *recorder, uint32_t slot, uint32_t node)
{
	size_t before = recorder->holds_size;

	while (slot >= recorder->holds_size)
		recorder->holds =
			grow(recorder->holds, &recorder->holds_size, sizeof(recorder->holds[0]));
	for (; before < recorder->holds_size; before++)
		recorder->holds[before] = NO_NODE;
	recorder->holds[slot] = node;
}

/* ---- what is there at the start ---- */

/* All of an open file. False with errno set. */
static bool read_content(int file, const struct content **content)
{
	struct content *made;
	struct stat status;

	if (file < 0 || fstat(file, &status) != 0)
		return false;
	made = content_new((size_t)status.st_size);
	*content = made;
	return pread(file, made->bytes, made->length, 0) == (ssize_t)made->length;
}

static bool begin_file(struct recorder *recorder, int folder, const char *name, uint32_t node)
{
	struct operation content = { .type = OPERATION_CONTENT, .call = "there", .node = node };
	int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool read = read_content(file, &content.content);

	if (file >= 0)
		close(file);
	recorder_note(recorder, &content);
	return read;
}

static bool begin_folder(struct recorder *recorder, int folder, uint32_t node, unsigned depth);

static bool begin_entry(struct recorder *recorder, int folder, uint32_t node, const char *name,
			unsigned depth)
{
	struct operation made = { .type = OPERATION_MAKE, .call = "there" };
	struct stat status;
	bool is_known;

	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	made.node = inode_node(recorder, &status);
	is_known = made.node != NO_NODE;
	if (!is_known)
		made.node = inode_make(recorder, &status);
	made.slot = operations_slot(recorder->operations, node, name);
	slot_set(recorder, made.slot, made.node);
	recorder_note(recorder, &made);
	if (is_known)
		return true;
	if (S_ISREG(status.st_mode))
		return begin_file(recorder, folder, name, made.node);
	return begin_folder(recorder, openat(folder, name, FOLDER_FLAGS), made.node, depth + 1);
}

/* Closes `folder`. */
static bool begin_folder(struct recorder *recorder, int folder, uint32_t node, unsigned depth)
{
	DIR *directory = folder >= 0 && depth < DEPTH_MAX ? fdopendir(folder) : NULL;
	const struct dirent *entry;
	bool read = directory != NULL;

	while (read && (entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			read = begin_entry(recorder, folder, node, entry->d_name, depth);
	if (directory)
		closedir(directory);
	else if (folder >= 0)
		close(folder);
	return read;
}

bool inodes_begin(struct recorder *recorder, int root, struct problem *problem)
{
	struct stat status;

	if (fstat(root, &status) != 0)
		return problem_errno(problem, "mail root");
	recorder->device = status.st_dev;
	know(recorder, status.st_ino, ROOT_NODE);
	return begin_folder(recorder, openat(root, ".", FOLDER_FLAGS), ROOT_NODE, 0) ||
	       problem_errno(problem, "mail root");
}

/* ---- the traced process ---- */

static void descriptor_link(const struct recorder *recorder, uint64_t descriptor,
			    char link[LINK_SIZE])
{
	if ((int)descriptor == AT_FDCWD)
		snprintf(link, LINK_SIZE, "/proc/%d/cwd", (int)recorder->pid);
	else
		snprintf(link, LINK_SIZE, "/proc/%d/fd/%d", (int)recorder->pid, (int)descriptor);
}

bool inode_of_descriptor(const struct recorder *recorder, uint64_t descriptor, struct stat *status)
{
	char link[LINK_SIZE];

	descriptor_link(recorder, descriptor, link);
	return stat(link, status) == 0;
}

bool tracee_copy(const struct recorder *recorder, uint64_t address, void *bytes, size_t length)
{
	struct iovec here = { bytes, length }, there = { (void *)(uintptr_t)address, length };
	ssize_t copied = process_vm_readv(recorder->pid, &here, 1, &there, 1, 0);

	if (copied >= 0 && (size_t)copied != length)
		errno = EFAULT;
	return copied == (ssize_t)length;
}

/* Up to the NUL; never across the end of a page, behind which there may be nothing. */
static bool copy_path(const struct recorder *recorder, uint64_t address, char *path, size_t size)
{
	size_t used = 0, piece;

	while (used < size) {
		piece = 256 - (address + used) % 256;
		piece = piece < size - used ? piece : size - used;
		if (!tracee_copy(recorder, address + used, path + used, piece))
			return false;
		if (memchr(path + used, '\0', piece))
			return true;
		used += piece;
	}
	errno = ENAMETOOLONG;
	return false;
}

/* Splits at the last component; the folder is "link/above", or what the path begins with. */
static bool find_folder(const struct recorder *recorder, uint64_t folder, char *name,
			struct stat *status, struct place *place)
{
	char link[LINK_SIZE], above[4096];
	char *last = strrchr(name, '/');
	int length;

	descriptor_link(recorder, folder, link);
	if (name[0] == '/')
		link[0] = '\0';
	length = snprintf(above, sizeof(above), "%s%s%.*s/", link, name[0] == '/' ? "" : "/",
			  last ? (int)(last - name) : 0, name);
	if (length >= (int)sizeof(above) || stat(above, status) != 0 ||
	    snprintf(place->path, sizeof(place->path), "%s%s", above, last ? last + 1 : name) >=
		    (int)sizeof(place->path))
		return false;
	return true;
}

bool place_find(struct recorder *recorder, uint64_t folder, uint64_t name, struct place *place,
		struct problem *problem)
{
	char text[2048];
	const char *last;
	struct stat status;
	uint32_t node;

	if (!copy_path(recorder, name, text, sizeof(text)))
		return problem_errno(problem, "the recorder cannot read delivery's memory");
	if (!find_folder(recorder, folder, text, &status, place))
		return problem_errno(problem, "the recorder cannot find the folder of %s", text);
	last = strrchr(text, '/');
	last = last ? last + 1 : text;
	node = inode_node(recorder, &status);
	place->slot = node == NO_NODE ? NO_NODE : operations_slot(recorder->operations, node, last);
	return true;
}

bool inode_content(const struct recorder *recorder, uint64_t descriptor,
		   const struct content **content)
{
	char link[LINK_SIZE];
	bool read;
	int file;

	descriptor_link(recorder, descriptor, link);
	file = open(link, O_RDONLY | O_CLOEXEC);
	read = read_content(file, content);
	if (file >= 0)
		close(file);
	return read;
}
