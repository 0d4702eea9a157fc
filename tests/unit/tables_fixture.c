/*
 * tables_fixture.c - files of mailboxes and aliases in a folder of their own, and what they make
 */
#include "tests/unit/tables_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char tables_folder[] = "/tmp/postern-tables-XXXXXX";
char mailboxes_path[128];
char aliases_path[128];
char senders_path[128];

void tables_set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(tables_folder));
	snprintf(mailboxes_path, sizeof(mailboxes_path), "%s/mailboxes", tables_folder);
	snprintf(aliases_path, sizeof(aliases_path), "%s/aliases", tables_folder);
	snprintf(senders_path, sizeof(senders_path), "%s/rejected-senders", tables_folder);
}

void tables_tear_down(void)
{
	unlink(mailboxes_path);
	unlink(aliases_path);
	unlink(senders_path);
	rmdir(tables_folder);
}

void write_text_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static char *domain_names[] = { TEXT("example.org"), TEXT("example.net") };

struct configuration tables_configuration(void)
{
	return (struct configuration){
		.domains = { domain_names, 2 },
		.default_domain = TEXT(""),
		.mailboxes = mailboxes_path,
		.aliases = aliases_path,
		.recipient_delimiter = TEXT("+"),
		.rejected_senders = TEXT(""),
		.delivery.maildir = TEXT("/mail/%d/%u"),
	};
}

struct tables *tables_of(const struct configuration *configuration)
{
	struct problem problem = { "" };
	int descriptor = tables_build(configuration, &problem);
	struct tables *tables;

	ck_assert_msg(descriptor >= 0, "%s", problem.text);
	tables = tables_open(descriptor, &problem);
	ck_assert_msg(tables, "%s", problem.text);
	close(descriptor);
	return tables;
}

struct tables *tables_of_files(const char *mailboxes, const char *aliases)
{
	struct configuration configuration = tables_configuration();

	write_text_file(mailboxes_path, mailboxes);
	write_text_file(aliases_path, aliases);
	return tables_of(&configuration);
}

bool append_mailbox(void *context, const struct mailbox *mailbox)
{
	char *text = context;
	size_t used = strlen(text);

	snprintf(text + used, 1024 - used, "%s%s@%s", used ? " " : "", mailbox->local,
		 mailbox->domain);
	return true;
}

bool count_mailbox(void *context, const struct mailbox *mailbox)
{
	size_t *number = context;

	ck_assert_str_ne(mailbox->local, "");
	(*number)++;
	return true;
}

bool count_one_mailbox(void *context, const struct mailbox *mailbox)
{
	count_mailbox(context, mailbox);
	return false;
}

void expect_recipient(const struct tables *tables, const char *local, const char *domain,
		      enum recipient_class class, const char *decided, const char *mailboxes)
{
	struct recipient_decision decision;
	char found[1024] = "";

	tables_decide(tables, local, domain, &decision);
	ck_assert_msg(decision.class == class && !strcmp(decision.decided, decided),
		      "%s@%s: class %d by \"%s\", expected %d by \"%s\"", local, domain,
		      decision.class, decision.decided, class, decided);
	ck_assert_int_eq(tables_expand(tables, local, domain, append_mailbox, found), class);
	ck_assert_msg(!strcmp(found, mailboxes), "%s@%s: goes to \"%s\", expected \"%s\"", local,
		      domain, found, mailboxes);
}
