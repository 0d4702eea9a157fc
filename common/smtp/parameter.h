/*
 * parameter.h - the parameters of MAIL and RCPT (RFC 5321 4.1.2, esmtp-param)
 *
 * A table: keyword, command, value, parser. An unknown one is 555 5.5.4.
 */
#ifndef POSTERN_COMMON_SMTP_PARAMETER_H
#define POSTERN_COMMON_SMTP_PARAMETER_H

#include <stdint.h>

#include "common/smtp/text.h"

enum smtp_parameter_command { SMTP_FOR_MAIL = 1, SMTP_FOR_RCPT = 2 };

enum smtp_parameter_bit {
	SMTP_HAS_SIZE = 1,
	SMTP_HAS_BODY = 2,
	SMTP_HAS_SMTPUTF8 = 4,
};

enum smtp_body { SMTP_BODY_7BIT, SMTP_BODY_8BITMIME };

struct smtp_parameters {
	unsigned present;     /* enum smtp_parameter_bit */
	uint64_t size;	      /* RFC 1870; UINT64_MAX when it does not fit */
	enum smtp_body body;  /* RFC 6152 */
	struct smtp_text raw; /* all of them, as written */
};

enum smtp_parameter_fault {
	SMTP_PARAMETER_FINE,
	SMTP_PARAMETER_SYNTAX,	 /* 501 5.5.4: not keyword[=value] */
	SMTP_PARAMETER_UNKNOWN,	 /* 555 5.5.4: not in the table, or not for this command */
	SMTP_PARAMETER_VALUE,	 /* 501 5.5.4: value missing, superfluous or out of its grammar */
	SMTP_PARAMETER_REPEATED, /* 501 5.5.4 */
};

/*
 * Reads " KEY=value KEY ..." (also empty). *culprit is the parameter at fault,
 * within `text`.
 */
enum smtp_parameter_fault smtp_parameters_parse(struct smtp_text text,
						enum smtp_parameter_command command,
						struct smtp_parameters *parameters,
						struct smtp_text *culprit);

#endif
