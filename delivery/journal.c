/*
 * journal.c - which messages are being moved into several mailboxes: the record of intent
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: the file: a crash may have left any part of a record. Length and checksum
 * tell a whole one; what it says is read with bounds all the same.
 *
 * A record: magic (u32), length of what follows the checksum (u32), checksum (u64),
 * number of messages (u32), then for each: direction (u8), name in tmp/, number of targets
 * (u32), and for each of these the path of its mailbox, NUL included, and its name in new/.
 */
#include "delivery/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x314a5450u /* "PTJ1" */
#define HEAD_SIZE 16
/* Longer than any that this program writes. */
#define RECORD_MAX (256 * 1024 * 1024)

bool journal_open(struct journal *journal, int folder)
{
	int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;

	journal->is_empty = false;
	journal->file = openat(folder, "intent", flags, 0600);
	return journal->file >= 0 && fsync(journal->file) == 0 && fsync(folder) == 0;
}

void journal_close(struct journal *journal)
{
	if (journal->file >= 0)
		close(journal->file);
	journal->file = -1;
}

/* FNV-1a, 64 bits: against what a crash does, not against an attacker. */
static uint64_t checksum(const uint8_t *bytes, size_t length)
{
	uint64_t sum = 14695981039346656037u;

	for (size_t i = 0; i < length; i++)
		sum = (sum ^ bytes[i]) * 1099511628211u;
	return sum;
}

/* ---- writing ---- */

static bool is_moved(const struct target *target)
{
	return target->state == TARGET_IN_TMP || target->state == TARGET_IN_NEW;
}

static uint32_t count_moved(const struct transaction *transaction)
{
	uint32_t count = 0;

	for (size_t i = 0; i < transaction->target_count; i++)
		count += is_moved(&transaction->targets[i]);
	return count;
}

bool journal_concerns(const struct transaction *transaction)
{
	return count_moved(transaction) > 1;
}

static void put_target(struct wire_writer *writer, const struct transaction *transaction,
		       const struct target *target)
{
	char name[FILE_NAME_SIZE];

	transaction_new_name(transaction, target, name);
	wire_put_string(writer, target->path, strlen(target->path) + 1);
	wire_put_string(writer, name, strlen(name));
}

static void put_message(struct wire_writer *writer, const struct transaction *transaction)
{
	wire_put_u8(writer, !transaction_has_failed(transaction));
	wire_put_string(writer, transaction->name, strlen(transaction->name));
	wire_put_u32(writer, count_moved(transaction));
	for (size_t i = 0; i < transaction->target_count; i++)
		if (is_moved(&transaction->targets[i]))
			put_target(writer, transaction, &transaction->targets[i]);
}

/* Enough for the message's part of a record. */
static size_t size_of(const struct transaction *transaction)
{
	size_t size = 16 + FILE_BASE_SIZE;

	for (size_t i = 0; i < transaction->target_count; i++)
		size += 16 + FILE_NAME_SIZE + strlen(transaction->targets[i].path);
	return size;
}

static bool write_whole(int file, const uint8_t *bytes, size_t length)
{
	size_t at = 0;
	ssize_t written;

	while (at < length) {
		written = pwrite(file, bytes + at, length - at, (off_t)at);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		at += (size_t)written;
	}
	return true;
}

/* Head and payload; the payload begins at HEAD_SIZE. */
static bool write_record(struct journal *journal, struct wire_writer *record)
{
	struct wire_writer head = { record->bytes, HEAD_SIZE, 0, false };
	size_t length = record->used - HEAD_SIZE;

	require(!record->failed && length <= RECORD_MAX);
	wire_put_u32(&head, MAGIC);
	wire_put_u32(&head, (uint32_t)length);
	wire_put_u64(&head, checksum(record->bytes + HEAD_SIZE, length));
	journal->is_empty = false;
	return write_whole(journal->file, record->bytes, record->used) &&
	       fdatasync(journal->file) == 0;
}

static uint32_t measure(const struct transaction_list *batch, size_t *size)
{
	const struct transaction *transaction;
	uint32_t count = 0;

	*size = HEAD_SIZE + sizeof(uint32_t);
	TAILQ_FOREACH (transaction, batch, entry) {
		if (!journal_concerns(transaction))
			continue;
		*size += size_of(transaction);
		count++;
	}
	return count;
}

bool journal_write(struct journal *journal, const struct transaction_list *batch)
{
	const struct transaction *transaction;
	struct wire_writer record = { NULL, 0, HEAD_SIZE, false };
	uint32_t count = measure(batch, &record.size);
	bool written;

	if (count == 0)
		return true;
	record.bytes = allocate(record.size, 1);
	if (!record.bytes) {
		errno = ENOMEM;
		return false;
	}
	wire_put_u32(&record, count);
	TAILQ_FOREACH (transaction, batch, entry)
		if (journal_concerns(transaction))
			put_message(&record, transaction);
	written = write_record(journal, &record);
	free(record.bytes);
	return written;
}

bool journal_clear(struct journal *journal)
{
	static const uint8_t nothing[HEAD_SIZE];

	if (journal->is_empty)
		return true;
	journal->is_empty = write_whole(journal->file, nothing, sizeof(nothing)) &&
			    fdatasync(journal->file) == 0;
	return journal->is_empty;
}

/* ---- reading ---- */

static bool read_whole(int file, uint8_t *bytes, size_t length)
{
	size_t at = 0;
	ssize_t got;

	while (at < length) {
		got = pread(file, bytes + at, length - at, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			errno = EIO;
		if (got <= 0)
			return false;
		at += (size_t)got;
	}
	return true;
}

/* Whether head and payload belong together; *length is set to the payload's. */
static bool is_whole(const uint8_t *bytes, size_t size, size_t *length)
{
	struct wire_reader head = { bytes, HEAD_SIZE, 0, false };
	uint32_t magic = wire_get_u32(&head);
	uint64_t sum;

	*length = wire_get_u32(&head);
	sum = wire_get_u64(&head);
	return magic == MAGIC && *length >= sizeof(uint32_t) && *length <= size - HEAD_SIZE &&
	       checksum(bytes + HEAD_SIZE, *length) == sum;
}

bool journal_read(const struct journal *journal, struct journal_reader *reader)
{
	struct stat status;
	size_t size, length;

	memset(reader, 0, sizeof(*reader));
	if (fstat(journal->file, &status) != 0)
		return false;
	if (status.st_size < HEAD_SIZE || status.st_size > RECORD_MAX)
		return true;
	size = (size_t)status.st_size;
	reader->bytes = allocate(size, 1);
	if (!reader->bytes || !read_whole(journal->file, reader->bytes, size)) {
		journal_reader_free(reader);
		return false;
	}
	if (!is_whole(reader->bytes, size, &length)) {
		journal_reader_free(reader);
		return true;
	}
	reader->at = (struct wire_reader){ reader->bytes + HEAD_SIZE, length, 0, false };
	reader->left = wire_get_u32(&reader->at);
	return true;
}

/* A name within one folder. */
static bool is_name(const char *name)
{
	return *name != '\0' && *name != '.' && !strchr(name, '/');
}

bool journal_next_message(struct journal_reader *reader, struct journal_message *message)
{
	if (reader->left == 0)
		return false;
	reader->left--;
	message->is_forward = wire_get_u8(&reader->at) == 1;
	wire_get_text(&reader->at, message->name, sizeof(message->name));
	message->targets = wire_get_u32(&reader->at);
	return !reader->at.failed && is_name(message->name);
}

bool journal_next_target(struct journal_reader *reader, const struct journal_message *message,
			 struct journal_target *target)
{
	struct wire_string path = wire_get_string(&reader->at, PATH_MAX);

	wire_get_text(&reader->at, target->name, sizeof(target->name));
	if (reader->at.failed || path.length == 0 ||
	    memchr(path.bytes, '\0', path.length) != path.bytes + path.length - 1)
		return false;
	target->path = path.bytes;
	return is_name(target->name) &&
	       strncmp(target->name, message->name, strlen(message->name)) == 0;
}

void journal_reader_free(struct journal_reader *reader)
{
	free(reader->bytes);
	memset(reader, 0, sizeof(*reader));
}
