/*
 * values.h - from the words of postern.conf to values and back
 */
#ifndef POSTERN_COMMON_CONFIGURATION_VALUES_H
#define POSTERN_COMMON_CONFIGURATION_VALUES_H

#include <limits.h>
#include <stdbool.h>

#include "common/configuration/options.h"

/* A value that has been read: a number, choice or boolean, or a text. */
struct value {
	long long number;
	char text[PATH_MAX];
};

/* How a field of struct configuration holds its value. */
enum value_kind { VALUE_STRING, VALUE_LIST, VALUE_NUMBER, VALUE_CHOICE, VALUE_BOOLEAN };

enum value_kind value_kind(const struct option *option);

/*
 * Reads one value (one item, where the option is a list). False with what is
 * wrong and how to mend it, without file and line, in *problem.
 */
bool value_read(const struct option *option, const char *text, struct value *value,
		struct problem *problem);

/*
 * The word of a choice by its number, not NUL-terminated; returns its length,
 * 0 behind the last one.
 */
size_t value_choice(const struct option *option, long long number, const char **word);

/* The name of the type for the manual: "size", "list of domains". */
const char *value_type_name(enum option_type type);

/*
 * Writes a bound or value of the option as a person would ("50M", "5m", "20")
 * into text, which has room for VALUE_NUMBER_SIZE bytes.
 */
#define VALUE_NUMBER_SIZE 32
void value_number_text(const struct option *option, long long number, char *text);

/* Whether the bounds of the type are those of a number (else of a length, or there are none). */
bool value_has_bounds(enum option_type type);

#endif
