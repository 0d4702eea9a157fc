/*
 * proxy.h - the header of the PROXY protocol, versions 1 and 2
 *
 * A load balancer sends it in front of everything else on a connection, so that the server learns
 * whose connection it is. "The specification" is proxy-protocol.txt of HAProxy (2020/03/05).
 * Whether a peer may send a header at all is for the caller to know beforehand: who may not could
 * name any address as its own.
 */
#ifndef POSTERN_COMMON_PROXY_H
#define POSTERN_COMMON_PROXY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail/fail.h"
#include "common/smtp/text.h"

#define PROXY_HEADER_MAX 4112 /* 16 + 4096: the longest header taken; version 1 has at most 107 */
#define PROXY_TEXT_MAX 256    /* of each text below; a longer one is malformed */

enum proxy_result { PROXY_MORE, PROXY_COMPLETE, PROXY_MALFORMED };

struct proxy_header {
	size_t length; /* bytes of the header, at most PROXY_HEADER_MAX */

	/*
	 * No address of use is said, the connection's own ones hold: version 1 UNKNOWN, version 2
	 * LOCAL (a health check), UNSPEC, UNIX stream. Addresses and ports below are 0 then.
	 */
	bool is_local;
	struct in6_addr source, destination; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t source_port, destination_port;

	/*
	 * What the TLVs of version 2 say. The texts lie in the caller's bytes and hold any bytes,
	 * also NUL and line ends: what the client chose (common_name, authority) the proxy passes
	 * on. Length 0: not said, or empty.
	 */
	bool over_tls;	      /* the client spoke TLS with the proxy */
	bool client_verified; /* it presented a certificate, which was verified; implies over_tls */
	struct smtp_text tls_version, tls_cipher;
	struct smtp_text common_name; /* of the certificate; says nothing unless client_verified */
	struct smtp_text authority;   /* the server name of the TLS handshake (SNI) */
	struct smtp_text unique_id;   /* the proxy's name for the connection */
};

/*
 * Reads the header at the front of `bytes`, which are all that came so far, from the first one of
 * the connection; NULL with length 0 is allowed. No I/O, no allocation.
 *
 * PROXY_MORE: every byte belongs to the header, and it goes on; fewer than PROXY_HEADER_MAX bytes.
 * PROXY_COMPLETE: *header is set, header->length <= length; what is behind it was not looked at.
 * PROXY_MALFORMED: problem says why. No byte that follows mends it.
 *
 * *header is all zero unless the header is complete. Version 1 and the first 16 bytes of version 2
 * are malformed from the first wrong byte on; the TLVs are read when the last of them is there.
 *
 * Of LOCAL and UNSPEC only the length is taken, of UNIX stream the TLVs. Stricter than the
 * specification: datagram protocols, a TLV named above that comes twice, and a lone LF in the line
 * of version 1 are malformed.
 */
enum proxy_result proxy_parse(const void *bytes, size_t length, struct proxy_header *header,
			      struct problem *problem);

#endif
