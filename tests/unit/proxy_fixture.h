/*
 * proxy_fixture.h - what a PROXY header says, and that a parser hears just that
 */
#ifndef POSTERN_TESTS_UNIT_PROXY_FIXTURE_H
#define POSTERN_TESTS_UNIT_PROXY_FIXTURE_H

#include "common/proxy/proxy.h"

/* A string literal as bytes and length; it may hold NULs. */
#define BYTES(literal)                       \
	{                                    \
		literal, sizeof(literal) - 1 \
	}
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

/* What a header says. NULL: "::", and no text. */
struct said {
	bool is_local;
	const char *source, *destination;
	uint16_t source_port, destination_port;
	bool over_tls, client_verified;
	const char *tls_version, *tls_cipher, *common_name, *authority, *unique_id;
};

/* Parses a copy, at whose end memory ends; what the header's texts point to is gone then. */
enum proxy_result parse_copy(const char *bytes, size_t length, struct proxy_header *header,
			     struct problem *problem);

/* Also: there is a problem if it is malformed, and nothing in the header unless it is complete. */
void assert_result(const char *bytes, size_t length, enum proxy_result expected);

/* Complete, the first `header_length` bytes being the header, with what it says. */
void assert_complete(const char *bytes, size_t length, size_t header_length,
		     const struct said *said);

/* Complete as a whole, not before, and whatever is behind it. */
void assert_valid(struct smtp_text bytes, const struct said *said);

/* Goes on until there are `first` bytes, and is malformed from there on. */
void assert_malformed(struct smtp_text bytes, size_t first);

#endif
