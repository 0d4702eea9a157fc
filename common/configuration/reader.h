/*
 * reader.h - postern.conf through libConfuse, with the place of each option
 */
#ifndef POSTERN_COMMON_CONFIGURATION_READER_H
#define POSTERN_COMMON_CONFIGURATION_READER_H

#include <stdbool.h>

#include "common/configuration/configuration.h"
#include "common/configuration/options.h"
#include "common/configuration/text_file.h"
#include "common/fail/fail.h"

/* Where an option was set last. */
struct place {
	size_t file; /* among the files of the reader */
	int line;    /* 0: it was not set */
};

struct cfg_t;

/* `listen` sections whose place is known; further ones have none. */
#define READER_LISTENS_MAX 64

struct reader {
	struct text_list files; /* names: read, being read, and to be read */
	size_t current;		/* which one is being read */
	struct place places[OPTION_COUNT_MAX];
	struct place listens[READER_LISTENS_MAX]; /* where each `listen` section ends */
	struct cfg_t *parsed;
	struct problem *problem; /* of the first error */
	bool has_failed;
	bool is_alone; /* no other file may be included */
};

/* Files that one configuration may consist of. */
#define READER_FILES_MAX 16

/*
 * Begins to read. `name` is that of the first file, `problem` will hold the
 * first error. False when memory is short. There must not be another reader at
 * the time: libConfuse's callbacks know of no context. End with reader_close.
 */
bool reader_open(struct reader *reader, const char *name, struct problem *problem);

/* Reads the text of files.items[current]; it is changed. */
bool reader_feed(struct reader *reader, struct text_file *file);

/* Puts what was read, and the defaults of the table, into the configuration. */
bool reader_collect(struct reader *reader, struct configuration *configuration);

void reader_close(struct reader *reader);

/*
 * Sets "file:line: ..." as the problem if there is none yet, the place being
 * that where the option was set. Returns false.
 */
bool reader_fail_at(struct reader *reader, const struct option *option, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, the place being the end of the `listen` section of that number. Returns false. */
bool reader_fail_in_listen(struct reader *reader, size_t index, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Whether the option was set in a file. */
bool reader_has(const struct reader *reader, const struct option *option);

#endif
