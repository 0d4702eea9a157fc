/*
 * call_names.h - the names of the system calls that the programs make
 *
 * call_name() returns the name, a string that lasts, or "other" for a call that is not in the
 * table.
 */
#ifndef POSTERN_TESTS_CALL_NAMES_H
#define POSTERN_TESTS_CALL_NAMES_H

const char *call_name(unsigned long number);

#endif
