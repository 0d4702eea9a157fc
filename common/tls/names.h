/*
 * names.h - which certificate a name of SNI stands for (RFC 6066 3)
 */
#ifndef POSTERN_COMMON_TLS_NAMES_H
#define POSTERN_COMMON_TLS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/configuration/text_list.h"

/* A domain has 253 characters at most (RFC 1035 2.3.4, without the root's dot). */
#define TLS_NAME_SIZE 254

/*
 * The form in which names are compared: lower case, no dot at the end. False,
 * with "" in `name` (TLS_NAME_SIZE bytes), when it is no domain of letters,
 * digits, "-" and "_" (A-labels only).
 */
bool tls_name_normalise(const char *bytes, size_t length, char *name);

/* A name, or "*." and one, and the place it leads to. */
struct tls_name {
	char *name;
	size_t place;
};

struct tls_names {
	struct tls_name *items;
	size_t count;
};

/*
 * Adds the names, normal ones of tls_certificate_names. Of two equal names that
 * was added first counts. False when memory is short.
 */
bool tls_names_add(struct tls_names *names, const struct text_list *list, size_t place);

/* To be called once, when all are there. */
void tls_names_sort(struct tls_names *names);

/*
 * Finds a normal name: itself, else "*." in place of its leftmost label. False
 * when there is neither.
 */
bool tls_names_find(const struct tls_names *names, const char *name, size_t *place);

void tls_names_free(struct tls_names *names);

#endif
