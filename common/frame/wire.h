/*
 * wire.h - typed put and get for what passes between processes
 *
 * Numbers are little-endian; a string is its length (u32) and its bytes. No
 * raw structs, no pointers. Both sides remember the first failure, so that a
 * caller checks once, at the end: wire_complete() is true only when nothing
 * failed and, for a reader, every byte was used.
 */
#ifndef POSTERN_COMMON_FRAME_WIRE_H
#define POSTERN_COMMON_FRAME_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_writer {
	uint8_t *bytes;
	size_t size;
	size_t used;
	bool failed; /* it did not fit */
};

struct wire_reader {
	const uint8_t *bytes;
	size_t size;
	size_t used;
	bool failed; /* it was too short, or a bound was broken */
};

struct wire_string {
	const char *bytes; /* within the reader's bytes; no NUL behind it */
	size_t length;
};

void wire_put_u8(struct wire_writer *writer, uint8_t value);
void wire_put_u16(struct wire_writer *writer, uint16_t value);
void wire_put_u32(struct wire_writer *writer, uint32_t value);
void wire_put_u64(struct wire_writer *writer, uint64_t value);
void wire_put_string(struct wire_writer *writer, const char *bytes, size_t length);
void wire_put_bytes(struct wire_writer *writer, const void *bytes, size_t length);

/* After a failure these return 0, and a string of length 0. */
uint8_t wire_get_u8(struct wire_reader *reader);
uint16_t wire_get_u16(struct wire_reader *reader);
uint32_t wire_get_u32(struct wire_reader *reader);
uint64_t wire_get_u64(struct wire_reader *reader);
/* A string longer than `longest` is a failure. */
struct wire_string wire_get_string(struct wire_reader *reader, size_t longest);
void wire_get_bytes(struct wire_reader *reader, void *bytes, size_t length);

/* Reads a string without a NUL in it into text[size]; longer is a failure. */
void wire_get_text(struct wire_reader *reader, char *text, size_t size);

bool wire_reader_complete(const struct wire_reader *reader);

#endif
