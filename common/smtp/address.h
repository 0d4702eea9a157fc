/*
 * address.h - paths and names of RFC 5321 (4.1.2, 4.1.3) and RFC 6531 (3.3)
 */
#ifndef POSTERN_COMMON_SMTP_ADDRESS_H
#define POSTERN_COMMON_SMTP_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/smtp/text.h"

/*
 * Longest parts that are taken. RFC 5321 4.5.3.1 wants 64, 255 and 256 at
 * least; senders exceed the first with signed and rewritten addresses.
 */
#define SMTP_LOCAL_MAX 255
#define SMTP_DOMAIN_MAX 255
#define SMTP_PATH_MAX 512 /* between < and >, source route included */

enum smtp_path_kind {
	SMTP_REVERSE_PATH, /* MAIL: may be <> */
	SMTP_FORWARD_PATH, /* RCPT: may be <postmaster> (4.5.1) or any <local> */
};

struct smtp_path {
	struct smtp_text whole;	 /* between < and >, without source route */
	struct smtp_text local;	 /* as written, with its quotes */
	struct smtp_text domain; /* as written; a literal with its brackets; "" for none */
	bool is_null;		 /* <> */
	bool is_quoted;		 /* "local"@domain */
	bool is_literal;	 /* local@[address] */
	bool has_8bit;		 /* needs SMTPUTF8; the source route counts too */
	bool had_route;		 /* <@a,@b:local@domain>: RFC 5321 appendix C says ignore it */
};

enum smtp_path_fault {
	SMTP_PATH_FINE,
	SMTP_PATH_NO_BRACKETS, /* no < or no > */
	SMTP_PATH_BAD_LOCAL,
	SMTP_PATH_BAD_DOMAIN,
	SMTP_PATH_TOO_LONG,
	SMTP_PATH_NOT_UTF8,
	SMTP_PATH_EMPTY, /* <> where a recipient is wanted */
};

/*
 * Reads a path at the start of `text` and sets *rest to what stands behind it,
 * for smtp_parameters_parse (which finds out whether it begins with a space).
 * With `lenient` a path without angle brackets is taken too when it is otherwise
 * correct. A domain is optional in a forward-path and in a reverse-path (the
 * caller decides whether to take it). After a fault *path and *rest hold nothing
 * of use.
 */
enum smtp_path_fault smtp_path_parse(struct smtp_text text, enum smtp_path_kind kind, bool lenient,
				     struct smtp_path *path, struct smtp_text *rest);

/*
 * The local part without its quoting: "a\"b" becomes a"b (RFC 5321 4.1.2: the
 * quoted and the plain form are the same mailbox). Writes a C string; returns
 * its length, or -1 when `size` is too small.
 */
int smtp_local_unquote(const struct smtp_path *path, char *plain, size_t size);

/* Domain or A-label/U-label domain of RFC 5321 4.1.2; UTF-8 labels only when well-formed. */
bool smtp_domain_is_valid(struct smtp_text domain);
/*
 * "[192.0.2.1]", "[IPv6:2001:db8::1]": RFC 5321 4.1.3, the address as inet_pton(3)
 * takes it (no leading zeros). General literals are refused.
 */
bool smtp_literal_is_valid(struct smtp_text literal);

/*
 * The argument of HELO and EHLO: a domain, a literal, or what clients send
 * instead (underscores, a bare address, a name without dots): any run of
 * printable ASCII (RFC 6531 3.7.1: no U-labels here) of at most SMTP_DOMAIN_MAX
 * bytes, without space, quotes and, so that it can stand in a Received line, the
 * specials of RFC 5322 3.2.3 other than dot and colon.
 */
bool smtp_helo_is_acceptable(struct smtp_text name);

#endif
