/*
 * library.h - OpenSSL as a whole: how it starts, and what it complains of
 */
#ifndef POSTERN_COMMON_TLS_LIBRARY_H
#define POSTERN_COMMON_TLS_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/fail/fail.h"

/*
 * Starts OpenSSL without its configuration file and without the files that the
 * environment names, with the texts of all errors. Must come before any other
 * call into OpenSSL; later calls do nothing. False with *problem set.
 */
bool tls_library_start(struct problem *problem);

/*
 * Empties OpenSSL's queue of errors of this thread into one line: the reasons,
 * earliest first, each once, as in "no shared cipher". Always a C string of
 * printable ASCII, cut to fit; "" where the queue was empty.
 */
void tls_error_text(char *text, size_t size);

/*
 * A callback for PEM files in place of OpenSSL's own, which asks at the
 * terminal: there is no password. Sets the bool that `is_asked` points to; NULL
 * is fine.
 */
int tls_no_password(char *password, int size, int is_writing, void *is_asked);

/*
 * problem_set() with " (reasons)" of OpenSSL's queue behind the text, or
 * nothing where it is empty. Returns false.
 */
bool tls_problem(struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
