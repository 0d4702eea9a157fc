/*
 * header.h - the lines that delivery puts in front of a message
 *
 *	Return-Path: <sender>				RFC 5321 4.4
 *	Delivered-To: mailbox@domain
 *	X-Original-To: recipient as the client gave it
 *	Received: from HELO ([address])			RFC 5321 4.4, 4.1.3
 *		by HOSTNAME (postern) with PROTOCOL
 *		(VERSION CIPHER NAME) id ID			where it came under TLS
 *		for <recipient>; date			RFC 5322 3.3
 */
#ifndef POSTERN_DELIVERY_HEADER_H
#define POSTERN_DELIVERY_HEADER_H

#include <stddef.h>

#include "common/frame/message.h"

#define HEADER_SIZE 6144

struct header_values {
	const struct submission *submission;
	const char *hostname;
	const char *mailbox;	      /* "local@domain" of the tables */
	struct wire_string recipient; /* as the client gave it */
};

/*
 * Writes the lines, each ending in LF, into header[HEADER_SIZE]; returns their
 * length. Nothing that came from the network can end a line or begin a new
 * field: a byte that is not safe where it stands becomes "?", and what is
 * longer than a line may be (RFC 5322 2.1.1) is cut. "for" is written only when
 * the message has one recipient, so that nobody learns of the others (RFC 5321
 * 7.2). The same submission gives the same bytes.
 */
size_t header_write(const struct header_values *values, char header[HEADER_SIZE]);

#endif
