/*
 * records.c - the keys and words of the compiled tables
 *
 * Runs in: every program.  Privilege: none needed.
 * Distrusts: nothing; names are normal and bounded.
 */
#include "common/tables/records.h"

#include <string.h>

#include "common/fail/fail.h"

const char accept_all_words[][ACCEPT_ALL_WORD_SIZE] = {
	[ACCEPT_ALL_OFF] = "off",
	[ACCEPT_ALL_ONE] = "one",
	[ACCEPT_ALL_EACH] = "each",
};

void record_key_make(struct record_key *key, enum record record, const char *domain,
		     const char *local)
{
	size_t domain_length = strlen(domain);
	size_t local_length = local ? strlen(local) : 0;
	char *next = key->bytes;

	require(domain_length < MAILBOX_NAME_SIZE && local_length < MAILBOX_NAME_SIZE);
	*next++ = (char)record;
	memcpy(next, domain, domain_length);
	next += domain_length;
	if (local) {
		*next++ = '\0';
		memcpy(next, local, local_length);
		next += local_length;
	}
	key->length = (unsigned)(next - key->bytes);
}
