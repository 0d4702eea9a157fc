/*
 * library.c - OpenSSL as a whole: how it starts, and what it complains of
 *
 * Runs in: postern's master, postern-worker.  Privilege: none needed.
 * Distrusts: the environment; the texts of errors, which may quote a client.
 */
#include "common/tls/library.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <bsd/string.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "common/configuration/text_file.h"

/* Reasons that one line holds; behind the first few only the way out of OpenSSL is told. */
#define REASONS_MAX 4

bool tls_library_start(struct problem *problem)
{
	const uint64_t options = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS |
				 OPENSSL_INIT_LOAD_CRYPTO_STRINGS;

	if (!OPENSSL_init_ssl(options, NULL))
		return tls_problem(problem, "OpenSSL does not start");
	return true;
}

static const char *reason_of(unsigned long error)
{
	if (ERR_SYSTEM_ERROR(error))
		return strerror(ERR_GET_REASON(error));
	return ERR_reason_error_string(error);
}

void tls_error_text(char *text, size_t size)
{
	const char *told[REASONS_MAX];
	size_t count = 0, i;
	unsigned long error;

	*text = '\0';
	while ((error = ERR_get_error()) != 0) {
		const char *reason = reason_of(error);

		for (i = 0; i < count && reason && strcmp(told[i], reason) != 0; i++)
			;
		if (!reason || i < count || count == REASONS_MAX)
			continue;
		told[count++] = reason;
		strlcat(text, *text ? ", " : "", size);
		strlcat(text, reason, size);
	}
	text_make_printable(text);
}

int tls_no_password(char *password, int size, int is_writing, void *is_asked)
{
	(void)password;
	(void)size;
	(void)is_writing;
	if (is_asked)
		*(bool *)is_asked = true;
	return -1;
}

bool tls_problem(struct problem *problem, const char *format, ...)
{
	char reasons[PROBLEM_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(problem->text, sizeof(problem->text), format, arguments);
	va_end(arguments);
	tls_error_text(reasons, sizeof(reasons));
	if (!*reasons)
		return false;
	strlcat(problem->text, " (", sizeof(problem->text));
	strlcat(problem->text, reasons, sizeof(problem->text));
	strlcat(problem->text, ")", sizeof(problem->text));
	return false;
}
