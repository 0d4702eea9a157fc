/*
 * fields.h - the fields of struct configuration by the table of options
 */
#ifndef POSTERN_COMMON_CONFIGURATION_FIELDS_H
#define POSTERN_COMMON_CONFIGURATION_FIELDS_H

#include <stdbool.h>
#include <stdio.h>

#include "common/configuration/configuration.h"
#include "common/configuration/options.h"
#include "common/configuration/values.h"

/*
 * Puts a value into its field of `base` (struct configuration, or struct
 * listen_configuration): a list grows by it, anything else is replaced. False
 * when memory is short.
 */
bool field_store(const struct option *option, const struct value *value, void *base);

/* Frees what field_store has allocated in the field. */
void field_release(const struct option *option, void *base);

/* Writes the field so that value_read understands it, a list in braces. */
void field_write(const struct option *option, const void *base, FILE *file);

#endif
