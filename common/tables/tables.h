/*
 * tables.h - who receives mail here: domains, mailboxes, aliases; and who may not send it
 *
 * The master compiles the tables into one cdb in a sealed in-memory file
 * (tables_build). Workers and delivery map that file (tables_open) and look
 * recipients up in it: the worker to answer RCPT, delivery to find the
 * mailboxes. Aliases are followed when the tables are built, so that a look-up
 * costs the same whatever the alias, and a loop is an error in the file.
 *
 * Order of look-up for local@domain: alias, mailbox; the same without +tag;
 * postmaster; the catch-all of the domain; accept-all, which takes any
 * recipient of any domain. Names are compared without regard to case (Unicode
 * case folding, NFC), domains as A-labels (RFC 5891).
 */
#ifndef POSTERN_COMMON_TABLES_H
#define POSTERN_COMMON_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/configuration/configuration.h"
#include "common/fail/fail.h"
#include "common/tables/quota.h"

#define MAILBOX_NAME_SIZE 321	   /* local part, "@", domain, NUL: RFC 5321 4.5.3.1 */
#define TABLES_DECIDED_SIZE 96	   /* "aliases:12345 @example.net" */
#define SENDER_TEXT_SIZE 201	   /* what a rejected sender is told */
#define TABLES_MAILBOXES_MAX 10000 /* that one recipient may stand for */

/*
 * Reads the files that the configuration names and compiles them. Returns the
 * descriptor of the sealed file, close-on-exec, or -1 with "file:line: what is
 * wrong and how to mend it" in *problem.
 */
int tables_build(const struct configuration *configuration, struct problem *problem);

struct tables;

/* Maps the file; the descriptor may be closed afterwards. NULL with *problem set. */
struct tables *tables_open(int descriptor, struct problem *problem);
void tables_close(struct tables *tables);

enum recipient_class {
	RECIPIENT_ACCEPTED,
	RECIPIENT_UNKNOWN,  /* the domain is ours, the mailbox is not: 550 5.1.1 */
	RECIPIENT_NOT_OURS, /* another domain: 550 5.7.1 */
};

struct recipient_decision {
	enum recipient_class class;
	char decided[TABLES_DECIDED_SIZE]; /* what decided it, for the log: "mailboxes:12" */
	bool has_quota;			   /* the mailbox, or one of them, has a limit */
	struct quota quota;		   /* of the mailbox, where it is one; else no limit */
};

/*
 * Decides whether mail for local@domain is accepted. `local` is the local part
 * without quoting (RFC 5321 4.1.2: "a"@x and a@x are the same), any bytes but
 * NUL; `domain` is as the client wrote it: a domain in either form, an address
 * literal in brackets, or "" for none.
 */
void tables_decide(const struct tables *tables, const char *local, const char *domain,
		   struct recipient_decision *decision);

struct sender_decision {
	char decided[TABLES_DECIDED_SIZE]; /* "rejected-senders:12" */
	char text[SENDER_TEXT_SIZE];	   /* for the sender, printable ASCII; "" : none is given */
};

/*
 * Whether the sender local@domain is rejected: by a rule for the address, for
 * its domain, or for a domain that its domain is a sub-domain of, the first of
 * these that there is. `local` and `domain` as for tables_decide. The null
 * sender, both "", never is (RFC 5321 4.5.5). *decision is set only then.
 */
bool tables_reject_sender(const struct tables *tables, const char *local, const char *domain,
			  struct sender_decision *decision);

/* One mailbox: a local part and a domain in the form the tables list them. */
struct mailbox {
	char local[MAILBOX_NAME_SIZE];
	/* In normal form, never empty: one of `domains`; with accept-all any domain or literal. */
	char domain[MAILBOX_NAME_SIZE];
	struct quota quota; /* as tables_expand sets it; else not said */
};

typedef bool tables_each(void *context, const struct mailbox *mailbox);

/*
 * Calls `each` for every mailbox that local@domain stands for, in the order of
 * the files, until it returns false. Returns the class, as tables_decide.
 */
enum recipient_class tables_expand(const struct tables *tables, const char *local,
				   const char *domain, tables_each *each, void *context);

/* What a recipient stands for, so that two who share their mailboxes are known. */
struct recipient_identity {
	const void *list;	/* of several mailboxes; NULL: one */
	struct mailbox mailbox; /* that one, or empty */
};

/*
 * What local@domain stands for. Equal for a mailbox's own name in every spelling,
 * with any tag, and for the aliases that lead to it alone; and for all names that one
 * alias or catch-all takes. A recipient that is not accepted is like no other.
 */
void tables_identify(const struct tables *tables, const char *local, const char *domain,
		     struct recipient_identity *identity);

/* As strcmp(3). */
int recipient_identity_compare(const struct recipient_identity *left,
			       const struct recipient_identity *right);

/*
 * Calls `each` for every mailbox of the tables (those listed without a domain
 * once for each domain; that of accept-all one), until it returns false. Those
 * of accept-all each are not known before mail for them comes.
 */
void tables_each_mailbox(const struct tables *tables, tables_each *each, void *context);

/*
 * The path of a mailbox below the mail root: the template with %d and %u
 * replaced. Bytes that a path component must not hold ("/", control bytes, a
 * leading ".", "%") are written as %XX. Returns false when `size` is too small.
 */
bool mailbox_path(const struct mailbox *mailbox, const char *template, char *path, size_t size);

/* Whether a file system can hold that path: no part of it is too long, nor the whole. */
bool mailbox_fits(const struct mailbox *mailbox, const char *template);

/*
 * The normal form of a domain: A-labels, lower case, no dot at the end; an
 * address literal with its address in the form of inet_ntop(3). Returns false
 * when it is not a domain or literal, or `size` is too small.
 */
bool domain_normalise(const char *domain, char *normal, size_t size);

/* The normal form of a local part: case-folded, NFC. False: not UTF-8, or too long. */
bool local_normalise(const char *local, char *normal, size_t size);

#endif
