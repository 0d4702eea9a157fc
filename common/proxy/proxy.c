/*
 * proxy.c - the header of the PROXY protocol: which version it is
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: every byte, and how they are split.
 */
#include "common/proxy/proxy.h"

#include "common/proxy/versions.h"

/* Their first bytes differ, so that one byte decides. */
static const struct version_row {
	struct smtp_text start;
	proxy_parse_version *parse;
} version_rows[] = {
	{ PROXY_LITERAL(PROXY_VERSION_1_START), proxy_parse_version_1 },
	{ PROXY_LITERAL(PROXY_VERSION_2_START), proxy_parse_version_2 },
};

static const struct version_row *find_version(struct smtp_text input)
{
	for (size_t i = 0; i < sizeof(version_rows) / sizeof(version_rows[0]); i++)
		if (proxy_texts_agree(input, version_rows[i].start))
			return &version_rows[i];
	return NULL;
}

static enum proxy_result parse(struct smtp_text input, struct proxy_header *header,
			       struct problem *problem)
{
	const struct version_row *row = find_version(input);

	if (!row) {
		problem_set(problem,
			    "no PROXY header: the first bytes are those of something else");
		return PROXY_MALFORMED;
	}
	return input.length < row->start.length ? PROXY_MORE : row->parse(input, header, problem);
}

enum proxy_result proxy_parse(const void *bytes, size_t length, struct proxy_header *header,
			      struct problem *problem)
{
	struct smtp_text nothing = { bytes, 0 };
	enum proxy_result result = PROXY_MORE;

	*header = (struct proxy_header){ .tls_version = nothing,
					 .tls_cipher = nothing,
					 .common_name = nothing,
					 .authority = nothing,
					 .unique_id = nothing };
	if (length > 0)
		result = parse((struct smtp_text){ bytes, length }, header, problem);
	if (result != PROXY_COMPLETE)
		memset(header, 0, sizeof(*header));
	return result;
}
