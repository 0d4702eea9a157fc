/*
 * configuration.h - what postern.conf says, as a struct
 *
 * The master reads the file once; every other process gets the same text,
 * includes resolved, as a sealed in-memory file, and parses it with the same
 * code. The options stand in one table (options.h): name, type, bounds,
 * default, sentence for the manual.
 */
#ifndef POSTERN_COMMON_CONFIGURATION_H
#define POSTERN_COMMON_CONFIGURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail/fail.h"

struct text_list {
	char **items;
	size_t count;
};

/* One `listen "title" { ... }` section. */
struct listen_configuration {
	char *title;
	char *place; /* "file:line" where the section ends; NULL: by default, or read sealed */
	struct text_list addresses; /* numeric; "*" is every address of both families */
	long long port;		    /* 1..65535 */
};

/* Choices; the words in the file are these names in lower case, "-" for "_". */
enum address_syntax { ADDRESS_SYNTAX_LENIENT, ADDRESS_SYNTAX_STRICT };
enum helo_argument { HELO_ARGUMENT_REQUIRED, HELO_ARGUMENT_OPTIONAL };
enum create_mailboxes { CREATE_BOTH, CREATE_AT_START, CREATE_ON_DELIVERY, CREATE_NEVER };
enum log_format_choice { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Sizes are in bytes, durations in seconds, counts plain; 0 means no limit only where the
 * option table says so. */
struct configuration {
	char *hostname;
	struct text_list domains;
	char *default_domain; /* "" : only <postmaster> may come without a domain */
	char *mailboxes;
	char *aliases;		   /* "" : none */
	char *recipient_delimiter; /* "" : no user+tag; else one character */
	char *pid_file;
	char *spool; /* folder for the unlinked spool files */

	struct listen_configuration *listens;
	size_t listen_count;

	struct {
		char *greeting; /* text behind the host name in the 220 line */
		enum address_syntax address_syntax;
		enum helo_argument helo_argument;
	} smtp;
	struct {
		long long count; /* as configured; 0: one for each processor */
		long long sessions;
	} workers;
	struct {
		char *maildir; /* template with %d and %u */
		enum create_mailboxes create_mailboxes;
		long long batch; /* messages in one group commit at most */
	} delivery;
	struct {
		long long message_size;
		long long recipients;
		long long command_line;
		long long data_line;
		long long sessions_per_address; /* 0: no limit */
		long long errors;
		long long unknown_commands;
		long long spool; /* bytes of spool file for each worker */
	} limits;
	struct {
		long long command;  /* RFC 5321 4.5.3.2.7: the next command, 5 minutes */
		long long data;	    /* RFC 5321 4.5.3.2.5: the next block of data, 3 minutes */
		long long write;    /* the client takes none of our reply */
		long long delivery; /* a message waits for its verdict, then 451 */
		long long stop;	    /* after SIGTERM, until sessions are cut off */
		long long drain;    /* after SIGHUP, until sessions of the old generation are */
	} timeouts;
	struct {
		char *master;
		char *worker;
		char *delivery;
	} users; /* "name", "uid" or "uid:gid" */
	struct {
		char *to; /* "syslog", "stderr" or an absolute path */
		enum log_format_choice format;
		bool verbose;
	} log;
};

/*
 * Reads a configuration file. Returns NULL with "file:line: what is wrong and
 * how to mend it" in *problem. Free with configuration_free.
 */
struct configuration *configuration_read(const char *path, struct problem *problem);

/*
 * The same from a descriptor that configuration_seal() made. The descriptor is
 * read from its start and left open.
 */
struct configuration *configuration_read_sealed(int descriptor, struct problem *problem);

/*
 * Writes the configuration, all defaults filled in, into an in-memory file and
 * seals it against every change (memfd_create(2), F_ADD_SEALS). Returns the
 * descriptor, close-on-exec, or -1 with *problem set.
 */
int configuration_seal(const struct configuration *configuration, struct problem *problem);

void configuration_free(struct configuration *configuration);

/*
 * The number of workers to run: workers.count, or the number of processors
 * this process may use where that is 0.
 */
size_t configuration_worker_count(const struct configuration *configuration);

/*
 * The mail root: the part of delivery.maildir before the first component with
 * a % in it, without a slash at its end. *template is set to the rest, as in
 * "%d/%u". The returned string is the caller's to free; NULL when memory is short.
 */
char *configuration_mail_root(const struct configuration *configuration, const char **template);

#endif
