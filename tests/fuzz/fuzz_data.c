/*
 * fuzz_data.c - the body of a message, cut into pieces at random
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Input: line limit (1 byte), form and seed of the cuts (1 byte), then the bytes behind DATA, which
 * are also taken for those of BDAT.
 */
#include "common/fail/fail.h"
#include "common/smtp/data.h"
#include "common/smtp/hops.h"
#include "tests/fuzz/data_reference.h"
#include "tests/fuzz/hops_reference.h"

#define END "\r\n.\r\n"
#define END_LENGTH (sizeof(END) - 1)
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static const struct {
	enum smtp_data_format format;
	enum smtp_line_endings endings;
} modes[] = {
	{ SMTP_FORMAT_DOTTED, SMTP_LINES_STRICT },  { SMTP_FORMAT_DOTTED, SMTP_LINES_NORMALISE },
	{ SMTP_FORMAT_CHUNKED, SMTP_LINES_STRICT }, { SMTP_FORMAT_CHUNKED, SMTP_LINES_NORMALISE },
	{ SMTP_FORMAT_BINARY, SMTP_LINES_STRICT },  { SMTP_FORMAT_BINARY, SMTP_LINES_NORMALISE },
};

/* A message on its way through. */
struct passage {
	struct smtp_data data;
	struct smtp_hops hops;
	char *out;
	size_t used, written;
};

/* How the body is cut: the next piece has 1 to 16 bytes, or, for seed 0, all of them. */
static size_t next_piece(unsigned *seed, size_t left)
{
	size_t piece;

	if (*seed == 0)
		return left;
	*seed = *seed * 1103515245U + 12345U;
	piece = 1 + (*seed >> 16) % 16;
	return piece < left ? piece : left;
}

static void take(struct passage *passage, const char *bytes, size_t length)
{
	smtp_hops_read(&passage->hops, bytes, length);
	memcpy(passage->out + passage->written, bytes, length);
	passage->written += length;
}

/* Each piece has a buffer of exactly its own size, so that the sanitizer sees every step aside. */
static void decode_piece(struct passage *passage, const char *in, size_t length)
{
	char *piece = malloc(length);
	char *room = malloc(SMTP_DATA_ROOM(length));
	size_t used, written;

	require(piece && room);
	memcpy(piece, in, length);
	used = smtp_data_decode(&passage->data, piece, length, room, &written);
	require(written <= SMTP_DATA_ROOM(length));
	require(used == length || passage->data.ended);
	take(passage, room, written);
	passage->used += used;
	free(piece);
	free(room);
}

static void end(struct passage *passage)
{
	char *room = malloc(SMTP_DATA_ROOM(0));
	size_t written;

	require(room);
	smtp_data_end(&passage->data, room, &written);
	require(written <= SMTP_DATA_ROOM(0));
	take(passage, room, written);
	free(room);
}

static void compare(const struct passage *passage, const struct data_reference *reference)
{
	require(passage->data.ended == reference->ended);
	require(passage->used == reference->used);
	require(passage->data.faults == reference->faults);
	require(passage->data.size == reference->size);
	require(passage->written == reference->written);
	require(memcmp(passage->out, reference->out, reference->written) == 0);
	require(passage->hops.received == hops_reference(reference->out, reference->written));
}

static void check(const char *in, size_t length, const struct smtp_data_settings *settings,
		  unsigned seed)
{
	struct data_reference reference = data_reference(in, length, settings);
	struct passage passage = { .out = malloc(SMTP_DATA_ROOM(length)) };

	require(passage.out);
	smtp_data_begin(&passage.data, settings);
	smtp_hops_begin(&passage.hops);
	while (passage.used < length && !passage.data.ended)
		decode_piece(&passage, in + passage.used, next_piece(&seed, length - passage.used));
	if (settings->format != SMTP_FORMAT_DOTTED)
		end(&passage);
	compare(&passage, &reference);
	free(reference.out);
	free(passage.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	char *in;

	if (length < 2)
		return 0;
	in = malloc(length - 2 + END_LENGTH);
	require(in);
	memcpy(in, input + 2, length - 2);
	memcpy(in + length - 2, END, END_LENGTH);
	for (size_t i = 0; i < COUNT(modes); i++) {
		struct smtp_data_settings settings = {
			.format = modes[i].format,
			.endings = modes[i].endings,
			.newline = input[1] & 1 ? SMTP_NEWLINE_CRLF : SMTP_NEWLINE_LF,
			.line_limit = input[0],
		};

		check(in, length - 2, &settings, input[1] >> 1);
		if (settings.format == SMTP_FORMAT_DOTTED)
			check(in, length - 2 + END_LENGTH, &settings, input[1] >> 1);
	}
	free(in);
	return 0;
}
