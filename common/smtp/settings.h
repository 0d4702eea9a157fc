/*
 * settings.h - what a server session is told about its listener
 */
#ifndef POSTERN_COMMON_SMTP_SETTINGS_H
#define POSTERN_COMMON_SMTP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/smtp/data.h"

/* What becomes of STARTTLS. */
enum smtp_tls {
	SMTP_TLS_NONE,	   /* it is not served */
	SMTP_TLS_OPTIONAL, /* offered until the session is under TLS */
	SMTP_TLS_REQUIRED, /* without it no mail is taken (RFC 3207 4) */
};

/* Shared by all sessions of a listener; must outlive them. */
struct smtp_settings {
	const char *hostname;	     /* in the greeting and in the replies to HELO and EHLO */
	const char *greeting;	     /* text behind it; "" for none */
	const char *helo;	     /* the same in the replies to HELO and EHLO */
	const char *closing;	     /* the reply to QUIT */
	const char *help;	     /* the reply to HELP; "": the commands */
	const char *product;	     /* name and version for greeting and HELP; "": not told */
	bool lmtp;		     /* RFC 2033: LHLO, and a reply for each recipient */
	bool strict_addresses;	     /* false: <> may miss, a space may follow the colon */
	bool helo_argument_optional; /* true: HELO and EHLO may come without a name */
	bool refuse_pipelining;	     /* where RFC 2920 3.1 forbids it */
	bool little_before_tls;	     /* EHLO offers STARTTLS alone until it was used */
	enum smtp_tls tls;
	enum smtp_line_endings line_endings;
	uint32_t hidden;	   /* extensions that EHLO does not name: smtp_extension_bit */
	uint64_t disabled;	   /* commands that are not served: smtp_command_bit */
	size_t command_line;	   /* longest command line, CR LF included */
	size_t data_line;	   /* longest line of data, CR LF included */
	uint64_t message_size;	   /* RFC 1870; 0: no limit */
	unsigned recipients;	   /* accepted in one transaction */
	unsigned errors;	   /* protocol errors before 421; 0: no limit */
	unsigned unknown_commands; /* of those, unknown verbs; 0: no limit */
	unsigned idle_commands;	   /* without effect, between two messages; 0: no limit */
	unsigned received_fields;  /* of a message that does not loop yet; 0: no limit */
};

#endif
