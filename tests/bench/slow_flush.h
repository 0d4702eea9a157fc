/*
 * slow_flush.h - what the benchmark and the library in postern-delivery share
 */
#ifndef POSTERN_TESTS_BENCH_SLOW_FLUSH_H
#define POSTERN_TESTS_BENCH_SLOW_FLUSH_H

#include <stdint.h>

/* The file beside the programs; group_commit.py makes it and reads it again. */
#define FLUSH_FILE "flush"

struct flush {
	int64_t delay;	   /* microseconds that each flush takes longer */
	int64_t one_file;  /* calls of fsync and fdatasync so far */
	int64_t all_files; /* of syncfs */
};

#endif
