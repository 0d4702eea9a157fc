/*
 * test_data_formats.c - bodies of DATA and of BDAT, their bare CR and LF refused or normalised
 *
 * Covers C-10, C-14, D-08, D-48, security.md 1 "SMTP smuggling".
 * Runs in: the tests.  Privilege: none.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/smtp/data.h"
#include "tests/unit/data_fixture.h"
#include "tests/unit/runner.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

/* Every mode there is; the line limit comes from the test. */
static const struct smtp_data_settings modes[] = {
	{ SMTP_FORMAT_DOTTED, SMTP_LINES_STRICT, SMTP_NEWLINE_CRLF, LIMIT },
	{ SMTP_FORMAT_DOTTED, SMTP_LINES_STRICT, SMTP_NEWLINE_LF, LIMIT },
	{ SMTP_FORMAT_DOTTED, SMTP_LINES_NORMALISE, SMTP_NEWLINE_CRLF, LIMIT },
	{ SMTP_FORMAT_DOTTED, SMTP_LINES_NORMALISE, SMTP_NEWLINE_LF, LIMIT },
	{ SMTP_FORMAT_CHUNKED, SMTP_LINES_STRICT, SMTP_NEWLINE_CRLF, LIMIT },
	{ SMTP_FORMAT_CHUNKED, SMTP_LINES_STRICT, SMTP_NEWLINE_LF, LIMIT },
	{ SMTP_FORMAT_CHUNKED, SMTP_LINES_NORMALISE, SMTP_NEWLINE_CRLF, LIMIT },
	{ SMTP_FORMAT_CHUNKED, SMTP_LINES_NORMALISE, SMTP_NEWLINE_LF, LIMIT },
	{ SMTP_FORMAT_BINARY, SMTP_LINES_STRICT, SMTP_NEWLINE_CRLF, LIMIT },
	{ SMTP_FORMAT_BINARY, SMTP_LINES_STRICT, SMTP_NEWLINE_LF, LIMIT },
	{ SMTP_FORMAT_BINARY, SMTP_LINES_NORMALISE, SMTP_NEWLINE_CRLF, LIMIT },
	{ SMTP_FORMAT_BINARY, SMTP_LINES_NORMALISE, SMTP_NEWLINE_LF, LIMIT },
};

static struct smtp_data_settings mode_of(enum smtp_data_format format,
					 enum smtp_line_endings endings)
{
	return (struct smtp_data_settings){ format, endings, SMTP_NEWLINE_LF, LIMIT };
}

/* Bytes put together. */
struct text {
	char bytes[256];
	size_t length;
};

static void append(struct text *text, const char *bytes, size_t length)
{
	ck_assert_uint_le(length, sizeof(text->bytes) - text->length);
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

/* What is handed out with SMTP_NEWLINE_CRLF when it is `lf` with SMTP_NEWLINE_LF. */
static struct text with_crlf(const struct text *lf)
{
	struct text text = { .length = 0 };

	for (size_t i = 0; i < lf->length; i++) {
		if (lf->bytes[i] == '\n')
			append(&text, "\r", 1);
		append(&text, lf->bytes + i, 1);
	}
	return text;
}

static void assert_out(const struct outcome *outcome, const struct text *text)
{
	EXPECT(outcome->written == text->length);
	EXPECT(memcmp(outcome->out, text->bytes, text->length) == 0);
}

/* What stands before the sequence, and what becomes of it. */
static const struct {
	const char *before, *dotted, *chunked;
} befores[] = {
	{ "Subject: a", "Subject: a", "Subject: a" },
	{ "a\r\n", "a\n", "a\n" },
	{ "", "", "" },
	{ "..", ".", ".." },
};

#define BEHIND "RSET\r\n.\r\n"
#define MORE "b\r\n.\r\nNOOP\r\n"

/* The text, the sequence, a command, the end; then another message and a command. */
static struct text smuggle(int row, int before)
{
	struct text text = { .length = 0 };

	append(&text, befores[before].before, strlen(befores[before].before));
	append(&text, smuggled[row].bytes, smuggled[row].length);
	append(&text, BYTES(BEHIND));
	append(&text, BYTES(MORE));
	return text;
}

/* How many ends there are in all of it, cut at one place. */
static int count_ends(const struct smtp_data_settings *settings, const struct text *in, size_t cut)
{
	static struct outcome outcome;
	size_t at = 0;
	int ends = 0;

	outcome_begin(&outcome, settings);
	while (at < in->length) {
		size_t until = at < cut ? cut : in->length;

		outcome.used = 0;
		outcome_feed(&outcome, in->bytes + at, until - at);
		at += outcome.used;
		if (outcome.data.ended) {
			ends++;
			outcome_begin(&outcome, settings);
		}
	}
	return ends;
}

/* security.md 1: two messages are two, whatever is in them; BDAT knows no end in its bytes. */
START_TEST(number_of_ends)
{
	for (int before = 0; before < COUNT(befores); before++) {
		struct text in = smuggle(_i, before);

		for (int mode = 0; mode < COUNT(modes); mode++) {
			int ends = modes[mode].format == SMTP_FORMAT_DOTTED ? 2 : 0;

			for (size_t cut = 0; cut <= in.length; cut++)
				EXPECT(count_ends(&modes[mode], &in, cut) == ends);
		}
	}
}
END_TEST

/* security.md 1: each sequence, each mode, each split, against the slow reference. */
START_TEST(every_mode_and_split)
{
	for (int before = 0; before < COUNT(befores); before++) {
		struct text in = smuggle(_i, before);

		for (int mode = 0; mode < COUNT(modes); mode++)
			assert_every_split(in.bytes, in.length, &modes[mode]);
	}
}
END_TEST

static void assert_normalised(const struct text *in, const struct text *lf,
			      enum smtp_data_format format, unsigned faults)
{
	struct smtp_data_settings settings = mode_of(format, SMTP_LINES_NORMALISE);
	struct text crlf = with_crlf(lf);
	static struct outcome outcome;

	for (size_t cut = 0; cut <= in->length; cut++) {
		settings.newline = SMTP_NEWLINE_LF;
		outcome_decode(&outcome, &settings, in->bytes, in->length, cut, in->length);
		assert_out(&outcome, lf);
		settings.newline = SMTP_NEWLINE_CRLF;
		outcome_decode(&outcome, &settings, in->bytes, in->length, cut, in->length);
		assert_out(&outcome, &crlf);
		/* RFC 1870 3: the size is that of the normalised form */
		EXPECT(outcome.data.size == crlf.length);
		EXPECT(outcome.data.faults == faults);
	}
}

/* D-08, security.md 1: a bare CR or LF ends a line, is no part of the end, and leaves dots alone.
 */
START_TEST(normalises_dotted)
{
	for (int before = 0; before < COUNT(befores); before++) {
		struct text in = smuggle(_i, before), lf = { .length = 0 };

		append(&lf, befores[before].dotted, strlen(befores[before].dotted));
		append(&lf, smuggled[_i].dotted, smuggled[_i].dotted_length);
		append(&lf, BYTES("RSET\n"));
		assert_normalised(&in, &lf, SMTP_FORMAT_DOTTED,
				  smuggled[_i].faults & SMTP_DATA_NUL);
	}
}
END_TEST

/* The same of BDAT, where every dot stays. */
START_TEST(normalises_chunked)
{
	for (int before = 0; before < COUNT(befores); before++) {
		struct text in = smuggle(_i, before), lf = { .length = 0 };

		append(&lf, befores[before].chunked, strlen(befores[before].chunked));
		append(&lf, smuggled[_i].chunked, smuggled[_i].chunked_length);
		append(&lf, BYTES("RSET\n.\nb\n.\nNOOP\n"));
		assert_normalised(&in, &lf, SMTP_FORMAT_CHUNKED,
				  smuggled[_i].faults & SMTP_DATA_NUL);
	}
}
END_TEST

/* C-10: chunks are handed out as they are, CR LF becoming LF; each bare CR or LF is a fault. */
START_TEST(chunked_and_strict)
{
	struct smtp_data_settings settings = mode_of(SMTP_FORMAT_CHUNKED, SMTP_LINES_STRICT);
	struct text in = smuggle(_i, 0), lf = { .length = 0 };
	static struct outcome outcome;

	for (size_t i = 0; i < in.length; i++)
		if (in.bytes[i] != '\r' || in.bytes[i + 1] != '\n')
			append(&lf, in.bytes + i, 1);
	for (size_t cut = 0; cut <= in.length; cut++) {
		outcome_decode(&outcome, &settings, in.bytes, in.length, cut, in.length);
		assert_out(&outcome, &lf);
		EXPECT(outcome.data.size == in.length);
		EXPECT(outcome.data.faults == smuggled[_i].faults);
	}
}
END_TEST

/* C-10: RFC 3030 3: not one byte is changed, none is a fault. */
START_TEST(binary_is_verbatim)
{
	struct text in = smuggle(_i, 0);
	static struct outcome outcome;

	for (int mode = 0; mode < COUNT(modes); mode++) {
		struct smtp_data_settings settings = modes[mode];

		settings.format = SMTP_FORMAT_BINARY;
		settings.line_limit = 4;
		for (size_t cut = 0; cut <= in.length; cut++) {
			outcome_decode(&outcome, &settings, in.bytes, in.length, cut, in.length);
			assert_out(&outcome, &in);
			EXPECT(outcome.data.size == in.length);
			EXPECT(outcome.data.faults == 0);
		}
	}
}
END_TEST

static const struct {
	const char *in, *strict, *normalised;
	uint64_t strict_size, normalised_size;
	unsigned faults;
} chunks[] = {
	{ "", "", "", 0, 0, 0 },
	{ "a", "a", "a", 1, 1, 0 }, /* RFC 3030 2: the last line may be without CR LF */
	{ "a\r\nb", "a\nb", "a\nb", 4, 4, 0 },
	{ ".", ".", ".", 1, 1, 0 },
	{ "..a\r\n.\r\n", "..a\n.\n", "..a\n.\n", 8, 8, 0 },
	{ "\r\n.\r\n.\r\n", "\n.\n.\n", "\n.\n.\n", 8, 8, 0 },
	{ "a\r", "a\r", "a\n", 2, 3, SMTP_DATA_BARE_CR },
	{ "\r", "\r", "\n", 1, 2, SMTP_DATA_BARE_CR },
	{ "a\r\r", "a\r\r", "a\n\n", 3, 5, SMTP_DATA_BARE_CR },
	{ "a\r\n.\r", "a\n.\r", "a\n.\n", 5, 6, SMTP_DATA_BARE_CR },
	{ "a\n", "a\n", "a\n", 2, 3, SMTP_DATA_BARE_LF },
	{ "\n\r\n\n", "\n\n\n", "\n\n\n", 4, 6, SMTP_DATA_BARE_LF },
	{ "\r\r\n", "\r\n", "\n\n", 3, 4, SMTP_DATA_BARE_CR },
	/* D-48: characters of several bytes */
	{ "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x93\xAC\r\n", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x93\xAC\n",
	  "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x93\xAC\n", 11, 11, 0 },
};

/* C-10, D-48: text that comes in chunks, whatever their size, and how it may end. */
START_TEST(chunks_and_their_end)
{
	struct smtp_data_settings strict = mode_of(SMTP_FORMAT_CHUNKED, SMTP_LINES_STRICT);
	struct smtp_data_settings normalise = mode_of(SMTP_FORMAT_CHUNKED, SMTP_LINES_NORMALISE);
	size_t length = strlen(chunks[_i].in);
	static struct outcome outcome;

	for (size_t chunk = 1; chunk <= length + 1; chunk++) {
		outcome_decode_pieces(&outcome, &strict, chunks[_i].in, length, chunk);
		ck_assert(outcome.data.ended);
		ck_assert_uint_eq(outcome.data.faults, chunks[_i].faults);
		ck_assert_uint_eq(outcome.data.size, chunks[_i].strict_size);
		ck_assert_uint_eq(outcome.written, strlen(chunks[_i].strict));
		ck_assert_mem_eq(outcome.out, chunks[_i].strict, outcome.written);

		outcome_decode_pieces(&outcome, &normalise, chunks[_i].in, length, chunk);
		ck_assert(outcome.data.ended);
		ck_assert_uint_eq(outcome.data.faults, 0);
		ck_assert_uint_eq(outcome.data.size, chunks[_i].normalised_size);
		ck_assert_uint_eq(outcome.written, strlen(chunks[_i].normalised));
		ck_assert_mem_eq(outcome.out, chunks[_i].normalised, outcome.written);
	}
}
END_TEST

/* Behind the last chunk nothing is taken, and it ends once. */
START_TEST(nothing_behind_the_last_chunk)
{
	static struct outcome outcome;
	char out[SMTP_DATA_ROOM(3)];
	size_t written;

	for (int mode = 0; mode < COUNT(modes); mode++) {
		if (modes[mode].format == SMTP_FORMAT_DOTTED)
			continue;
		outcome_begin(&outcome, &modes[mode]);
		outcome_feed(&outcome, "a\r", 2);
		outcome_end_chunks(&outcome);
		ck_assert_uint_eq(smtp_data_decode(&outcome.data, "b\r\n", 3, out, &written), 0);
		ck_assert_uint_eq(written, 0);
		smtp_data_end(&outcome.data, out, &written);
		ck_assert_uint_eq(written, 0);
	}
}
END_TEST

/* The end of DATA is in its bytes: no caller may say it. */
START_TEST(dotted_is_not_ended_by_the_caller)
{
	struct smtp_data_settings settings = strict_data(SMTP_NEWLINE_LF, LIMIT);
	char out[SMTP_DATA_ROOM(0)];
	struct smtp_data data;
	size_t written;

	smtp_data_begin(&data, &settings);
	smtp_data_end(&data, out, &written);
}
END_TEST

static const struct {
	const char *in;
	bool is_long;
} lines[] = {
	{ "12345678\n12345678\r12345678\r\n.\r\n", false },
	{ "123456789\n\r\n.\r\n", true }, /* a line end counts as two bytes */
	{ "123456789\r\r\n.\r\n", true },
	{ "1\n123456789\n\r\n.\r\n", true },
	{ ".12345678\n\r\n.\r\n", false },   /* the dot behind CR LF is not of the line */
	{ "1\n.12345678\n\r\n.\r\n", true }, /* the one behind a bare LF is */
	{ "1\n.1234567\r.1234567\r\n.\r\n", false },
};

/* B-49: a normalised line end begins a new line, for its length too. */
START_TEST(limits_normalised_lines)
{
	struct smtp_data_settings settings = mode_of(SMTP_FORMAT_DOTTED, SMTP_LINES_NORMALISE);
	size_t length = strlen(lines[_i].in);
	static struct outcome outcome;

	settings.line_limit = 10;
	outcome_decode(&outcome, &settings, lines[_i].in, length, 0, length);
	ck_assert_uint_eq(outcome.data.faults, lines[_i].is_long ? SMTP_DATA_LONG_LINE : 0);
	assert_every_split(lines[_i].in, length, &settings);
}
END_TEST

/* D-48: a long message with all that can be in it, in pieces of many sizes, in every mode. */
START_TEST(long_messages_in_pieces)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz.\xC3\xA4\r\n";
	struct smtp_data_settings settings = modes[_i];
	static struct outcome outcome;
	struct data_reference reference;
	static char in[8192];
	unsigned seed = 1;

	for (size_t i = 0; i < sizeof(in); i++) {
		seed = seed * 1103515245U + 12345U;
		in[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
	}
	settings.line_limit = 80;
	reference = data_reference(in, sizeof(in), &settings);
	for (size_t piece = 1; piece <= sizeof(in); piece += piece < 100 ? 1 : 89) {
		outcome_decode_pieces(&outcome, &settings, in, sizeof(in), piece);
		assert_as_reference(&outcome, &reference);
	}
	free(reference.out);
}
END_TEST

/* The body with this number among those of six bytes of an alphabet of five; its end in two. */
static void spell(char *in, unsigned number)
{
	static const char alphabet[] = { '\r', '\n', '.', 'a', '\0' };

	for (unsigned i = 0; i < 6; i++, number /= 5)
		in[i] = alphabet[number % 5];
	memcpy(in + 6, "\r\n.\r\n", 5);
}

/* security.md 1: every body of six bytes of this alphabet, with its end and without, in every mode.
 */
START_TEST(all_short_bodies)
{
	struct smtp_data_settings settings = modes[_i];
	static struct outcome outcome;
	char in[11];

	settings.line_limit = 4;
	for (unsigned number = 0; number < 5 * 5 * 5 * 5 * 5 * 5; number++) {
		spell(in, number);
		for (size_t length = 6; length <= sizeof(in); length += 5) {
			struct data_reference reference = data_reference(in, length, &settings);
			size_t cut = number % (length + 1);

			outcome_decode(&outcome, &settings, in, length, cut, length);
			assert_as_reference(&outcome, &reference);
			outcome_decode_pieces(&outcome, &settings, in, length, 1);
			assert_as_reference(&outcome, &reference);
			free(reference.out);
		}
	}
}
END_TEST

/* What one call writes for in[begin, end), the bytes before having come in another. */
static size_t room_used(const struct smtp_data_settings *settings, const char *in, size_t begin,
			size_t end)
{
	static struct outcome outcome;
	size_t before;

	outcome_begin(&outcome, settings);
	outcome_feed(&outcome, in, begin);
	before = outcome.written;
	if (!outcome.data.ended)
		outcome_feed(&outcome, in + begin, end - begin);
	return outcome.written - before;
}

/*
 * data.h: the room that is asked for. The most that any call writes is known
 * for every short input in every state, and it is what the comment says.
 */
START_TEST(room_is_enough)
{
	const struct smtp_data_settings *settings = &modes[_i];
	bool may_grow = settings->endings == SMTP_LINES_NORMALISE &&
			settings->newline == SMTP_NEWLINE_CRLF &&
			settings->format != SMTP_FORMAT_BINARY;
	size_t most[7] = { 0 };
	char in[11];

	for (unsigned number = 0; number < 5 * 5 * 5 * 5 * 5 * 5; number++) {
		spell(in, number);
		for (size_t begin = 0; begin <= 6; begin++) {
			size_t used = room_used(settings, in, begin, 6);

			if (used > most[6 - begin])
				most[6 - begin] = used;
		}
	}
	ck_assert_uint_eq(most[0], 0);
	for (size_t length = 1; length <= 5; length++) {
		ck_assert_uint_lt(most[length], SMTP_DATA_ROOM(length));
		ck_assert_uint_le(most[length], may_grow ? 2 * length + 1 : length + 1);
		if (may_grow && length > 1)
			ck_assert_uint_eq(most[length], 2 * length + 1);
	}
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, number_of_ends, 0, smuggled_count);
	tcase_add_loop_test(tests, every_mode_and_split, 0, smuggled_count);
	tcase_add_loop_test(tests, normalises_dotted, 0, smuggled_count);
	tcase_add_loop_test(tests, normalises_chunked, 0, smuggled_count);
	tcase_add_loop_test(tests, chunked_and_strict, 0, smuggled_count);
	tcase_add_loop_test(tests, binary_is_verbatim, 0, smuggled_count);
	tcase_add_loop_test(tests, chunks_and_their_end, 0, COUNT(chunks));
	tcase_add_test(tests, nothing_behind_the_last_chunk);
	tcase_add_test_raise_signal(tests, dotted_is_not_ended_by_the_caller, SIGABRT);
	tcase_add_loop_test(tests, limits_normalised_lines, 0, COUNT(lines));
	tcase_add_loop_test(tests, long_messages_in_pieces, 0, COUNT(modes));
	tcase_add_loop_test(tests, all_short_bodies, 0, COUNT(modes));
	tcase_add_loop_test(tests, room_is_enough, 0, COUNT(modes));
	tcase_set_timeout(tests, 120); /* for the slowest machine with sanitizers */
}

int main(void)
{
	Suite *suite = suite_create("data_formats");
	TCase *tests = tcase_create("data_formats");

	add_tests(tests);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
