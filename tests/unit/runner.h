/*
 * runner.h - the end of main() of every unit test
 */
#ifndef POSTERN_TESTS_UNIT_RUNNER_H
#define POSTERN_TESTS_UNIT_RUNNER_H

#include <check.h>

/* Runs a suite and frees it; returns the exit status of the program. */
int run_suite(Suite *suite);

#endif
