/*
 * message.c - every message that passes between postern's processes
 *
 * Runs in: every process.  Privilege: that of the process.
 * Distrusts: every byte it reads: the sender may have been broken into.
 */
#include "common/frame/message.h"

#include <string.h>

#define MESSAGE_ROW(name, from, to, way, longest, descriptors, sentence) \
	[MESSAGE_##name] = { #name, from, to, way, longest, descriptors, sentence },

static const struct message_description descriptions[MESSAGE_COUNT] = { MESSAGE_TABLE(
	MESSAGE_ROW) };

const struct message_description *message_describe(unsigned type)
{
	if (type == MESSAGE_NONE || type >= MESSAGE_COUNT)
		return NULL;
	return &descriptions[type];
}

void message_put_header(uint8_t bytes[MESSAGE_HEADER_SIZE], enum message_type type, uint32_t length)
{
	struct wire_writer writer = { bytes, MESSAGE_HEADER_SIZE, 0, false };

	wire_put_u32(&writer, length);
	wire_put_u16(&writer, (uint16_t)type);
	wire_put_u16(&writer, 0);
}

bool message_get_header(const uint8_t bytes[MESSAGE_HEADER_SIZE], unsigned sender,
			unsigned receiver, enum message_way way, struct message_header *header,
			struct problem *problem)
{
	struct wire_reader reader = { bytes, MESSAGE_HEADER_SIZE, 0, false };
	const struct message_description *row;
	unsigned reserved;

	header->length = wire_get_u32(&reader);
	header->type = wire_get_u16(&reader);
	reserved = wire_get_u16(&reader);
	row = message_describe(header->type);
	if (!row || reserved != 0)
		return problem_set(problem, "no message has type %u", header->type);
	if (!(row->from & sender) || !(row->to & receiver) || row->way != way)
		return problem_set(problem, "%s is not for this sender, receiver or way",
				   row->name);
	if (header->length > row->longest)
		return problem_set(problem, "%s of %u bytes, longest is %zu", row->name,
				   header->length, row->longest);
	return true;
}

static bool get_bool(struct wire_reader *reader)
{
	uint8_t value = wire_get_u8(reader);

	if (value > 1)
		reader->failed = true;
	return value == 1;
}

void message_put_start(struct wire_writer *writer, const struct message_start *start)
{
	wire_put_u32(writer, start->serial);
	wire_put_u32(writer, start->slot);
	wire_put_u8(writer, start->log_is_syslog);
	wire_put_u8(writer, start->verbose);
}

bool message_get_start(struct wire_reader *reader, struct message_start *start)
{
	start->serial = wire_get_u32(reader);
	start->slot = wire_get_u32(reader);
	start->log_is_syslog = get_bool(reader);
	start->verbose = get_bool(reader);
	return wire_reader_complete(reader);
}

void message_put_listener(struct wire_writer *writer, const struct message_listener *listener)
{
	wire_put_string(writer, listener->title, strlen(listener->title));
}

bool message_get_listener(struct wire_reader *reader, struct message_listener *listener)
{
	wire_get_text(reader, listener->title, sizeof(listener->title));
	return wire_reader_complete(reader);
}

void message_put_pipes(struct wire_writer *writer, const struct message_pipes *pipes)
{
	wire_put_u32(writer, pipes->serial);
}

bool message_get_pipes(struct wire_reader *reader, struct message_pipes *pipes)
{
	pipes->serial = wire_get_u32(reader);
	return wire_reader_complete(reader);
}

void message_put_ended(struct wire_writer *writer, const struct message_ended *ended)
{
	wire_put_u32(writer, ended->serial);
}

bool message_get_ended(struct wire_reader *reader, struct message_ended *ended)
{
	ended->serial = wire_get_u32(reader);
	return wire_reader_complete(reader);
}

void message_put_log(struct wire_writer *writer, const struct message_log *log)
{
	wire_put_u8(writer, log->log_is_syslog);
}

bool message_get_log(struct wire_reader *reader, struct message_log *log)
{
	log->log_is_syslog = get_bool(reader);
	return wire_reader_complete(reader);
}

void message_put_deadline(struct wire_writer *writer, const struct message_deadline *deadline)
{
	wire_put_u32(writer, deadline->seconds);
}

bool message_get_deadline(struct wire_reader *reader, struct message_deadline *deadline)
{
	deadline->seconds = wire_get_u32(reader);
	return wire_reader_complete(reader);
}

void message_put_violation(struct wire_writer *writer, const struct message_violation *violation)
{
	wire_put_u32(writer, violation->serial);
	wire_put_string(writer, violation->reason, strlen(violation->reason));
}

bool message_get_violation(struct wire_reader *reader, struct message_violation *violation)
{
	violation->serial = wire_get_u32(reader);
	wire_get_text(reader, violation->reason, sizeof(violation->reason));
	return wire_reader_complete(reader);
}

void message_put_replied(struct wire_writer *writer, const struct message_replied *replied)
{
	wire_put_u64(writer, replied->handle);
	wire_put_u8(writer, replied->taken);
}

bool message_get_replied(struct wire_reader *reader, struct message_replied *replied)
{
	replied->handle = wire_get_u64(reader);
	replied->taken = get_bool(reader);
	return wire_reader_complete(reader);
}

void message_put_quota(struct wire_writer *writer, const struct message_quota *quota)
{
	wire_put_u64(writer, quota->handle);
	wire_put_u64(writer, quota->size);
	wire_put_string(writer, quota->local.bytes, quota->local.length);
	wire_put_string(writer, quota->domain.bytes, quota->domain.length);
}

static bool has_nul(struct wire_string string)
{
	return memchr(string.bytes, '\0', string.length);
}

bool message_get_quota(struct wire_reader *reader, struct message_quota *quota)
{
	quota->handle = wire_get_u64(reader);
	quota->size = wire_get_u64(reader);
	quota->local = wire_get_string(reader, ENVELOPE_ADDRESS_MAX);
	quota->domain = wire_get_string(reader, ENVELOPE_ADDRESS_MAX);
	return wire_reader_complete(reader) && !has_nul(quota->local) && !has_nul(quota->domain);
}

void message_put_verdict(struct wire_writer *writer, const struct message_verdict *verdict)
{
	wire_put_u64(writer, verdict->handle);
	wire_put_u8(writer, verdict->verdict);
}

bool message_get_verdict(struct wire_reader *reader, struct message_verdict *verdict)
{
	verdict->handle = wire_get_u64(reader);
	verdict->verdict = wire_get_u8(reader);
	return wire_reader_complete(reader) && verdict->verdict < VERDICT_COUNT;
}

enum verdict condition_verdict(enum condition_cause cause)
{
#define CONDITION_VERDICT(name, verdict, code) [CONDITION_##name] = verdict,
	static const enum verdict verdicts[] = { CONDITION_TABLE(CONDITION_VERDICT) };

	return verdicts[cause];
}

int condition_code(enum condition_cause cause)
{
#define CONDITION_CODE(name, verdict, code) [CONDITION_##name] = code,
	static const int codes[] = { CONDITION_TABLE(CONDITION_CODE) };

	return codes[cause];
}
