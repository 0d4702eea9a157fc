/*
 * report.h - what postern prove prints at its end
 */
#ifndef POSTERN_CONTROL_REPORT_H
#define POSTERN_CONTROL_REPORT_H

#include <stdint.h>

#include "control/operations.h"
#include "control/scenario.h"
#include "control/second_crash.h"
#include "control/trials.h"

/* Counts and time; `took` in microseconds. */
void report_counts(const struct operations *operations, const struct scenario *scenario,
		   const struct trials_outcome *outcome, const struct second_crash *second,
		   int64_t took);

/* The shortest sequence that ends in lost mail, and what is wrong then. */
void report_wrong(const struct operations *operations, const struct trials_outcome *outcome);

/* The same of two crashes; `operations` is the list that the first one ended. */
void report_second_wrong(const struct operations *operations, const struct second_crash *second);

#endif
