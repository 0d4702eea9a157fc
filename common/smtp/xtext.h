/*
 * xtext.h - how values that a parameter cannot hold are written: xtext (RFC 3461 4), unitext (RFC
 * 6533 3)
 */
#ifndef POSTERN_COMMON_SMTP_XTEXT_H
#define POSTERN_COMMON_SMTP_XTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/smtp/text.h"

/*
 * xtext: printable ASCII without space, "+" and "=", or "+" and two hexadecimal digits, which are
 * upper case (RFC 3461 4). "" is xtext, too.
 */
bool smtp_xtext_is_valid(struct smtp_text text);

/* Whether it is xtext for printable ASCII, spaces included (RFC 3461 4.2, 4.4). */
bool smtp_xtext_is_printable(struct smtp_text text);

/*
 * Writes what xtext stands for, and a NUL behind it. Returns the length without that NUL, or -1:
 * `text` is no xtext, or `size` is too small (text.length + 1 is enough). It can be any bytes, NUL
 * among them: a caller that goes on with a C string must look for that.
 */
int smtp_xtext_decode(struct smtp_text text, char *plain, size_t size);

/*
 * The address behind "utf-8;" in ORCPT: utf-8-addr-unitext of RFC 6533 3, of which
 * utf-8-addr-xtext is the part without a byte above 127. Such bytes must be well-formed UTF-8.
 * "\x{HEX}" stands for a character beyond ASCII, a space, "+", "=" or "\"; for control characters,
 * which RFC 6533 lists as well, it does not: no mailbox of RFC 6531 has them.
 */
bool smtp_unitext_is_valid(struct smtp_text text);

#endif
