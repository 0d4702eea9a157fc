/*
 * wire.c - typed put and get for what passes between processes
 *
 * Runs in: every process.  Privilege: that of the process.
 * Distrusts: every byte it reads, and its own callers' sizes.
 */
#include "common/frame/wire.h"

#include <string.h>

static uint8_t *room(struct wire_writer *writer, size_t length)
{
	uint8_t *place;

	if (writer->failed || length > writer->size - writer->used) {
		writer->failed = true;
		return NULL;
	}
	place = writer->bytes + writer->used;
	writer->used += length;
	return place;
}

static void put_little_endian(struct wire_writer *writer, uint64_t value, size_t length)
{
	uint8_t *place = room(writer, length);

	for (size_t i = 0; place && i < length; i++)
		place[i] = (uint8_t)(value >> (8 * i));
}

void wire_put_u8(struct wire_writer *writer, uint8_t value)
{
	put_little_endian(writer, value, sizeof(value));
}

void wire_put_u16(struct wire_writer *writer, uint16_t value)
{
	put_little_endian(writer, value, sizeof(value));
}

void wire_put_u32(struct wire_writer *writer, uint32_t value)
{
	put_little_endian(writer, value, sizeof(value));
}

void wire_put_u64(struct wire_writer *writer, uint64_t value)
{
	put_little_endian(writer, value, sizeof(value));
}

void wire_put_bytes(struct wire_writer *writer, const void *bytes, size_t length)
{
	uint8_t *place = room(writer, length);

	if (place && length)
		memcpy(place, bytes, length);
}

void wire_put_string(struct wire_writer *writer, const char *bytes, size_t length)
{
	if (length > UINT32_MAX) {
		writer->failed = true;
		return;
	}
	wire_put_u32(writer, (uint32_t)length);
	wire_put_bytes(writer, bytes, length);
}

static const uint8_t *take(struct wire_reader *reader, size_t length)
{
	const uint8_t *place;

	if (reader->failed || length > reader->size - reader->used) {
		reader->failed = true;
		return NULL;
	}
	place = reader->bytes + reader->used;
	reader->used += length;
	return place;
}

static uint64_t get_little_endian(struct wire_reader *reader, size_t length)
{
	const uint8_t *place = take(reader, length);
	uint64_t value = 0;

	for (size_t i = 0; place && i < length; i++)
		value |= (uint64_t)place[i] << (8 * i);
	return value;
}

uint8_t wire_get_u8(struct wire_reader *reader)
{
	return (uint8_t)get_little_endian(reader, sizeof(uint8_t));
}

uint16_t wire_get_u16(struct wire_reader *reader)
{
	return (uint16_t)get_little_endian(reader, sizeof(uint16_t));
}

uint32_t wire_get_u32(struct wire_reader *reader)
{
	return (uint32_t)get_little_endian(reader, sizeof(uint32_t));
}

uint64_t wire_get_u64(struct wire_reader *reader)
{
	return get_little_endian(reader, sizeof(uint64_t));
}

void wire_get_bytes(struct wire_reader *reader, void *bytes, size_t length)
{
	const uint8_t *place = take(reader, length);

	if (place && length)
		memcpy(bytes, place, length);
	else
		memset(bytes, 0, length);
}

struct wire_string wire_get_string(struct wire_reader *reader, size_t longest)
{
	struct wire_string string = { "", 0 };
	size_t length = wire_get_u32(reader);
	const uint8_t *place;

	if (length > longest)
		reader->failed = true;
	place = take(reader, length);
	if (place) {
		string.bytes = (const char *)place;
		string.length = length;
	}
	return string;
}

void wire_get_text(struct wire_reader *reader, char *text, size_t size)
{
	struct wire_string string = wire_get_string(reader, size - 1);

	if (memchr(string.bytes, '\0', string.length)) {
		reader->failed = true;
		string.length = 0;
	}
	memcpy(text, string.bytes, string.length);
	text[string.length] = '\0';
}

bool wire_reader_complete(const struct wire_reader *reader)
{
	return !reader->failed && reader->used == reader->size;
}
