/*
 * fuzz_data.c - the body that follows DATA, cut into pieces at random
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Input: line limit (1 byte), form and seed of the cuts (1 byte), then the bytes behind DATA.
 */
#include "common/fail/fail.h"
#include "common/smtp/data.h"
#include "tests/fuzz/data_reference.h"

#define END "\r\n.\r\n"
#define END_LENGTH (sizeof(END) - 1)

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

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

/* Each piece has a buffer of exactly its own size, so that the sanitizer sees every step aside. */
static size_t decode_piece(struct smtp_data *data, const char *in, size_t length, char *out,
			   size_t *written)
{
	char *piece = malloc(length);
	char *room = malloc(SMTP_DATA_ROOM(length));
	size_t used;

	require(piece && room);
	memcpy(piece, in, length);
	used = smtp_data_decode(data, piece, length, room, written);
	require(*written <= SMTP_DATA_ROOM(length));
	require(used == length || data->ended);
	memcpy(out, room, *written);
	free(piece);
	free(room);
	return used;
}

static void compare(const struct smtp_data *data, const struct data_reference *reference,
		    const char *out, size_t written, size_t used)
{
	require(data->ended == reference->ended);
	require(used == reference->used);
	require((data->faults & ~(unsigned)SMTP_DATA_LONG_LINE) ==
		(reference->faults & ~(unsigned)SMTP_DATA_LONG_LINE));
	if (!reference->ended)
		return;
	require(data->faults == reference->faults);
	require(data->size == reference->size);
	require(written == reference->written);
	require(memcmp(out, reference->out, written) == 0);
}

static void check(const char *in, size_t length, enum smtp_newline newline, size_t limit,
		  unsigned seed)
{
	struct data_reference reference = data_reference(in, length, newline, limit);
	char *out = malloc(SMTP_DATA_ROOM(length));
	size_t used = 0, total = 0, written;
	struct smtp_data data;

	require(out);
	smtp_data_begin(&data, newline, limit);
	while (used < length && !data.ended) {
		size_t piece = next_piece(&seed, length - used);

		used += decode_piece(&data, in + used, piece, out + total, &written);
		total += written;
	}
	compare(&data, &reference, out, total, used);
	free(reference.out);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	enum smtp_newline newline;
	char *in;

	if (length < 2)
		return 0;
	newline = input[1] & 1 ? SMTP_NEWLINE_CRLF : SMTP_NEWLINE_LF;
	in = malloc(length - 2 + END_LENGTH);
	require(in);
	memcpy(in, input + 2, length - 2);
	memcpy(in + length - 2, END, END_LENGTH);
	check(in, length - 2, newline, input[0], input[1] >> 1);
	check(in, length - 2 + END_LENGTH, newline, input[0], input[1] >> 1);
	free(in);
	return 0;
}
