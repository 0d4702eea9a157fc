/*
 * spool.c - where bodies lie that are too big for memory
 *
 * Runs in: postern-worker.  Privilege: none; the file was opened by the master.
 * Distrusts: the disk.
 */
#include "worker/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/fail/fail.h"

/*
 * When the last block comes back, a file longer than this is cut to nothing;
 * a shorter one, too, when the disk would not take a block.
 */
#define KEPT_BLOCKS 256

struct spool {
	int descriptor;
	bool write_failed; /* the disk may be full: give back what is not needed */
	uint32_t limit;	   /* in blocks */
	uint32_t taken;
	uint32_t end;	/* blocks from here on were not used since the file was last cut */
	uint32_t *free; /* blocks below `end` that are free, the last given back on top */
	uint32_t free_count;
	uint32_t free_size;
};

struct spool *spool_new(int descriptor, uint64_t limit)
{
	struct spool *spool = must_allocate(1, sizeof(*spool));
	uint64_t blocks = limit / SPOOL_BLOCK;

	spool->descriptor = descriptor;
	spool->limit = blocks < SPOOL_NONE ? (uint32_t)blocks : SPOOL_NONE - 1;
	return spool;
}

/* Room on the stack of free blocks for every block in use: giving back cannot fail. */
static bool grow_stack(struct spool *spool)
{
	uint32_t size = spool->free_size ? spool->free_size * 2 : 64;
	uint32_t *bigger = reallocarray(spool->free, size, sizeof(*bigger));

	if (!bigger)
		return false;
	spool->free = bigger;
	spool->free_size = size;
	return true;
}

uint32_t spool_take(struct spool *spool)
{
	if (spool->free_count == 0) {
		if (spool->end == spool->limit)
			return SPOOL_NONE;
		if (spool->end == spool->free_size && !grow_stack(spool))
			return SPOOL_NONE;
		spool->taken++;
		return spool->end++;
	}
	spool->taken++;
	return spool->free[--spool->free_count];
}

static void cut(struct spool *spool)
{
	if (ftruncate(spool->descriptor, 0) < 0)
		return; /* the blocks stay, and are used again */
	spool->write_failed = false;
	spool->end = 0;
	spool->free_count = 0;
}

void spool_give_back(struct spool *spool, uint32_t block)
{
	require(spool->taken > 0 && block < spool->end);
	spool->free[spool->free_count++] = block;
	spool->taken--;
	if (spool->taken == 0 && (spool->end > KEPT_BLOCKS || spool->write_failed))
		cut(spool);
}

bool spool_write(struct spool *spool, uint32_t block, const char *bytes)
{
	off_t start = (off_t)block * SPOOL_BLOCK;
	size_t written = 0;
	ssize_t result;

	while (written < SPOOL_BLOCK) {
		result = pwrite(spool->descriptor, bytes + written, SPOOL_BLOCK - written,
				start + (off_t)written);
		if (result < 0 && errno == EINTR)
			continue;
		if (result <= 0) {
			spool->write_failed = true;
			return false;
		}
		written += (size_t)result;
	}
	return true;
}

ssize_t spool_send(struct spool *spool, uint32_t block, size_t offset, int pipe)
{
	off_t start = (off_t)block * SPOOL_BLOCK + (off_t)offset;

	require(offset < SPOOL_BLOCK);
	return splice(spool->descriptor, &start, pipe, NULL, SPOOL_BLOCK - offset,
		      SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
}
