/*
 * fuzz_tables.c - the files of mailboxes, aliases and rejected senders, and look-ups in what they
 * make
 *
 * Runs in: the fuzzer.  Privilege: none.
 * Input: an address (local part, line feed, domain, line feed), the mailboxes, a
 * line "%%", the aliases; then, where they are not left out, a line "%%" and the
 * rejected senders, a line "%%" and the mailbox of accept-all one, or "each".
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

struct texts {
	const char *local, *domain;
	const char *mailboxes, *aliases, *senders;
	char *accept_all;
};

static int file_of(const char *text, char *path)
{
	int descriptor = memfd_create("input", MFD_CLOEXEC);
	size_t length = strlen(text);

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

static enum accept_all mode_of(const char *text)
{
	if (!*text)
		return ACCEPT_ALL_OFF;
	return strcmp(text, "each") == 0 ? ACCEPT_ALL_EACH : ACCEPT_ALL_ONE;
}

static int build(const struct texts *texts, struct problem *problem)
{
	char *names[] = { TEXT("example.org"), TEXT("b\xc3\xbc"
						    "cher.example") };
	char mailboxes_path[PATH_SIZE], aliases_path[PATH_SIZE], senders_path[PATH_SIZE];
	const int files[] = {
		file_of(texts->mailboxes, mailboxes_path),
		file_of(texts->aliases, aliases_path),
		file_of(texts->senders, senders_path),
	};
	struct configuration configuration = {
		.domains = { names, 2 },
		.default_domain = TEXT("example.org"),
		.mailboxes = mailboxes_path,
		.aliases = aliases_path,
		.recipient_delimiter = TEXT("+"),
		.rejected_senders = senders_path,
		.accept_all = { mode_of(texts->accept_all), texts->accept_all },
		.delivery.maildir = TEXT("/mail/%d/%u"),
	};
	int descriptor = tables_build(&configuration, problem);

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		close(files[i]);
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
	require(slash - path <= NAME_MAX && strlen(slash + 1) <= NAME_MAX);
	for (const char *c = path; *c; c++)
		require((unsigned char)*c >= ' ' && *c != 0x7f);
}

struct found {
	const struct tables *tables;
	size_t count;
};

/* What is delivered to is a mailbox of ours, or one that accept-all makes. */
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

static bool is_rejected(const struct tables *tables, const char *local, const char *domain)
{
	struct sender_decision decision;
	bool result = tables_reject_sender(tables, local, domain, &decision);

	if (!result)
		return false;
	require(!strncmp(decision.decided, "rejected-senders:", 17));
	require(strlen(decision.text) < SENDER_TEXT_SIZE);
	for (const char *c = decision.text; *c; c++)
		require(*c >= ' ' && *c <= '~');
	return true;
}

/* The form of an address is of no matter, and a rule for a domain is one for all its senders. */
static void check_sender(const struct tables *tables, const char *local, const char *domain)
{
	char normal_local[MAILBOX_NAME_SIZE], normal[MAILBOX_NAME_SIZE];
	bool result = is_rejected(tables, local, domain);

	require(!is_rejected(tables, "", ""));
	if (is_rejected(tables, "nobody's name, \x01", domain))
		require(result);
	if (local_normalise(local, normal_local, sizeof(normal_local)) &&
	    local_normalise(normal_local, normal, sizeof(normal)) &&
	    !strcmp(normal, normal_local) && domain_normalise(domain, normal, sizeof(normal)))
		require(is_rejected(tables, normal_local, normal) == result);
}

static void check_tables(int descriptor, const struct texts *texts)
{
	struct problem problem = { "" };
	struct tables *tables = tables_open(descriptor, &problem);
	struct found found = { tables, 0 };

	require(tables);
	check_recipient(tables, texts->local, texts->domain);
	check_recipient(tables, texts->local, "example.org");
	check_recipient(tables, texts->local, "");
	check_recipient(tables, "postmaster", "xn--bcher-kva.example");
	check_sender(tables, texts->local, texts->domain);
	check_sender(tables, texts->local, "example.org");
	tables_each_mailbox(tables, check_mailbox, &found);
	tables_close(tables);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	struct problem problem = { "" };
	char *text = malloc(length + 1);
	char *next = text;
	struct texts texts;
	int descriptor;

	require(text);
	memcpy(text, input, length);
	text[length] = '\0';
	texts.local = take(&next, "\n");
	texts.domain = take(&next, "\n");
	texts.mailboxes = take(&next, "%%\n");
	texts.aliases = take(&next, "%%\n");
	texts.senders = take(&next, "%%\n");
	texts.accept_all = take(&next, "\n");
	check_normal(texts.local, texts.domain);
	descriptor = build(&texts, &problem);
	require((descriptor < 0) == (problem.text[0] != '\0'));
	if (descriptor >= 0) {
		check_tables(descriptor, &texts);
		close(descriptor);
	}
	free(text);
	return 0;
}
