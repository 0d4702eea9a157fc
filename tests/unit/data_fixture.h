/*
 * data_fixture.h - bodies, whole and in pieces, held against the slow reference
 */
#ifndef POSTERN_TESTS_UNIT_DATA_FIXTURE_H
#define POSTERN_TESTS_UNIT_DATA_FIXTURE_H

#include <stddef.h>

#include "common/smtp/data.h"
#include "tests/fuzz/data_reference.h"

#define LIMIT 1000

/* A string literal with NULs in it. */
#define BYTES(literal) literal, sizeof(literal) - 1

/* For the loops: libcheck notes down each ck_assert that holds, which takes its time. */
#define EXPECT(condition)                                    \
	do {                                                 \
		if (!(condition))                            \
			ck_abort_msg("not so: " #condition); \
	} while (0)

/* What came of decoding. */
struct outcome {
	struct smtp_data data;
	size_t used;
	char out[32768];
	size_t written;
};

/* What DATA has been so far: dotted and strict. */
struct smtp_data_settings strict_data(enum smtp_newline newline, size_t line_limit);

void outcome_begin(struct outcome *outcome, const struct smtp_data_settings *settings);
/* In and out in buffers of just the size that data.h asks for: a step aside is seen. */
void outcome_feed(struct outcome *outcome, const char *in, size_t length);
/* The last chunk is over; nothing for SMTP_FORMAT_DOTTED. */
void outcome_end_chunks(struct outcome *outcome);

/* Decodes what was cut at `first` and `second`, with the end. */
void outcome_decode(struct outcome *outcome, const struct smtp_data_settings *settings,
		    const char *in, size_t length, size_t first, size_t second);
/* The same in pieces of one size. */
void outcome_decode_pieces(struct outcome *outcome, const struct smtp_data_settings *settings,
			   const char *in, size_t length, size_t piece);

void assert_as_reference(const struct outcome *outcome, const struct data_reference *reference);
/* Every way to cut `in` into three; byte by byte. */
void assert_every_split(const char *in, size_t length, const struct smtp_data_settings *settings);

/*
 * What mail servers have taken for the end of the data, where it stands between
 * a text and another: as SMTP_LINES_STRICT sees it, and what SMTP_LINES_NORMALISE
 * makes of it with SMTP_NEWLINE_LF.
 */
struct smuggled {
	const char *bytes;
	size_t length;
	unsigned faults;
	const char *dotted;
	size_t dotted_length;
	const char *chunked;
	size_t chunked_length;
};

extern const struct smuggled smuggled[];
extern const int smuggled_count;

#endif
