/*
 * fuzz_maildirsize.c - the text of maildirsize, and sizes in names of files
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Input: whether there is a limit of bytes (bit 0 of the first byte) and of messages (bit 1), then
 * the text of the file, or a name.
 */
#include "common/fail/fail.h"
#include "delivery/maildirsize.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

#define BYTES 1000
#define MESSAGES 10

/* What was taken has an end, a sum that fits into 63 bits, and is written and read again. */
static void check_usage(const struct quota *quota, const struct usage *usage)
{
	char text[MAILDIRSIZE_TEXT_SIZE];
	struct usage again;
	size_t length;

	require(usage->bytes <= INT64_MAX && usage->messages <= INT64_MAX);
	length = maildirsize_format(quota, usage, text);
	require(length < sizeof(text) && strlen(text) == length);
	require(maildirsize_parse(text, length, quota, &again));
	require(again.bytes == usage->bytes && again.messages == usage->messages);
	require(!again.may_be_old);
}

/* A line more changes the sum by what it says, and is seen. */
static void check_line(const struct quota *quota, const struct usage *usage, const uint8_t *text,
		       size_t length)
{
	static const char line[] = "7 1\n";
	char *longer = malloc(length + strlen(line));
	struct usage sum;

	require(longer);
	memcpy(longer, text, length);
	memcpy(longer + length, line, strlen(line));
	if (maildirsize_parse(longer, length + strlen(line), quota, &sum))
		require(sum.bytes == usage->bytes + 7 && sum.messages == usage->messages + 1 &&
			sum.may_be_old);
	else
		require(length + strlen(line) >= MAILDIRSIZE_MAX || usage->bytes > INT64_MAX - 7 ||
			usage->messages > INT64_MAX - 1);
	free(longer);
}

static void check_name(const uint8_t *input, size_t length)
{
	char *name = strndup((const char *)input, length);
	uint64_t size;

	require(name);
	if (maildirsize_of_name(name, &size))
		require(size <= INT64_MAX && strstr(name, ",S="));
	free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	struct quota quota = { 0, 0 };
	struct usage usage;

	if (length == 0)
		return 0;
	quota.bytes = input[0] & 1 ? BYTES : 0;
	quota.messages = input[0] & 2 ? MESSAGES : 0;
	input++;
	length--;
	if (maildirsize_parse((const char *)input, length, &quota, &usage)) {
		require(length < MAILDIRSIZE_MAX && input[length - 1] == '\n');
		if (quota.bytes > 0 || quota.messages > 0)
			check_usage(&quota, &usage);
		check_line(&quota, &usage, input, length);
	}
	check_name(input, length);
	return 0;
}
