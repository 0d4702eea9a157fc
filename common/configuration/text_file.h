/*
 * text_file.h - a text file as a whole in memory
 */
#ifndef POSTERN_COMMON_CONFIGURATION_TEXT_FILE_H
#define POSTERN_COMMON_CONFIGURATION_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/fail/fail.h"

/* Larger files are refused: they are not what they are said to be. */
#define TEXT_FILE_MAX ((size_t)256 << 20)

struct text_file {
	char *text; /* a NUL stands behind it, none within; free(3) it; NULL where reading failed */
	size_t length;
};

/*
 * Reads a regular file. False with "path: ..." in *problem (a NUL byte: with
 * its line).
 */
bool text_file_read(const char *path, struct text_file *file, struct problem *problem);

/* The same from the start of a descriptor; `name` is for the problem. The offset stays. */
bool text_file_read_descriptor(int descriptor, const char *name, struct text_file *file,
			       struct problem *problem);

/*
 * Replaces control characters: the text of a problem is one line, whatever
 * bytes of a file are quoted in it.
 */
void text_make_printable(char *text);

#endif
