/*
 * scan.h - what libConfuse 3.3 does not see to in a text, done before it reads it
 */
#ifndef POSTERN_COMMON_CONFIGURATION_SCAN_H
#define POSTERN_COMMON_CONFIGURATION_SCAN_H

#include <stddef.h>

/*
 * Overwrites comments (# and // to the end of the line, C comments) with
 * spaces and keeps the ends of lines: libConfuse counts the line of a comment
 * more than once, and with that every later error would name a wrong line.
 * Returns how many braces and comments are left open at the end: libConfuse
 * takes a section that the file breaks off in for a whole one.
 */
size_t scan(char *text);

#endif
