/*
 * fuzz_journal.c - the record of intent, as recovery reads it
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Input: the first byte says whether the rest is the whole file (0), or what stands behind a
 * head that fits it.
 */
#include "delivery/journal.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

#define HEAD_SIZE 16

static uint64_t checksum(const uint8_t *bytes, size_t length)
{
	uint64_t sum = 14695981039346656037u;

	for (size_t i = 0; i < length; i++)
		sum = (sum ^ bytes[i]) * 1099511628211u;
	return sum;
}

static void write_file(int file, const uint8_t *input, size_t length)
{
	uint8_t bytes[HEAD_SIZE];
	struct wire_writer head = { bytes, sizeof(bytes), 0, false };

	wire_put_u32(&head, 0x314a5450u);
	wire_put_u32(&head, (uint32_t)length);
	wire_put_u64(&head, checksum(input, length));
	require(write(file, bytes, sizeof(bytes)) == HEAD_SIZE);
	require(write(file, input, length) == (ssize_t)length);
}

static void check_name(const char *name)
{
	require(*name != '\0' && *name != '.' && !strchr(name, '/'));
}

static void read_targets(struct journal_reader *reader, const struct journal_message *message)
{
	struct journal_target target;

	check_name(message->name);
	for (uint32_t i = 0; i < message->targets; i++) {
		if (!journal_next_target(reader, message, &target))
			return;
		check_name(target.name);
		require(strlen(target.path) < PATH_MAX);
		require((const uint8_t *)target.path > reader->bytes);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	struct journal journal = { .file = memfd_create("journal", MFD_CLOEXEC) };
	struct journal_reader reader;
	struct journal_message message;

	require(journal.file >= 0);
	if (length > 0 && input[0] == 0)
		require(write(journal.file, input + 1, length - 1) == (ssize_t)length - 1);
	else if (length > 0)
		write_file(journal.file, input + 1, length - 1);
	require(journal_read(&journal, &reader));
	while (journal_next_message(&reader, &message))
		read_targets(&reader, &message);
	journal_reader_free(&reader);
	journal_close(&journal);
	return 0;
}
