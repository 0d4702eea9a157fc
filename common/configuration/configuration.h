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

#include "common/configuration/listen_configuration.h"
#include "common/fail/fail.h"

/* Sizes are in bytes, durations in seconds, counts plain; 0 means no limit only where the
 * option table says so. */
struct configuration {
	char *hostname;
	struct text_list domains;
	char *default_domain; /* "" : only <postmaster> may come without a domain */
	char *mailboxes;
	char *aliases;		   /* "" : none */
	char *recipient_delimiter; /* "" : no user+tag; else one character */
	char *rejected_senders;	   /* "" : none */
	char *pid_file;
	char *spool; /* folder for the unlinked spool files */

	struct listen_configuration *listens;
	size_t listen_count;

	struct {
		char *greeting; /* text behind the host name in the 220 line */
		char *helo;	/* text behind the host name in the reply to HELO and EHLO */
		char *closing;	/* text of the 221 line */
		char *help;	/* text of the 214 line; "" : the list of commands */
		bool version;	/* whether greeting and HELP tell it */
		enum address_syntax address_syntax;
		enum helo_argument helo_argument;
	} smtp;
	struct {
		struct text_list certificates; /* paths, each with its chain; "" : no TLS */
		struct text_list keys;	       /* as many */
		enum tls_version_choice minimum;
		char *ciphers;	    /* of TLS 1.2, ciphers(1) */
		char *ciphersuites; /* of TLS 1.3 */
		char *groups;
		bool tickets;
		enum client_certificate client_certificate;
		char *client_authorities;  /* path; "" : none */
		struct text_list commands; /* "NAME VALUE" of SSL_CONF_cmd(3) */
	} tls;
	struct {
		enum accept_all mode;
		char *mailbox; /* of ACCEPT_ALL_ONE */
	} accept_all;
	struct {
		long long count; /* as configured; 0: one for each processor */
		long long sessions;
	} workers;
	struct {
		char *maildir; /* template with %d and %u */
		enum create_mailboxes create_mailboxes;
		long long batch;   /* messages in one group commit at most */
		long long reserve; /* bytes to be kept free; 0: none */
		long long reserve_inodes;
		long long quota; /* of a mailbox that lists none, in bytes; 0: no limit */
		long long quota_messages;
		long long remember; /* seconds; 0: nothing */
	} delivery;
	struct {
		long long message_size;
		long long recipients;
		long long command_line;
		long long data_line;
		long long sessions_per_address; /* 0: no limit */
		long long errors;
		long long unknown_commands;
		long long idle_commands;   /* commands that do nothing between two messages */
		long long received_fields; /* 0: no limit */
		long long data_rate;	   /* bytes a second; 0: no limit */
		long long spool;	   /* bytes of spool file for each worker */
	} limits;
	struct {
		long long command;   /* RFC 5321 4.5.3.2.7: the next command, 5 minutes */
		long long handshake; /* of TLS */
		long long proxy;     /* the PROXY header */
		long long data;	     /* RFC 5321 4.5.3.2.5: the next block of data, 3 minutes */
		long long write;     /* the client takes none of our reply */
		long long delivery;  /* a message waits for its verdict, then 451 */
		long long stop;	     /* after SIGTERM, until sessions are cut off */
		long long drain;     /* after SIGHUP, until sessions of the old generation are */
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

/* The folder in the mail root that marks it, and that delivery keeps its own files in. */
#define MAIL_ROOT_MARK ".postern"

#endif
