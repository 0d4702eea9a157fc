/*
 * tables_fixture.h - files of mailboxes and aliases in a folder of their own, and what they make
 */
#ifndef POSTERN_TESTS_UNIT_TABLES_FIXTURE_H
#define POSTERN_TESTS_UNIT_TABLES_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/tables/tables.h"

/* struct configuration owns its texts; those of a test are never written or freed. */
#define TEXT(literal) ((char *)(literal))

/* A checked fixture of libcheck; the files lie in a folder of the test's own. */
void tables_set_up(void);
void tables_tear_down(void);

extern char tables_folder[];
extern char mailboxes_path[128];
extern char aliases_path[128];
extern char senders_path[128];

void write_text_file(const char *path, const char *text);

/* Domains example.org and example.net, both files, "+" as delimiter, no rejected senders. */
struct configuration tables_configuration(void);

/* Each fails the test where the tables cannot be built. */
struct tables *tables_of(const struct configuration *configuration);
struct tables *tables_of_files(const char *mailboxes, const char *aliases);

/* Each is a tables_each: appends "local@domain" to a text of 1024 bytes; counts; counts one. */
bool append_mailbox(void *context, const struct mailbox *mailbox);
bool count_mailbox(void *context, const struct mailbox *mailbox);
bool count_one_mailbox(void *context, const struct mailbox *mailbox);

/* The recipient is decided so, by that, and stands for those mailboxes. */
void expect_recipient(const struct tables *tables, const char *local, const char *domain,
		      enum recipient_class class, const char *decided, const char *mailboxes);

#endif
