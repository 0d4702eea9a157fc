/*
 * xclient.h - the arguments of XCLIENT and XFORWARD, the extensions of Postfix
 *
 * By XCLIENT a client speaks for another one, by XFORWARD it tells where the
 * next message came from. Their descriptions are Postfix's XCLIENT_README and
 * XFORWARD_README, "the README" here. Who may say either is for the caller.
 */
#ifndef POSTERN_COMMON_SMTP_XCLIENT_H
#define POSTERN_COMMON_SMTP_XCLIENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/smtp/text.h"

#define SMTP_XCLIENT_VALUE_MAX 255 /* bytes, decoded */

enum smtp_xclient_command { SMTP_XCLIENT = 1, SMTP_XFORWARD = 2 };

enum smtp_xclient_attribute {
	SMTP_XCLIENT_NAME, /* host name of the client: a domain */
	SMTP_XCLIENT_ADDR,
	SMTP_XCLIENT_PORT,
	SMTP_XCLIENT_PROTO,
	SMTP_XCLIENT_HELO,     /* what smtp_helo_is_acceptable takes */
	SMTP_XCLIENT_LOGIN,    /* XCLIENT: name it has authenticated as */
	SMTP_XCLIENT_DESTADDR, /* XCLIENT: where it has connected to */
	SMTP_XCLIENT_DESTPORT,
	SMTP_XCLIENT_IDENT,  /* XFORWARD: the message's name there: printable ASCII, no space */
	SMTP_XCLIENT_SOURCE, /* XFORWARD */
	SMTP_XCLIENT_ATTRIBUTES
};

enum smtp_xclient_state {
	SMTP_XCLIENT_ABSENT,	  /* not among the arguments: what was so far remains */
	SMTP_XCLIENT_GIVEN,	  /* with a value */
	SMTP_XCLIENT_UNAVAILABLE, /* [UNAVAILABLE]: not known, and not to be */
	SMTP_XCLIENT_TEMPORARY,	  /* [TEMPUNAVAIL]: not known for now */
};

struct smtp_xclient {
	struct {
		enum smtp_xclient_state state;
		/* Decoded; "" unless given. No control byte, no NUL, well-formed UTF-8. */
		char text[SMTP_XCLIENT_VALUE_MAX + 1];
	} attributes[SMTP_XCLIENT_ATTRIBUTES];

	/* What some of them say; 0, ::, false unless given. IPv4 is ::ffff:a.b.c.d. */
	struct in6_addr address, destination_address;
	uint16_t port, destination_port;
	bool is_extended; /* PROTO=ESMTP or LMTP, not SMTP */
	bool is_local;	  /* SOURCE=LOCAL, not REMOTE */
};

enum smtp_xclient_fault {
	SMTP_XCLIENT_FINE,
	SMTP_XCLIENT_SYNTAX,   /* not NAME=value, or nothing at all */
	SMTP_XCLIENT_UNKNOWN,  /* no attribute of this command */
	SMTP_XCLIENT_VALUE,    /* no xtext, too long, or not what the attribute holds */
	SMTP_XCLIENT_REPEATED, /* an attribute stands twice */
};

/*
 * Reads "NAME=value ADDR=value ...", what stands behind the verb. After a fault
 * nothing in *xclient is given, and *culprit is the argument at fault, within
 * `text` ("" when there was none).
 *
 * ADDR and DESTADDR: IPv4, or IPv6 behind "IPV6:", but not ::, which is no
 * client's and elsewhere stands for unix sockets. Any attribute may be
 * [UNAVAILABLE] or [TEMPUNAVAIL], so that none has such a value. Values without
 * xtext, as Postfix before 2.3 sent them, are taken as far as they are xtext.
 */
enum smtp_xclient_fault smtp_xclient_parse(struct smtp_text text, enum smtp_xclient_command command,
					   struct smtp_xclient *xclient, struct smtp_text *culprit);

/* What EHLO says behind the keyword: the names of the command's attributes. */
const char *smtp_xclient_keywords(enum smtp_xclient_command command);

#endif
