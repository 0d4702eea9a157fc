/*
 * expand.c - follows an alias to the mailboxes it stands for
 *
 * Runs in: postern's master.  Privilege: none needed.
 * Distrusts: the aliases' file: loops, chains, lists of lists.
 */
#include "common/tables/expand.h"

#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "common/configuration/text_file.h"

#define POSTMASTER "postmaster"

const struct entry implicit_postmaster = { .local = (char *)POSTMASTER };

bool listing_lacks_postmaster(const struct listing *listing, const char *domain)
{
	return !entries_resolve(&listing->aliases, POSTMASTER, domain) &&
	       !entries_resolve(&listing->mailboxes, POSTMASTER, domain);
}

static bool fail_at(struct expansion *expansion, unsigned line, const char *what)
{
	problem_set(expansion->problem, "%s:%u: %s", expansion->path, line, what);
	text_make_printable(expansion->problem->text);
	return false;
}

static bool fail_memory(struct expansion *expansion)
{
	return problem_set(expansion->problem, "%s: out of memory", expansion->path);
}

static void append_node(char *text, size_t size, struct node node)
{
	strlcat(text, node.entry->local, size);
	strlcat(text, "@", size);
	strlcat(text, node.domain, size);
	strlcat(text, " -> ", size);
}

/* The chain from `first` on leads back to it. */
static bool fail_loop(struct expansion *expansion, size_t first, unsigned line)
{
	char text[PROBLEM_SIZE] = "the aliases form a loop: ";

	for (size_t i = first; i < expansion->depth; i++)
		append_node(text, sizeof(text), expansion->chain[i]);
	strlcat(text, expansion->chain[first].entry->local, sizeof(text));
	strlcat(text, "@", sizeof(text));
	strlcat(text, expansion->chain[first].domain, sizeof(text));
	strlcat(text, "; break it", sizeof(text));
	return fail_at(expansion, line, text);
}

/* Where the node stands in the chain, or the depth. */
static size_t find_in_chain(const struct expansion *expansion, struct node node)
{
	for (size_t i = 0; i < expansion->depth; i++)
		if (expansion->chain[i].entry == node.entry &&
		    expansion->chain[i].domain == node.domain)
			return i;
	return expansion->depth;
}

static bool add_mailbox(struct expansion *expansion, struct node node, unsigned line)
{
	struct problem what;

	switch (visited_add(&expansion->visited, node)) {
	case VISIT_AGAIN:
		return true;
	case VISIT_NO_MEMORY:
		return fail_memory(expansion);
	case VISIT_FIRST:
		break;
	}
	if (expansion->count == TABLES_MAILBOXES_MAX) {
		problem_set(&what, "alias %s stands for more than %d mailboxes; split it",
			    expansion->chain[0].entry->local, TABLES_MAILBOXES_MAX);
		return fail_at(expansion, line, what.text);
	}
	expansion->mailboxes[expansion->count++] = node;
	return true;
}

static bool visit_mailbox(struct expansion *expansion, const struct target *target,
			  const char *domain)
{
	const struct listing *listing = expansion->listing;
	struct node node = { entries_resolve(&listing->mailboxes, target->local, domain), domain };
	struct problem what;

	if (!node.entry && !strcmp(target->local, POSTMASTER) &&
	    listing_lacks_postmaster(listing, domain))
		node.entry = &implicit_postmaster;
	if (node.entry)
		return add_mailbox(expansion, node, target->line);
	problem_set(&what, "%s@%.200s is neither a mailbox nor another alias; list it, or %s",
		    target->local, domain,
		    target->domain ? "name another target" : "give the target its domain");
	return fail_at(expansion, target->line, what.text);
}

static bool visit_alias(struct expansion *expansion, struct node node, unsigned line);

static bool visit_target(struct expansion *expansion, const struct target *target)
{
	struct node from = expansion->chain[expansion->depth - 1];
	const char *domain = target->domain ? target->domain : from.domain;
	struct node node = { entries_resolve(&expansion->listing->aliases, target->local, domain),
			     domain };
	size_t place = find_in_chain(expansion, node);

	/* An alias that names itself means the mailbox of its name. */
	if (!node.entry || (node.entry == from.entry && node.domain == from.domain))
		return visit_mailbox(expansion, target, domain);
	if (place < expansion->depth)
		return fail_loop(expansion, place, target->line);
	switch (visited_add(&expansion->visited, node)) {
	case VISIT_AGAIN:
		return true;
	case VISIT_NO_MEMORY:
		return fail_memory(expansion);
	case VISIT_FIRST:
		break;
	}
	return visit_alias(expansion, node, target->line);
}

/* Recursive; ALIAS_DEPTH_MAX bounds the depth. */
static bool visit_alias(struct expansion *expansion, struct node node, unsigned line)
{
	if (expansion->depth == ALIAS_DEPTH_MAX)
		return fail_at(expansion, line,
			       "too many aliases stand behind each other; shorten the chain");
	expansion->chain[expansion->depth++] = node;
	for (size_t i = 0; i < node.entry->target_count; i++)
		if (!visit_target(expansion, &node.entry->targets[i]))
			return false;
	expansion->depth--;
	return true;
}

bool expand(struct expansion *expansion, const struct entry *alias, const char *domain)
{
	if (!expansion->mailboxes)
		expansion->mailboxes = allocate(TABLES_MAILBOXES_MAX, sizeof(struct node));
	if (!expansion->mailboxes)
		return fail_memory(expansion);
	visited_clear(&expansion->visited);
	expansion->count = 0;
	expansion->depth = 0;
	return visit_alias(expansion, (struct node){ alias, domain }, alias->line);
}

void expansion_free(struct expansion *expansion)
{
	free(expansion->mailboxes);
	visited_free(&expansion->visited);
}
