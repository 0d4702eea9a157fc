/*
 * slow_flush.c - a library that is loaded into postern-delivery: a disk that takes its time
 *
 * Each fsync(2), fdatasync(2) and syncfs(2) sleeps once, as a flush of the
 * disk's cache would take, and is passed on. On a file system in memory it is
 * all that they cost. What starts a write and does not flush costs nothing.
 */
#include "tests/bench/slow_flush.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fsync(int file);
int fdatasync(int file);
int syncfs(int file);

static struct flush *flush;

/* The library lies in the folder of the file; the launcher has set its path. */
__attribute__((constructor)) static void map_flush(void)
{
	const char *library = getenv("LD_PRELOAD");
	char path[4096];
	void *mapped;
	int file;

	if (!library || !strrchr(library, '/'))
		_exit(1);
	snprintf(path, sizeof(path), "%.*s/" FLUSH_FILE, (int)(strrchr(library, '/') - library),
		 library);
	file = open(path, O_RDWR | O_CLOEXEC);
	mapped = mmap(NULL, sizeof(*flush), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (mapped == MAP_FAILED)
		_exit(1);
	flush = mapped;
	close(file);
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

static void take_time(int64_t *calls)
{
	struct timespec left = { .tv_sec = flush->delay / 1000000,
				 .tv_nsec = flush->delay % 1000000 * 1000 };

	(*calls)++;
	while (flush->delay > 0 && nanosleep(&left, &left) != 0 && errno == EINTR)
		continue;
}

int fsync(int file)
{
	take_time(&flush->one_file);
	return (int)syscall(SYS_fsync, file);
}

int fdatasync(int file)
{
	take_time(&flush->one_file);
	return (int)syscall(SYS_fdatasync, file);
}

int syncfs(int file)
{
	take_time(&flush->all_files);
	return (int)syscall(SYS_syncfs, file);
}
