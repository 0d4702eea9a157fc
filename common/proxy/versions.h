/*
 * versions.h - what the parsers of the two versions of the PROXY protocol share
 *
 * For common/proxy only.
 */
#ifndef POSTERN_COMMON_PROXY_VERSIONS_H
#define POSTERN_COMMON_PROXY_VERSIONS_H

#include <string.h>

#include "common/proxy/proxy.h"

#define PROXY_VERSION_1_START "PROXY "
#define PROXY_VERSION_2_START "\r\n\r\n\0\r\nQUIT\n"

/* A string literal as a text; it may hold NULs. */
#define PROXY_LITERAL(literal)               \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

/*
 * As proxy_parse; the input begins with the whole start of the version. On PROXY_COMPLETE all of
 * *header is set but texts that are not said; otherwise it holds anything.
 */
typedef enum proxy_result proxy_parse_version(struct smtp_text input, struct proxy_header *header,
					      struct problem *problem);
proxy_parse_version proxy_parse_version_1, proxy_parse_version_2;

/* Whether the two are the same as far as both of them go. */
static inline bool proxy_texts_agree(struct smtp_text a, struct smtp_text b)
{
	return memcmp(a.bytes, b.bytes, a.length < b.length ? a.length : b.length) == 0;
}

/* The first `length` bytes, at most left->length, are done with. */
static inline void proxy_skip(struct smtp_text *left, size_t length)
{
	left->bytes += length;
	left->length -= length;
}

#endif
