/*
 * reject.c - looks senders up in the compiled tables
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: the sender's address.  Trusts: the tables, which are sealed.
 */
#include <stdio.h>
#include <string.h>

#include "common/tables/opened.h"

/* "." and those that UTS 46 takes for it. */
static const char *const dots[] = { ".", "\xe3\x80\x82", "\xef\xbc\x8e", "\xef\xbd\xa1" };

/* What stands behind the first dot, or NULL. */
static const char *parent(const char *domain)
{
	const char *first = NULL;

	for (size_t i = 0; i < sizeof(dots) / sizeof(dots[0]); i++) {
		const char *dot = strstr(domain, dots[i]);

		if (dot && (!first || dot < first))
			first = dot + strlen(dots[i]);
	}
	return first;
}

static bool try_rule(const struct tables *tables, const char *domain, const char *local,
		     struct sender_decision *decision)
{
	unsigned length;
	const char *value = record_find(tables, RECORD_SENDER, domain, local, &length);

	if (!value)
		return false;
	snprintf(decision->decided, sizeof(decision->decided), "rejected-senders:%u",
		 record_line(value, length));
	length -= RECORD_LINE_SIZE;
	require(length < sizeof(decision->text));
	memcpy(decision->text, value + RECORD_LINE_SIZE, length);
	decision->text[length] = '\0';
	return true;
}

static bool try_address(const struct tables *tables, const char *domain, const char *local,
			struct sender_decision *decision)
{
	char normal[MAILBOX_NAME_SIZE];

	return local_normalise(local, normal, sizeof(normal)) &&
	       try_rule(tables, domain, normal, decision);
}

/* Each part of the domain from a dot on: the key of a rule for what is below. */
static bool try_parents(const struct tables *tables, const char *dot,
			struct sender_decision *decision)
{
	for (; dot; dot = strchr(dot + 1, '.'))
		if (try_rule(tables, dot, NULL, decision))
			return true;
	return false;
}

bool tables_reject_sender(const struct tables *tables, const char *local, const char *domain,
			  struct sender_decision *decision)
{
	char dotted[1 + MAILBOX_NAME_SIZE] = ".";
	char *normal = dotted + 1;
	const char *rest = tables->rejects_senders ? domain : NULL;

	/* A label that is none must not hide the domain that it stands in front of. */
	while (rest && !domain_normalise(rest, normal, MAILBOX_NAME_SIZE))
		rest = parent(rest);
	if (!rest)
		return false;
	if (rest != domain)
		return try_parents(tables, dotted, decision);
	return try_address(tables, normal, local, decision) ||
	       try_rule(tables, normal, NULL, decision) ||
	       try_parents(tables, strchr(normal, '.'), decision);
}
