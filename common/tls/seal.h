/*
 * seal.h - reads the files of section `tls` and seals them for the workers
 */
#ifndef POSTERN_COMMON_TLS_SEAL_H
#define POSTERN_COMMON_TLS_SEAL_H

#include <stdint.h>

#include "common/configuration/configuration.h"
#include "common/fail/fail.h"

/*
 * Reads certificates, keys and client authorities that the configuration names
 * into a sealed file in memory, with a new secret for tickets, and tries it: by
 * making all contexts as a worker will. Where no certificate is configured the
 * file is empty. Returns the descriptor, close-on-exec, or -1 with what is wrong
 * and how to mend it in *problem: "<file>: ..." or "tls.<option>: ...".
 */
int tls_seal(const struct configuration *configuration, struct problem *problem);

/* A certificate that ends soon, or has ended. */
struct tls_ending {
	const char *file;
	const char *name; /* the first of its names; "" for none */
	int64_t left;	  /* seconds; negative: it has ended */
};

typedef void tls_each_function(void *context, const struct tls_ending *ending);

/*
 * Calls `each` for every certificate of the sealed file that ends within `days`
 * of `now` (seconds since 1970), in the order of the configuration. The chains
 * are left out: their authority renews them. Nothing where memory is short.
 */
void tls_each_ending(int sealed, int64_t now, unsigned days, tls_each_function *each,
		     void *context);

#endif
