/*
 * source.h - the lines of a table's file
 */
#ifndef POSTERN_COMMON_TABLES_SOURCE_H
#define POSTERN_COMMON_TABLES_SOURCE_H

#include <stdbool.h>

#include "common/configuration/text_file.h"
#include "common/fail/fail.h"

struct source {
	const char *path;
	struct text_file file;
	char *next;    /* the line after the present one; NULL behind the last */
	unsigned line; /* number of the present line */
	struct problem *problem;
};

/* Reads the file. False with *problem set; `path` must outlive the source. */
bool source_open(struct source *source, const char *path, struct problem *problem);
void source_close(struct source *source);

/*
 * The next line that holds something, NULL behind the last. A comment begins
 * at a # at the start of the line or behind white space, outside of double
 * quotes; comments, white space and CR at the end are cut off.
 */
char *source_next(struct source *source);

/* Sets "path:line: ..." as the problem; returns false. */
bool source_fail(const struct source *source, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
