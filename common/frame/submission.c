/*
 * submission.c - the envelope of a message on its way from a worker to delivery
 *
 * Runs in: postern-worker (put), postern-delivery (get).  Privilege: none.
 * Distrusts: when reading, every byte: the worker may have been broken into.
 */
#include "common/frame/message.h"

#include <string.h>

#define SUBMISSION_FLAGS (SUBMISSION_AGAIN | SUBMISSION_8BITMIME | SUBMISSION_SMTPUTF8)

static void put(struct wire_writer *writer, struct wire_string string)
{
	wire_put_string(writer, string.bytes, string.length);
}

void message_put_submission(struct wire_writer *writer, const struct submission *submission)
{
	wire_put_u64(writer, submission->handle);
	wire_put_u32(writer, submission->flags);
	wire_put_string(writer, submission->id, strlen(submission->id));
	wire_put_u64(writer, (uint64_t)submission->received);
	wire_put_bytes(writer, &submission->client, sizeof(submission->client));
	wire_put_u16(writer, submission->client_port);
	put(writer, submission->helo);
	wire_put_string(writer, submission->protocol, strlen(submission->protocol));
	put(writer, submission->tls_version);
	put(writer, submission->tls_cipher);
	put(writer, submission->tls_name);
	put(writer, submission->sender);
	put(writer, submission->parameters);
	wire_put_u64(writer, submission->body_length);
	wire_put_u32(writer, submission->recipient_count);
}

void message_put_recipient(struct wire_writer *writer, const struct submission_recipient *recipient)
{
	put(writer, recipient->path);
	put(writer, recipient->local);
	put(writer, recipient->domain);
	put(writer, recipient->parameters);
}

/* The id becomes part of a file name: nothing but its own alphabet. */
static bool id_is_valid(const char *id)
{
	return *id && strspn(id, "0123456789abcdefghijklmnopqrstuv-") == strlen(id) && *id != '-';
}

static bool protocol_is_valid(const char *protocol)
{
	return *protocol &&
	       strspn(protocol, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == strlen(protocol);
}

static struct wire_string get_address(struct wire_reader *reader)
{
	struct wire_string address = wire_get_string(reader, ENVELOPE_ADDRESS_MAX);

	if (memchr(address.bytes, '\0', address.length))
		reader->failed = true;
	return address;
}

static void get_recipient(struct wire_reader *reader, struct submission_recipient *recipient)
{
	recipient->path = get_address(reader);
	recipient->local = get_address(reader);
	recipient->domain = get_address(reader);
	recipient->parameters = wire_get_string(reader, ENVELOPE_PARAMETERS_MAX);
	if (recipient->path.length == 0) /* a local part may be empty: ""@domain is a path */
		reader->failed = true;
}

/* Walks over the recipients once, so that later walks cannot fail. */
static void check_recipients(struct wire_reader *reader, struct submission *submission)
{
	struct submission_recipient recipient;
	size_t start = reader->used;

	if (submission->recipient_count == 0)
		reader->failed = true;
	for (uint32_t i = 0; i < submission->recipient_count && !reader->failed; i++)
		get_recipient(reader, &recipient);
	submission->recipients = (struct wire_reader){
		reader->bytes + start,
		reader->used - start,
		0,
		reader->failed,
	};
}

bool message_get_submission(struct wire_reader *reader, struct submission *submission)
{
	submission->handle = wire_get_u64(reader);
	submission->flags = wire_get_u32(reader);
	wire_get_text(reader, submission->id, sizeof(submission->id));
	submission->received = (int64_t)wire_get_u64(reader);
	wire_get_bytes(reader, &submission->client, sizeof(submission->client));
	submission->client_port = wire_get_u16(reader);
	submission->helo = wire_get_string(reader, ENVELOPE_HELO_MAX);
	wire_get_text(reader, submission->protocol, sizeof(submission->protocol));
	submission->tls_version = wire_get_string(reader, ENVELOPE_TLS_MAX);
	submission->tls_cipher = wire_get_string(reader, ENVELOPE_TLS_MAX);
	submission->tls_name = wire_get_string(reader, ENVELOPE_NAME_MAX);
	submission->sender = get_address(reader);
	submission->parameters = wire_get_string(reader, ENVELOPE_PARAMETERS_MAX);
	submission->body_length = wire_get_u64(reader);
	submission->recipient_count = wire_get_u32(reader);
	check_recipients(reader, submission);
	return wire_reader_complete(reader) && id_is_valid(submission->id) &&
	       protocol_is_valid(submission->protocol) &&
	       (submission->flags & ~(uint32_t)SUBMISSION_FLAGS) == 0 && submission->received > 0;
}

bool submission_next_recipient(struct wire_reader *recipients,
			       struct submission_recipient *recipient)
{
	if (recipients->failed || recipients->used == recipients->size)
		return false;
	get_recipient(recipients, recipient);
	return !recipients->failed;
}
