/*
 * extension.h - the extensions that EHLO and LHLO announce
 */
#ifndef POSTERN_COMMON_SMTP_EXTENSION_H
#define POSTERN_COMMON_SMTP_EXTENSION_H

#include <stdbool.h>
#include <stdint.h>

struct smtp_server;

/* The bit of an extension for smtp_settings.hidden; 0 for a keyword that is not known. Upper case.
 */
uint32_t smtp_extension_bit(const char *keyword);

/* Whether EHLO announced it, or would. */
bool smtp_extension_is_offered(const struct smtp_server *server, const char *keyword);

/* Says the replies to EHLO: the host, and a line for each extension that is offered. */
void smtp_extensions_say(struct smtp_server *server);

#endif
