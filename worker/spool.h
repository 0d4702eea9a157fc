/*
 * spool.h - where bodies lie that are too big for memory
 *
 * One unlinked file for each worker, made by the master (the worker can open
 * none), divided into blocks. A file for each message would cost an inode
 * each time, and ext4 slows down when many were freed lately.
 */
#ifndef POSTERN_WORKER_SPOOL_H
#define POSTERN_WORKER_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SPOOL_BLOCK 65536
#define SPOOL_NONE UINT32_MAX

struct spool;

/* `limit` is in bytes. Ends the process when memory is short. */
struct spool *spool_new(int descriptor, uint64_t limit);

/* Takes a block; SPOOL_NONE when the spool is full or memory is short. */
uint32_t spool_take(struct spool *spool);
void spool_give_back(struct spool *spool, uint32_t block);

/* Writes a whole block. False with errno set. */
bool spool_write(struct spool *spool, uint32_t block, const char *bytes);

/*
 * Moves bytes of a block, from `offset` on, into a pipe (splice(2)). Returns
 * as write(2) does.
 */
ssize_t spool_send(struct spool *spool, uint32_t block, size_t offset, int pipe);

#endif
