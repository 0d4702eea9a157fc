/*
 * parameter.h - the parameters of MAIL, RCPT and VRFY (RFC 5321 4.1.2, esmtp-param)
 *
 * A table: keyword, command, value, parser. An unknown one is 555 5.5.4.
 */
#ifndef POSTERN_COMMON_SMTP_PARAMETER_H
#define POSTERN_COMMON_SMTP_PARAMETER_H

#include <stdint.h>

#include "common/smtp/text.h"

/* Longest values as written that are taken: RFC 3461 4.4 and 4.2 allow no more. */
#define SMTP_ENVID_MAX 100
#define SMTP_ORCPT_MAX 500

/* SMTP_FOR_VRFY: RFC 6531 3.7.4.2; EXPN, which is not served, has the same. */
enum smtp_parameter_command { SMTP_FOR_MAIL = 1, SMTP_FOR_RCPT = 2, SMTP_FOR_VRFY = 4 };

enum smtp_parameter_bit {
	SMTP_HAS_SIZE = 1,
	SMTP_HAS_BODY = 2,
	SMTP_HAS_SMTPUTF8 = 4,
	SMTP_HAS_RET = 8,
	SMTP_HAS_ENVID = 16,
	SMTP_HAS_NOTIFY = 32,
	SMTP_HAS_ORCPT = 64,
	SMTP_HAS_REQUIRETLS = 128,
	SMTP_HAS_PRDR = 256,
};

enum smtp_body { SMTP_BODY_7BIT, SMTP_BODY_8BITMIME, SMTP_BODY_BINARYMIME };

/* What a report of a failure is to bring back (RFC 3461 4.3). */
enum smtp_return { SMTP_RETURN_NONE, SMTP_RETURN_FULL, SMTP_RETURN_HEADERS };

/* When a report is wanted (RFC 3461 4.1); none of them: not said. NEVER stands alone. */
enum smtp_notify {
	SMTP_NOTIFY_NEVER = 1,
	SMTP_NOTIFY_SUCCESS = 2,
	SMTP_NOTIFY_FAILURE = 4,
	SMTP_NOTIFY_DELAY = 8,
};

struct smtp_parameters {
	unsigned present;	  /* enum smtp_parameter_bit */
	uint64_t size;		  /* RFC 1870; UINT64_MAX when it does not fit */
	enum smtp_body body;	  /* RFC 6152, RFC 3030 */
	enum smtp_return returns; /* RET */
	unsigned notify;	  /* enum smtp_notify, bits */
	struct smtp_text envid;	  /* "" or as written: xtext for printable ASCII (xtext.h) */
	/*
	 * "" or as written: a type, ";" and an address, which is unitext behind "utf-8;" and
	 * xtext for printable ASCII behind any other. Bytes above 127 need SMTPUTF8 in MAIL (RFC
	 * 6533 3): that is for the caller to see to.
	 */
	struct smtp_text orcpt;
	struct smtp_text raw; /* all of them, as written */
};

enum smtp_parameter_fault {
	SMTP_PARAMETER_FINE,
	SMTP_PARAMETER_SYNTAX,	 /* 501 5.5.4: not keyword[=value] */
	SMTP_PARAMETER_UNKNOWN,	 /* 555 5.5.4: not in the table, or not for this command */
	SMTP_PARAMETER_VALUE,	 /* 501 5.5.4: value missing, superfluous or out of its grammar */
	SMTP_PARAMETER_REPEATED, /* 501 5.5.4: one with a value comes twice */
};

/*
 * Reads " KEY=value KEY ..." (also empty). *culprit is the parameter at fault,
 * within `text`, as are the texts of *parameters. What EHLO has not offered is
 * taken like the rest; it is for the caller to refuse. After a fault
 * *parameters holds nothing of use.
 */
enum smtp_parameter_fault smtp_parameters_parse(struct smtp_text text,
						enum smtp_parameter_command command,
						struct smtp_parameters *parameters,
						struct smtp_text *culprit);

#endif
