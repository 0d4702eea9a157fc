/*
 * path_hash.h - a hash of a mailbox's path
 */
#ifndef POSTERN_DELIVERY_PATH_HASH_H
#define POSTERN_DELIVERY_PATH_HASH_H

#include <stdint.h>

/*
 * FNV-1a, 32 bits. Not keyed: the paths come from the administrator's tables,
 * no client can choose them.
 */
static inline uint32_t path_hash(const char *path)
{
	uint32_t hash = 2166136261u;

	for (; *path; path++)
		hash = (hash ^ (uint8_t)*path) * 16777619u;
	return hash;
}

#endif
