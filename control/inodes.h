/*
 * inodes.h - from a traced process's descriptors and paths to nodes and slots
 */
#ifndef POSTERN_CONTROL_INODES_H
#define POSTERN_CONTROL_INODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "control/recorder.h"

/* Makes the root and all that is in it known. */
bool inodes_begin(struct recorder *recorder, int root, struct problem *problem);

/* The inode behind a descriptor of the traced process. False with errno set. */
bool inode_of_descriptor(const struct recorder *recorder, uint64_t descriptor, struct stat *status);
/* The node of an inode of the mail root's file system, or NO_NODE. */
uint32_t inode_node(const struct recorder *recorder, const struct stat *status);
/* From now on the inode is a new node. */
uint32_t inode_make(struct recorder *recorder, const struct stat *status);

/* A name that a call was given. */
struct place {
	uint32_t slot;	 /* NO_NODE: its folder is none of the mail root's */
	char path[4096]; /* by which this process reaches it */
};

/*
 * Where `name` (an address in the traced process) leads, seen from `folder`
 * (a descriptor of it, or AT_FDCWD). False with *problem set.
 */
bool place_find(struct recorder *recorder, uint64_t folder, uint64_t name, struct place *place,
		struct problem *problem);

/* What a slot holds by now. */
uint32_t slot_node(const struct recorder *recorder, uint32_t slot);
void slot_set(struct recorder *recorder, uint32_t slot, uint32_t node);

/* What the file behind a descriptor of the traced process holds. False with errno set. */
bool inode_content(const struct recorder *recorder, uint64_t descriptor,
		   const struct content **content);

/* Copies from the traced process. False with errno set. */
bool tracee_copy(const struct recorder *recorder, uint64_t address, void *bytes, size_t length);

#endif
