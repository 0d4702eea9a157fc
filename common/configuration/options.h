/*
 * options.h - the table of the options of postern.conf
 *
 * The one place where an option is named. The parser, the defaults, the sealed
 * text and postern.conf(5) come from it.
 */
#ifndef POSTERN_COMMON_CONFIGURATION_OPTIONS_H
#define POSTERN_COMMON_CONFIGURATION_OPTIONS_H

#include <stddef.h>

#include "common/fail/fail.h"

/* What a value may look like; values.c holds a row for each. */
enum option_type {
	OPTION_TEXT,	  /* printable ASCII; the bounds are those of its length */
	OPTION_DOMAIN,	  /* a domain in either form; "" where the lower bound is 0 */
	OPTION_PATH,	  /* an absolute path; "" where the lower bound is 0 */
	OPTION_TEMPLATE,  /* an absolute path with %u and %d */
	OPTION_DELIMITER, /* one punctuation character or "" */
	OPTION_USER,	  /* "name", "uid" or "uid:gid" */
	OPTION_TARGET,	  /* "syslog", "stderr" or an absolute path */
	OPTION_NUMBER,
	OPTION_SIZE,
	OPTION_DURATION,
	OPTION_CHOICE,
	OPTION_BOOLEAN,
	OPTION_DOMAINS,	  /* a list of OPTION_DOMAIN */
	OPTION_ADDRESSES, /* a list of numeric addresses, paths of unix sockets, and "*" */
	OPTION_PATHS,	  /* a list of OPTION_PATH */
	OPTION_TEXTS,	  /* a list of OPTION_TEXT */
	OPTION_NETWORKS,  /* a list of networks: common/network */
	OPTION_KEYWORDS,  /* a list of words of EHLO */
	OPTION_VERBS,	  /* a list of commands */
	OPTION_TYPE_COUNT
};

/* The section whose options stand once for each title. */
#define LISTEN_SECTION "listen"

struct option {
	const char *section; /* "" : outside of every section */
	const char *name;
	enum option_type type;
	long long minimum; /* bounds of a number, size, duration; of the length of a text */
	long long maximum;
	const char *fallback; /* the default as one would write it; NULL: found at the start */
	size_t offset; /* in struct configuration; of LISTEN_SECTION in struct listen_configuration
			*/
	const char *choices;  /* OPTION_CHOICE: the words, in the order of the enum */
	const char *sentence; /* for the manual */
};

/* The row of that number, or NULL behind the last. */
const struct option *option_at(size_t index);

/* The row of that name, or NULL. */
const struct option *option_find(const char *section, const char *name);

/* Where a row stands: the reverse of option_at. */
size_t option_index(const struct option *option);

/* More than there are; for arrays with a place for each option. */
#define OPTION_COUNT_MAX 128

/*
 * Writes how to mend an unknown option (or section, with section "") into
 * `cure`: the nearest known name, or where the manual is. Always a C string.
 */
void option_suggest(const char *section, const char *name, char *cure, size_t size);

#endif
