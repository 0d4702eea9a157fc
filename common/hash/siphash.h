/*
 * siphash.h - SipHash-2-4 with 128 bits of output
 *
 * A keyed hash (Aumasson and Bernstein, "SipHash: a fast short-input PRF"): who does not
 * know the key can neither choose colliding inputs nor tell the output from noise. The
 * bytes may come in pieces; how they are cut does not matter.
 */
#ifndef POSTERN_COMMON_HASH_SIPHASH_H
#define POSTERN_COMMON_HASH_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_SIZE 16
#define SIPHASH_WORD 8

struct siphash_value {
	uint64_t low, high; /* the first and the last eight bytes of the output, little-endian */
};

struct siphash {
	uint64_t state[4];
	uint64_t length; /* bytes so far */
	uint8_t rest[SIPHASH_WORD];
	size_t rest_length; /* below SIPHASH_WORD */
};

void siphash_begin(struct siphash *hash, const uint8_t key[SIPHASH_KEY_SIZE]);
void siphash_add(struct siphash *hash, const void *bytes, size_t length);
/* Eight bytes, little-endian. */
void siphash_add_number(struct siphash *hash, uint64_t number);
/* The hash is used up afterwards. */
struct siphash_value siphash_end(struct siphash *hash);

#endif
