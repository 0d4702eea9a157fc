/*
 * quota.h - what a mailbox may hold
 */
#ifndef POSTERN_COMMON_TABLES_QUOTA_H
#define POSTERN_COMMON_TABLES_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

/* 0: no limit. */
struct quota {
	uint64_t bytes;
	uint64_t messages;
};

static inline bool quota_is_set(const struct quota *quota)
{
	return quota->bytes > 0 || quota->messages > 0;
}

#endif
