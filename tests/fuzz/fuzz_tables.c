/*
 * fuzz_tables.c - the files of mailboxes and aliases, and look-ups in what they make
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Input: a recipient (local part, line feed, domain, line feed), the mailboxes,
 * a line "%%", the aliases.
 */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/tables/tables.h"

#define TEXT(literal) ((char *)(literal))
#define PATH_SIZE 32

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static int file_of(const char *text, size_t length, char *path)
{
	int descriptor = memfd_create("input", MFD_CLOEXEC);

	require(descriptor >= 0);
	require(write(descriptor, text, length) == (ssize_t)length);
	snprintf(path, PATH_SIZE, "/proc/self/fd/%d", descriptor);
	return descriptor;
}

/* Takes the text up to `end` off the input, or all of it. */
static char *take(char **text, const char *end)
{
	char *piece = *text;
	char *found = strstr(piece, end);

	*text = found ? found + strlen(end) : piece + strlen(piece);
	if (found)
		*found = '\0';
	return piece;
}

static int build(const char *mailboxes, const char *aliases, struct problem *problem)
{
	char *names[] = { TEXT("example.org"), TEXT("b\xc3\xbc"
						    "cher.example") };
	char mailboxes_path[PATH_SIZE], aliases_path[PATH_SIZE];
	int one = file_of(mailboxes, strlen(mailboxes), mailboxes_path);
	int other = file_of(aliases, strlen(aliases), aliases_path);
	struct configuration configuration = {
		.domains = { names, 2 },
		.default_domain = TEXT("example.org"),
		.mailboxes = mailboxes_path,
		.aliases = aliases_path,
		.recipient_delimiter = TEXT("+"),
		.delivery.maildir = TEXT("/mail/%d/%u"),
	};
	int descriptor = tables_build(&configuration, problem);

	close(one);
	close(other);
	return descriptor;
}

/* The path stays where it belongs: two components, none of them hidden or empty. */
static void check_path(const struct mailbox *mailbox)
{
	char path[PATH_MAX];
	const char *slash;

	require(mailbox_path(mailbox, "%d/%u", path, sizeof(path)));
	slash = strchr(path, '/');
	require(slash && slash != path && slash[1] && !strchr(slash + 1, '/'));
	require(path[0] != '.' && slash[1] != '.');
	for (const char *c = path; *c; c++)
		require((unsigned char)*c >= ' ' && *c != 0x7f);
}

struct found {
	const struct tables *tables;
	size_t count;
};

/* What is delivered to is a mailbox of ours. */
static bool check_mailbox(void *context, const struct mailbox *mailbox)
{
	struct found *found = context;
	struct recipient_decision decision;

	found->count++;
	check_path(mailbox);
	tables_decide(found->tables, mailbox->local, mailbox->domain, &decision);
	require(decision.class == RECIPIENT_ACCEPTED);
	return true;
}

static void check_recipient(const struct tables *tables, const char *local, const char *domain)
{
	struct found found = { tables, 0 };
	struct recipient_decision decision;

	tables_decide(tables, local, domain, &decision);
	require(tables_expand(tables, local, domain, check_mailbox, &found) == decision.class);
	require((found.count > 0) == (decision.class == RECIPIENT_ACCEPTED));
	require(decision.decided[0] && strlen(decision.decided) < TABLES_DECIDED_SIZE);
}

static void check_normal(const char *local, const char *domain)
{
	char normal[MAILBOX_NAME_SIZE], again[MAILBOX_NAME_SIZE];

	if (domain_normalise(domain, normal, sizeof(normal))) {
		require(domain_normalise(normal, again, sizeof(again)));
		require(!strcmp(normal, again));
	}
	if (local_normalise(local, normal, sizeof(normal)))
		require(strlen(normal) < sizeof(normal));
}

static void check_tables(int descriptor, const char *local, const char *domain)
{
	struct problem problem = { "" };
	struct tables *tables = tables_open(descriptor, &problem);
	struct found found = { tables, 0 };

	require(tables);
	check_recipient(tables, local, domain);
	check_recipient(tables, local, "example.org");
	check_recipient(tables, "postmaster", "xn--bcher-kva.example");
	tables_each_mailbox(tables, check_mailbox, &found);
	tables_close(tables);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	struct problem problem = { "" };
	char *text = malloc(length + 1);
	char *next = text;
	const char *local, *domain, *mailboxes;
	int descriptor;

	require(text);
	memcpy(text, input, length);
	text[length] = '\0';
	local = take(&next, "\n");
	domain = take(&next, "\n");
	mailboxes = take(&next, "%%\n");
	check_normal(local, domain);
	descriptor = build(mailboxes, next, &problem);
	require((descriptor < 0) == (problem.text[0] != '\0'));
	if (descriptor >= 0) {
		check_tables(descriptor, local, domain);
		close(descriptor);
	}
	free(text);
	return 0;
}
