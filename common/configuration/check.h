/*
 * check.h - what the options of a configuration must be to each other
 */
#ifndef POSTERN_COMMON_CONFIGURATION_CHECK_H
#define POSTERN_COMMON_CONFIGURATION_CHECK_H

#include "common/configuration/configuration.h"
#include "common/configuration/reader.h"

/*
 * Fills in the options whose defaults come from the machine or from other
 * options (hostname, domains), then checks what a single value cannot show.
 * False with the problem of the reader set.
 */
bool configuration_complete(struct configuration *configuration, struct reader *reader);

#endif
