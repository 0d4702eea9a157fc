/*
 * records.h - the records of the compiled tables, as build.c writes and lookup.c reads them
 *
 *   key                            value
 *   'S' name                       a setting: text
 *   'D' domain                     nothing; these stand together, in the configuration's order
 *   'M' domain NUL local           line, quota; domain "" : a mailbox of every domain
 *   'A' domain NUL local           line, "1" where one of them has a quota or "0", then for each
 *                                  mailbox: domain NUL local NUL
 *   'C' domain                     the same, for the catch-all of the domain
 *   'R' domain                     line, text: all senders of the domain are rejected
 *   'R' "." domain                 the same for all sub-domains of it
 *   'R' domain NUL local           the same for one sender
 *
 * A line is four bytes, least significant first; a mailbox of line 0 is the
 * postmaster that no file lists. A quota is the bytes and the messages that the
 * mailbox may hold, eight bytes each, in the order of this machine.
 */
#ifndef POSTERN_COMMON_TABLES_RECORDS_H
#define POSTERN_COMMON_TABLES_RECORDS_H

#include "common/tables/tables.h"

enum record {
	RECORD_SETTING = 'S',
	RECORD_DOMAIN = 'D',
	RECORD_MAILBOX = 'M',
	RECORD_ALIAS = 'A',
	RECORD_CATCH_ALL = 'C',
	RECORD_SENDER = 'R',
};

/* The settings that a look-up needs. */
#define SETTING_DELIMITER "recipient-delimiter"
#define SETTING_DEFAULT_DOMAIN "default-domain"
#define SETTING_FIRST_DOMAIN "first-domain"
#define SETTING_ACCEPT_ALL "accept-all"		      /* one of accept_all_words */
#define SETTING_ACCEPT_ALL_LOCAL "accept-all-local"   /* the mailbox; "" but for "one" */
#define SETTING_ACCEPT_ALL_DOMAIN "accept-all-domain" /* the same */
#define SETTING_MAILDIR "maildir"		      /* the template of all paths */

#define SETTING_REJECTED_SENDERS "rejected-senders" /* "" : there are none */

/* By enum accept_all. */
#define ACCEPT_ALL_WORD_SIZE 8
extern const char accept_all_words[][ACCEPT_ALL_WORD_SIZE];

#define SETTING_QUOTA "quota" /* of a mailbox that no file lists, as in a record */

#define RECORD_LINE_SIZE 4
#define RECORD_QUOTA_SIZE sizeof(struct quota)
#define RECORD_LIST_OFFSET (RECORD_LINE_SIZE + 1) /* where the mailboxes of an alias begin */

struct record_key {
	unsigned length;
	char bytes[1 + 2 * MAILBOX_NAME_SIZE];
};

/*
 * The key of a record; `local` is NULL where the key has none. Both texts are
 * shorter than MAILBOX_NAME_SIZE.
 */
void record_key_make(struct record_key *key, enum record record, const char *domain,
		     const char *local);

#endif
