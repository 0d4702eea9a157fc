/*
 * siphash.c - SipHash-2-4 with 128 bits of output
 *
 * Runs in: postern-delivery.  Privilege: that of the process.
 * Distrusts: whoever chooses the bytes; the key is secret.
 */
#include "common/hash/siphash.h"

#include <endian.h>
#include <string.h>

#define ROUNDS_WORD 2
#define ROUNDS_END 4

/* What the state is filled with beside the key, and what tells an output of 128 bits. */
static const uint64_t initial[4] = {
	0x736f6d6570736575,
	0x646f72616e646f6d,
	0x6c7967656e657261,
	0x7465646279746573,
};
#define WIDE 0xee
#define FIRST_HALF 0xee
#define SECOND_HALF 0xdd

static inline uint64_t word(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return le64toh(value);
}

static inline uint64_t rotate(uint64_t value, unsigned by)
{
	return value << by | value >> (64 - by);
}

static inline void mix(uint64_t state[4], unsigned rounds)
{
	while (rounds-- > 0) {
		state[0] += state[1];
		state[2] += state[3];
		state[1] = rotate(state[1], 13) ^ state[0];
		state[3] = rotate(state[3], 16) ^ state[2];
		state[0] = rotate(state[0], 32);
		state[2] += state[1];
		state[0] += state[3];
		state[1] = rotate(state[1], 17) ^ state[2];
		state[3] = rotate(state[3], 21) ^ state[0];
		state[2] = rotate(state[2], 32);
	}
}

static inline void add_word(uint64_t state[4], uint64_t value)
{
	state[3] ^= value;
	mix(state, ROUNDS_WORD);
	state[0] ^= value;
}

void siphash_begin(struct siphash *hash, const uint8_t key[SIPHASH_KEY_SIZE])
{
	const uint64_t keys[2] = { word(key), word(key + SIPHASH_WORD) };

	for (unsigned i = 0; i < 4; i++)
		hash->state[i] = initial[i] ^ keys[i % 2];
	hash->state[1] ^= WIDE;
	hash->length = 0;
	hash->rest_length = 0;
}

/* As many of the bytes as complete a word that was begun. */
static size_t fill_rest(struct siphash *hash, const uint8_t *bytes, size_t length)
{
	size_t wanted = SIPHASH_WORD - hash->rest_length;
	size_t taken = length < wanted ? length : wanted;

	memcpy(hash->rest + hash->rest_length, bytes, taken);
	hash->rest_length += taken;
	if (hash->rest_length < SIPHASH_WORD)
		return taken;
	add_word(hash->state, word(hash->rest));
	hash->rest_length = 0;
	return taken;
}

void siphash_add(struct siphash *hash, const void *bytes, size_t length)
{
	const uint8_t *at = bytes, *end = at + length;
	uint64_t state[4]; /* of its own: it stays in registers */

	hash->length += length;
	if (hash->rest_length > 0)
		at += fill_rest(hash, at, length);
	memcpy(state, hash->state, sizeof(state));
	for (; end - at >= SIPHASH_WORD; at += SIPHASH_WORD)
		add_word(state, word(at));
	memcpy(hash->state, state, sizeof(state));
	if (at < end)
		fill_rest(hash, at, (size_t)(end - at));
}

void siphash_add_number(struct siphash *hash, uint64_t number)
{
	const uint64_t bytes = htole64(number);

	siphash_add(hash, &bytes, sizeof(bytes));
}

static uint64_t half(uint64_t state[4])
{
	mix(state, ROUNDS_END);
	return state[0] ^ state[1] ^ state[2] ^ state[3];
}

struct siphash_value siphash_end(struct siphash *hash)
{
	struct siphash_value value;

	memset(hash->rest + hash->rest_length, 0, SIPHASH_WORD - hash->rest_length);
	add_word(hash->state, word(hash->rest) | hash->length << 56);
	hash->state[2] ^= FIRST_HALF;
	value.low = half(hash->state);
	hash->state[1] ^= SECOND_HALF;
	value.high = half(hash->state);
	return value;
}
