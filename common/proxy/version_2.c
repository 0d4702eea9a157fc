/*
 * version_2.c - the PROXY protocol, version 2: 16 bytes, addresses, TLVs (the specification, 2.2)
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: every byte, and how they are split.
 *
 * All numbers are in network order. Nothing is read behind the declared length, whatever a
 * TLV says.
 */
#include "common/network/address.h"
#include "common/proxy/versions.h"

enum fixed_part { COMMAND_AT = 12, FAMILY_AT = 13, LENGTH_AT = 14, FIXED_SIZE = 16 };
enum command { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 }; /* version 2 in the upper four bits */

#define DECLARED_MAX (PROXY_HEADER_MAX - FIXED_SIZE)
#define TLV_START 3 /* type, length */
#define SSL_START 5 /* the client's bits, the result of the verification */
#define CHECKSUM_SIZE 4

/* Of PP2_TYPE_SSL: TLS; a certificate on this connection, or in the TLS session it belongs to. */
enum client_bit { CLIENT_SSL = 1, CLIENT_CERT_CONN = 2, CLIENT_CERT_SESS = 4 };

typedef void read_addresses(const char *block, struct proxy_header *header);

static read_addresses read_ipv4, read_ipv6;

/* What is not here is a datagram protocol, or none the specification knows. */
static const struct family_row {
	unsigned family; /* and transport */
	size_t address_length;
	read_addresses *read; /* NULL: none of use */
	bool has_tlvs;	      /* false: nobody knows where they begin */
} family_rows[] = {
	{ 0x00, 0, NULL, false }, /* UNSPEC */
	{ 0x11, 12, read_ipv4, true },
	{ 0x21, 36, read_ipv6, true },
	{ 0x31, 216, NULL, true }, /* UNIX stream */
};

/* LOCAL: the rest, with the family, is to be ignored. */
static const struct family_row local_row = { 0x00, 0, NULL, false };

/* A header whose last byte is there. */
struct reading {
	struct smtp_text whole;
	struct proxy_header *header;
	struct problem *problem;
	unsigned seen;	      /* rows of tlv_rows, bits */
	const char *checksum; /* within `whole`; NULL: there is none */
};

struct tlv_row;

/* Reads the value of a TLV; false with a problem when it is malformed. */
typedef bool read_value(struct reading *reading, const struct tlv_row *row, struct smtp_text value);

static read_value read_text, read_checksum, read_ssl;

/* The types of interest; all others are skipped, also PP2_TYPE_NOOP. */
static const struct tlv_row {
	unsigned type;
	bool is_within_ssl;
	const char *name;
	read_value *read;
	size_t member; /* of struct proxy_header, for a text */
} tlv_rows[] = {
	{ 0x02, false, "authority", read_text, offsetof(struct proxy_header, authority) },
	{ 0x03, false, "CRC32C", read_checksum, 0 },
	{ 0x05, false, "unique id", read_text, offsetof(struct proxy_header, unique_id) },
	{ 0x20, false, "SSL", read_ssl, 0 },
	{ 0x21, true, "TLS version", read_text, offsetof(struct proxy_header, tls_version) },
	{ 0x22, true, "common name", read_text, offsetof(struct proxy_header, common_name) },
	{ 0x23, true, "TLS cipher", read_text, offsetof(struct proxy_header, tls_cipher) },
};

static unsigned byte_at(const char *bytes, size_t at)
{
	return (unsigned char)bytes[at];
}

static uint16_t two_bytes(const char *bytes)
{
	return (uint16_t)(byte_at(bytes, 0) << 8 | byte_at(bytes, 1));
}

static uint32_t four_bytes(const char *bytes)
{
	return (uint32_t)two_bytes(bytes) << 16 | two_bytes(bytes + 2);
}

static void read_ipv4(const char *block, struct proxy_header *header)
{
	address_map(block, &header->source);
	address_map(block + 4, &header->destination);
	header->source_port = two_bytes(block + 8);
	header->destination_port = two_bytes(block + 10);
}

static void read_ipv6(const char *block, struct proxy_header *header)
{
	memcpy(&header->source, block, sizeof(header->source));
	memcpy(&header->destination, block + 16, sizeof(header->destination));
	header->source_port = two_bytes(block + 32);
	header->destination_port = two_bytes(block + 34);
}

/*
 * The CRC32C of RFC 4960 appendix B, four bits at a time: row i is what i becomes when it is
 * shifted out. Begins with all ones; the caller inverts the result.
 */
static uint32_t add_to_crc32c(uint32_t crc, const char *bytes, size_t length)
{
	static const uint32_t shifted[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};

	for (size_t i = 0; i < length; i++) {
		crc ^= byte_at(bytes, i);
		crc = crc >> 4 ^ shifted[crc & 15];
		crc = crc >> 4 ^ shifted[crc & 15];
	}
	return crc;
}

/*
 * The checksum is that of the whole header with zeros where it stands itself. It comes in network
 * order (unlike that of SCTP, from whose RFC it is taken): so do proxies send it.
 */
static bool checksum_is_right(const struct reading *reading)
{
	static const char zeros[CHECKSUM_SIZE];
	const char *behind, *end = reading->whole.bytes + reading->whole.length;
	uint32_t crc = UINT32_MAX;

	if (!reading->checksum)
		return true;
	behind = reading->checksum + CHECKSUM_SIZE;
	crc = add_to_crc32c(crc, reading->whole.bytes,
			    (size_t)(reading->checksum - reading->whole.bytes));
	crc = add_to_crc32c(crc, zeros, sizeof(zeros));
	crc = add_to_crc32c(crc, behind, (size_t)(end - behind));
	if (~crc == four_bytes(reading->checksum))
		return true;
	return problem_set(reading->problem,
			   "PROXY version 2: the CRC32C is not that of the header");
}

static bool read_checksum(struct reading *reading, const struct tlv_row *row,
			  struct smtp_text value)
{
	if (value.length != CHECKSUM_SIZE)
		return problem_set(reading->problem, "PROXY version 2: %s of %zu bytes", row->name,
				   value.length);
	reading->checksum = value.bytes;
	return true;
}

static bool read_text(struct reading *reading, const struct tlv_row *row, struct smtp_text value)
{
	if (value.length > PROXY_TEXT_MAX)
		return problem_set(reading->problem,
				   "PROXY version 2: %s of %zu bytes, the most is %d", row->name,
				   value.length, PROXY_TEXT_MAX);
	memcpy((char *)reading->header + row->member, &value, sizeof(value));
	return true;
}

static const struct tlv_row *find_tlv(unsigned type, bool is_within_ssl)
{
	for (size_t i = 0; i < sizeof(tlv_rows) / sizeof(tlv_rows[0]); i++)
		if (tlv_rows[i].type == type && tlv_rows[i].is_within_ssl == is_within_ssl)
			return &tlv_rows[i];
	return NULL;
}

/* Two of a kind: nobody says which one counts. */
static bool is_repeated(struct reading *reading, const struct tlv_row *row)
{
	unsigned bit = 1U << (row - tlv_rows);
	bool was_seen = reading->seen & bit;

	reading->seen |= bit;
	return was_seen;
}

static bool read_tlv(struct reading *reading, unsigned type, struct smtp_text value,
		     bool is_within_ssl)
{
	const struct tlv_row *row = find_tlv(type, is_within_ssl);

	if (!row)
		return true;
	if (is_repeated(reading, row))
		return problem_set(reading->problem, "PROXY version 2: %s comes twice", row->name);
	return row->read(reading, row, value);
}

/* Reads TLVs until nothing is left. The rows within an SSL TLV are texts, so none nests deeper. */
static bool read_tlvs(struct reading *reading, struct smtp_text left, bool is_within_ssl)
{
	while (left.length > 0) {
		struct smtp_text value;
		unsigned type;

		if (left.length < TLV_START)
			return problem_set(reading->problem, "PROXY version 2: a TLV is cut off");
		type = byte_at(left.bytes, 0);
		value.length = two_bytes(left.bytes + 1);
		proxy_skip(&left, TLV_START);
		value.bytes = left.bytes;
		if (value.length > left.length)
			return problem_set(reading->problem,
					   "PROXY version 2: TLV 0x%02x is longer than its room",
					   type);
		proxy_skip(&left, value.length);
		if (!read_tlv(reading, type, value, is_within_ssl))
			return false;
	}
	return true;
}

/* The result of a verification is 0 also when there was no certificate, hence the bits. */
static bool read_ssl(struct reading *reading, const struct tlv_row *row, struct smtp_text value)
{
	struct proxy_header *header = reading->header;
	unsigned client;

	if (value.length < SSL_START)
		return problem_set(reading->problem, "PROXY version 2: %s of %zu bytes", row->name,
				   value.length);
	client = byte_at(value.bytes, 0);
	header->over_tls = client & CLIENT_SSL;
	header->client_verified = header->over_tls &&
				  (client & (CLIENT_CERT_CONN | CLIENT_CERT_SESS)) &&
				  four_bytes(value.bytes + 1) == 0;
	proxy_skip(&value, SSL_START);
	return read_tlvs(reading, value, true);
}

/* NULL: a family or transport that is not taken. */
static const struct family_row *find_family(struct smtp_text input)
{
	if (byte_at(input.bytes, COMMAND_AT) == COMMAND_LOCAL)
		return &local_row;
	for (size_t i = 0; i < sizeof(family_rows) / sizeof(family_rows[0]); i++)
		if (family_rows[i].family == byte_at(input.bytes, FAMILY_AT))
			return &family_rows[i];
	return NULL;
}

/* The least that can be declared, while the second byte of the length has not come. */
static size_t declared_length(struct smtp_text input)
{
	size_t high = byte_at(input.bytes, LENGTH_AT) << 8;

	return input.length < FIXED_SIZE ? high : high | byte_at(input.bytes, LENGTH_AT + 1);
}

/* Looks at the bytes behind the signature, as many as there are of the 16. */
static bool fixed_part_is_right(struct smtp_text input, struct problem *problem)
{
	unsigned command =
		input.length > COMMAND_AT ? byte_at(input.bytes, COMMAND_AT) : COMMAND_PROXY;

	if (command != COMMAND_LOCAL && command != COMMAND_PROXY)
		return problem_set(problem, "PROXY version 2: version and command are 0x%02x",
				   command);
	if (input.length > FAMILY_AT && !find_family(input))
		return problem_set(problem, "PROXY version 2: family and transport are 0x%02x",
				   byte_at(input.bytes, FAMILY_AT));
	if (input.length > LENGTH_AT && declared_length(input) > DECLARED_MAX)
		return problem_set(problem, "PROXY version 2: longer than %d bytes",
				   PROXY_HEADER_MAX);
	if (input.length >= FIXED_SIZE &&
	    declared_length(input) < find_family(input)->address_length)
		return problem_set(problem,
				   "PROXY version 2: the addresses do not fit in %zu bytes",
				   declared_length(input));
	return true;
}

/* The addresses and TLVs of a header whose last byte is there. */
static bool read_rest(struct reading *reading, const struct family_row *row)
{
	struct smtp_text left = reading->whole;

	proxy_skip(&left, FIXED_SIZE);
	reading->header->is_local = !row->read;
	if (row->read)
		row->read(left.bytes, reading->header);
	proxy_skip(&left, row->address_length);
	if (!row->has_tlvs)
		return true;
	return read_tlvs(reading, left, false) && checksum_is_right(reading);
}

enum proxy_result proxy_parse_version_2(struct smtp_text input, struct proxy_header *header,
					struct problem *problem)
{
	struct reading reading = { .header = header, .problem = problem };

	if (!fixed_part_is_right(input, problem))
		return PROXY_MALFORMED;
	if (input.length < FIXED_SIZE || input.length < FIXED_SIZE + declared_length(input))
		return PROXY_MORE;
	header->length = FIXED_SIZE + declared_length(input);
	reading.whole = (struct smtp_text){ input.bytes, header->length };
	return read_rest(&reading, find_family(input)) ? PROXY_COMPLETE : PROXY_MALFORMED;
}
