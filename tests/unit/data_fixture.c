/*
 * data_fixture.c - bodies, whole and in pieces, held against the slow reference
 */
#include "tests/unit/data_fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* security.md 1, CVE-2023-51764, -51765, -51766, -52354, CVE-2024-27305 */
const struct smuggled smuggled[] = {
	{ BYTES("\n.\n"), SMTP_DATA_BARE_LF, BYTES("\n.\n"), BYTES("\n.\n") },
	{ BYTES("\n.\r\n"), SMTP_DATA_BARE_LF, BYTES("\n.\n"), BYTES("\n.\n") },
	{ BYTES("\r\n.\n"), SMTP_DATA_BARE_LF, BYTES("\n\n"), BYTES("\n.\n") },
	{ BYTES("\r.\r"), SMTP_DATA_BARE_CR, BYTES("\n.\n"), BYTES("\n.\n") },
	{ BYTES("\r.\r\n"), SMTP_DATA_BARE_CR, BYTES("\n.\n"), BYTES("\n.\n") },
	{ BYTES("\r\n.\r"), SMTP_DATA_BARE_CR, BYTES("\n\n"), BYTES("\n.\n") },
	{ BYTES("\n.\r"), SMTP_DATA_BARE_LF | SMTP_DATA_BARE_CR, BYTES("\n.\n"), BYTES("\n.\n") },
	{ BYTES("\r.\n"), SMTP_DATA_BARE_LF | SMTP_DATA_BARE_CR, BYTES("\n.\n"), BYTES("\n.\n") },
	{ BYTES("\n\n.\n\n"), SMTP_DATA_BARE_LF, BYTES("\n\n.\n\n"), BYTES("\n\n.\n\n") },
	{ BYTES("\n\n.\r\n"), SMTP_DATA_BARE_LF, BYTES("\n\n.\n"), BYTES("\n\n.\n") },
	{ BYTES("\n\r.\r\n"), SMTP_DATA_BARE_LF | SMTP_DATA_BARE_CR, BYTES("\n\n.\n"),
	  BYTES("\n\n.\n") },
	{ BYTES("\n\r.\n\r"), SMTP_DATA_BARE_LF | SMTP_DATA_BARE_CR, BYTES("\n\n.\n\n"),
	  BYTES("\n\n.\n\n") },
	{ BYTES("\r\r.\r\n"), SMTP_DATA_BARE_CR, BYTES("\n\n.\n"), BYTES("\n\n.\n") },
	{ BYTES("\n\r\n.\n"), SMTP_DATA_BARE_LF, BYTES("\n\n\n"), BYTES("\n\n.\n") },
	{ BYTES("\r\n.\r\r\n"), SMTP_DATA_BARE_CR, BYTES("\n\n\n"), BYTES("\n.\n\n") },
	{ BYTES("\r\n.\r\r"), SMTP_DATA_BARE_CR, BYTES("\n\n\n"), BYTES("\n.\n\n") },
	{ BYTES("\r\n.\n\r\n"), SMTP_DATA_BARE_LF, BYTES("\n\n\n"), BYTES("\n.\n\n") },
	{ BYTES("\r\n.\n\n"), SMTP_DATA_BARE_LF, BYTES("\n\n\n"), BYTES("\n.\n\n") },
	{ BYTES("\r\n.\n\r"), SMTP_DATA_BARE_LF | SMTP_DATA_BARE_CR, BYTES("\n\n\n"),
	  BYTES("\n.\n\n") },
	{ BYTES("\r\r\n.\r\r\n"), SMTP_DATA_BARE_CR, BYTES("\n\n\n\n"), BYTES("\n\n.\n\n") },
	{ BYTES("\r\r\n.\n"), SMTP_DATA_BARE_LF | SMTP_DATA_BARE_CR, BYTES("\n\n\n"),
	  BYTES("\n\n.\n") },
	{ BYTES("\r\n\r.\r\n"), SMTP_DATA_BARE_CR, BYTES("\n\n.\n"), BYTES("\n\n.\n") },
	{ BYTES("\r\n\n.\r\n"), SMTP_DATA_BARE_LF, BYTES("\n\n.\n"), BYTES("\n\n.\n") },
	{ BYTES("\r\n.\r.\r\n"), SMTP_DATA_BARE_CR, BYTES("\n\n.\n"), BYTES("\n.\n.\n") },
	{ BYTES("\r\n.\n.\r\n"), SMTP_DATA_BARE_LF, BYTES("\n\n.\n"), BYTES("\n.\n.\n") },
	{ BYTES("\n..\r\n"), SMTP_DATA_BARE_LF, BYTES("\n..\n"), BYTES("\n..\n") },
	{ BYTES("\r..\r\n"), SMTP_DATA_BARE_CR, BYTES("\n..\n"), BYTES("\n..\n") },
	{ BYTES("\r\n..\n"), SMTP_DATA_BARE_LF, BYTES("\n.\n"), BYTES("\n..\n") },
	{ BYTES("\r\n..\r"), SMTP_DATA_BARE_CR, BYTES("\n.\n"), BYTES("\n..\n") },
	{ BYTES("\r\n\0.\r\n"), SMTP_DATA_NUL, BYTES("\n\0.\n"), BYTES("\n\0.\n") },
	{ BYTES("\r\n.\0\r\n"), SMTP_DATA_NUL, BYTES("\n\0\n"), BYTES("\n.\0\n") },
	{ BYTES("\r\0\n.\r\n"), SMTP_DATA_NUL | SMTP_DATA_BARE_LF | SMTP_DATA_BARE_CR,
	  BYTES("\n\0\n.\n"), BYTES("\n\0\n.\n") },
	{ BYTES("\r\n.\r\0\n"), SMTP_DATA_NUL | SMTP_DATA_BARE_LF | SMTP_DATA_BARE_CR,
	  BYTES("\n\n\0\n"), BYTES("\n.\n\0\n") },
	{ BYTES("\n\0.\r\n"), SMTP_DATA_NUL | SMTP_DATA_BARE_LF, BYTES("\n\0.\n"),
	  BYTES("\n\0.\n") },
	{ BYTES("\r\0.\r\n"), SMTP_DATA_NUL | SMTP_DATA_BARE_CR, BYTES("\n\0.\n"),
	  BYTES("\n\0.\n") },
	{ BYTES("\0\n.\n"), SMTP_DATA_NUL | SMTP_DATA_BARE_LF, BYTES("\0\n.\n"), BYTES("\0\n.\n") },
	{ BYTES("\r \n.\r\n"), SMTP_DATA_BARE_LF | SMTP_DATA_BARE_CR, BYTES("\n \n.\n"),
	  BYTES("\n \n.\n") },
	{ BYTES("\r\n.\r \n"), SMTP_DATA_BARE_LF | SMTP_DATA_BARE_CR, BYTES("\n\n \n"),
	  BYTES("\n.\n \n") },
	/* CR and LF with the eighth bit */
	{ BYTES("\x8D\n.\r\n"), SMTP_DATA_BARE_LF, BYTES("\x8D\n.\n"), BYTES("\x8D\n.\n") },
	{ BYTES("\r\x8A.\r\n"), SMTP_DATA_BARE_CR, BYTES("\n\x8A.\n"), BYTES("\n\x8A.\n") },
	{ BYTES("\r\n.\x8D\n"), SMTP_DATA_BARE_LF, BYTES("\n\x8D\n"), BYTES("\n.\x8D\n") },
	{ BYTES("\r\n.\r\x8A"), SMTP_DATA_BARE_CR, BYTES("\n\n\x8A"), BYTES("\n.\n\x8A") },
};
const int smuggled_count = sizeof(smuggled) / sizeof(smuggled[0]);

struct smtp_data_settings strict_data(enum smtp_newline newline, size_t line_limit)
{
	return (struct smtp_data_settings){ .format = SMTP_FORMAT_DOTTED,
					    .endings = SMTP_LINES_STRICT,
					    .newline = newline,
					    .line_limit = line_limit };
}

void outcome_begin(struct outcome *outcome, const struct smtp_data_settings *settings)
{
	outcome->used = outcome->written = 0;
	smtp_data_begin(&outcome->data, settings);
}

static void take(struct outcome *outcome, const char *bytes, size_t length)
{
	EXPECT(length <= sizeof(outcome->out) - outcome->written);
	memcpy(outcome->out + outcome->written, bytes, length);
	outcome->written += length;
}

void outcome_feed(struct outcome *outcome, const char *in, size_t length)
{
	char *piece = malloc(length);
	char *room = malloc(SMTP_DATA_ROOM(length));
	size_t written = 0;
	size_t used;

	EXPECT(room && (piece || length == 0));
	if (length > 0)
		memcpy(piece, in, length);
	used = smtp_data_decode(&outcome->data, piece, length, room, &written);
	EXPECT(written <= SMTP_DATA_ROOM(length));
	EXPECT(used == length || outcome->data.ended);
	take(outcome, room, written);
	outcome->used += used;
	free(piece);
	free(room);
}

void outcome_end_chunks(struct outcome *outcome)
{
	char *room = malloc(SMTP_DATA_ROOM(0));
	size_t written = 0;

	EXPECT(room);
	if (outcome->data.settings.format != SMTP_FORMAT_DOTTED) {
		EXPECT(!outcome->data.ended);
		smtp_data_end(&outcome->data, room, &written);
		EXPECT(written <= SMTP_DATA_ROOM(0));
	}
	take(outcome, room, written);
	free(room);
}

void outcome_decode(struct outcome *outcome, const struct smtp_data_settings *settings,
		    const char *in, size_t length, size_t first, size_t second)
{
	outcome_begin(outcome, settings);
	outcome_feed(outcome, in, first);
	if (!outcome->data.ended)
		outcome_feed(outcome, in + first, second - first);
	if (!outcome->data.ended)
		outcome_feed(outcome, in + second, length - second);
	outcome_end_chunks(outcome);
}

void outcome_decode_pieces(struct outcome *outcome, const struct smtp_data_settings *settings,
			   const char *in, size_t length, size_t piece)
{
	outcome_begin(outcome, settings);
	for (size_t at = 0; at < length && !outcome->data.ended; at += piece)
		outcome_feed(outcome, in + at, length - at < piece ? length - at : piece);
	outcome_end_chunks(outcome);
}

void assert_as_reference(const struct outcome *outcome, const struct data_reference *reference)
{
	EXPECT(outcome->data.ended == reference->ended);
	EXPECT(outcome->used == reference->used);
	EXPECT(outcome->data.faults == reference->faults);
	EXPECT(outcome->data.size == reference->size);
	EXPECT(outcome->written == reference->written);
	EXPECT(memcmp(outcome->out, reference->out, reference->written) == 0);
}

void assert_every_split(const char *in, size_t length, const struct smtp_data_settings *settings)
{
	struct data_reference reference = data_reference(in, length, settings);
	static struct outcome outcome;

	for (size_t second = 0; second <= length; second++) {
		for (size_t first = 0; first <= second; first++) {
			outcome_decode(&outcome, settings, in, length, first, second);
			assert_as_reference(&outcome, &reference);
		}
	}
	outcome_decode_pieces(&outcome, settings, in, length, 1);
	assert_as_reference(&outcome, &reference);
	free(reference.out);
}
