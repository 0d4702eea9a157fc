/*
 * options.c - the table of the options of postern.conf
 *
 * Runs in: every program.  Privilege: none needed.
 * Distrusts: nothing; the table is our own.
 */
#include "common/configuration/options.h"

#include <limits.h>
#include <string.h>

#include "common/configuration/configuration.h"

#define KIBI 1024LL
#define MEBI (1024 * KIBI)
#define TEBI (1024 * 1024 * MEBI)
#define DAY 86400LL
#define MILLION 1000000LL

#define AT(field) offsetof(struct configuration, field)
#define LISTEN_AT(field) offsetof(struct listen_configuration, field)

/* Bounds of a path: optional (may be "") or not. */
#define OPTIONAL_PATH OPTION_PATH, 0, PATH_MAX - 1
#define REQUIRED_PATH OPTION_PATH, 1, PATH_MAX - 1

/* The SMTP replies are lines of 512 bytes (RFC 5321 4.5.3.1.5); 200 leave room for a host name. */
#define GREETING_MAX 200

static const struct option options[] = {
	{ "", "hostname", OPTION_DOMAIN, 1, 255, NULL, AT(hostname), NULL,
	  "The name in the greeting and in the Received field; without it the name of this host." },
	{ "", "domains", OPTION_DOMAINS, 1, 255, NULL, AT(domains), NULL,
	  "The domains whose mail is taken, in either form of IDNA; without it the host name." },
	{ "", "default-domain", OPTION_DOMAIN, 0, 255, "", AT(default_domain), NULL,
	  "The domain of a recipient that has none; must be one of domains. Without it only "
	  "<postmaster> may come without a domain." },
	{ "", "mailboxes", REQUIRED_PATH, "/etc/postern/mailboxes", AT(mailboxes), NULL,
	  "The file that lists the mailboxes, one a line." },
	{ "", "aliases", OPTIONAL_PATH, "", AT(aliases), NULL,
	  "The file that lists the aliases; without it there are none." },
	{ "", "recipient-delimiter", OPTION_DELIMITER, 0, 1, "+", AT(recipient_delimiter), NULL,
	  "The character between a name and its tag, as in user+tag; \"\" turns tags off." },
	{ "", "rejected-senders", OPTIONAL_PATH, "", AT(rejected_senders), NULL,
	  "The file that lists the senders whose mail is not taken; without it there are none." },
	{ "", "pid-file", REQUIRED_PATH, "/run/postern/posternd.pid", AT(pid_file), NULL,
	  "Where the daemon writes its process id." },
	{ "", "spool", REQUIRED_PATH, "/var/tmp", AT(spool), NULL,
	  "The folder for the parts of messages that do not fit into memory; the files have no "
	  "name." },

	{ LISTEN_SECTION, "port", OPTION_NUMBER, 1, 65535, "25", LISTEN_AT(port), NULL,
	  "The TCP port to listen on." },
	{ LISTEN_SECTION, "address", OPTION_ADDRESSES, 1, 45, "*", LISTEN_AT(addresses), NULL,
	  "The numeric addresses to listen on; \"*\" is every address, IPv4 and IPv6. A path is a "
	  "unix socket." },
	{ LISTEN_SECTION, "protocol", OPTION_CHOICE, 0, 0, "smtp", LISTEN_AT(protocol), "smtp lmtp",
	  "smtp, or lmtp for a mail system that hands its mail to this one (RFC 2033; not on port "
	  "25)." },
	{ LISTEN_SECTION, "tls", OPTION_CHOICE, 0, 0, "optional", LISTEN_AT(tls),
	  "off optional required implicit",
	  "optional offers STARTTLS where a certificate is configured; required takes no mail "
	  "without it (530); implicit begins with the handshake." },
	{ LISTEN_SECTION, "ehlo-before-tls", OPTION_CHOICE, 0, 0, "full",
	  LISTEN_AT(ehlo_before_tls), "full minimal",
	  "Whether EHLO offers everything, or STARTTLS only, as long as a client that could use "
	  "TLS "
	  "does not." },
	{ LISTEN_SECTION, "hide", OPTION_KEYWORDS, 0, 0, "DSN", LISTEN_AT(hide), NULL,
	  "Extensions that EHLO does not announce; a client that uses them all the same is served, "
	  "but for PIPELINING where pipelining = refuse. DSN is hidden since who announces it owes "
	  "senders a notice of success (RFC 3461)." },
	{ LISTEN_SECTION, "disable", OPTION_VERBS, 0, 0, NULL, LISTEN_AT(disable), NULL,
	  "Commands that are answered with 502; an extension that needs one is not announced." },
	{ LISTEN_SECTION, "line-endings", OPTION_CHOICE, 0, 0, "strict", LISTEN_AT(line_endings),
	  "strict normalise",
	  "Whether a bare CR or LF is a fault (strict). With normalise either ends a line of a "
	  "message, and a bare LF ends a command; a bare CR in a command stays a fault. The end of "
	  "a message is CR LF . CR LF either way." },
	{ LISTEN_SECTION, "early-talkers", OPTION_CHOICE, 0, 0, "tolerate",
	  LISTEN_AT(early_talkers), "tolerate refuse",
	  "What becomes of a client that sends before the greeting." },
	{ LISTEN_SECTION, "pipelining", OPTION_CHOICE, 0, 0, "tolerate", LISTEN_AT(pipelining),
	  "tolerate refuse",
	  "What becomes of a client that sends on where RFC 2920 wants it to wait for the reply." },
	{ LISTEN_SECTION, "greeting-delay", OPTION_DURATION, 0, 60, "0", LISTEN_AT(greeting_delay),
	  NULL, "How long the greeting is held back; early talkers show themselves meanwhile." },
	{ LISTEN_SECTION, "proxy", OPTION_NETWORKS, 0, 0, NULL, LISTEN_AT(proxy), NULL,
	  "Networks of load balancers, whose connections must begin with a PROXY header of version "
	  "1 or 2; \"unix\" are the clients of unix sockets." },
	{ LISTEN_SECTION, "ignore-log", OPTION_NETWORKS, 0, 0, NULL, LISTEN_AT(ignore_log), NULL,
	  "Networks of health checks: their connections are logged only when a message or a "
	  "rejection comes of them." },
	{ LISTEN_SECTION, "xclient", OPTION_NETWORKS, 0, 0, NULL, LISTEN_AT(xclient), NULL,
	  "Networks of clients that may name another one by XCLIENT." },
	{ LISTEN_SECTION, "xforward", OPTION_NETWORKS, 0, 0, NULL, LISTEN_AT(xforward), NULL,
	  "Networks of clients that may name where a message came from by XFORWARD, for the log." },

	{ "smtp", "greeting", OPTION_TEXT, 0, GREETING_MAX, "", AT(smtp.greeting), NULL,
	  "The text behind the host name and ESMTP in the greeting." },
	{ "smtp", "helo", OPTION_TEXT, 0, GREETING_MAX, "", AT(smtp.helo), NULL,
	  "The text behind the host name in the reply to HELO and EHLO." },
	{ "smtp", "closing", OPTION_TEXT, 1, GREETING_MAX, "Bye", AT(smtp.closing), NULL,
	  "The text of the reply to QUIT." },
	{ "smtp", "help", OPTION_TEXT, 0, GREETING_MAX, "", AT(smtp.help), NULL,
	  "The text of the reply to HELP; without it the list of commands." },
	{ "smtp", "version", OPTION_BOOLEAN, 0, 0, "false", AT(smtp.version), NULL,
	  "Whether the greeting and HELP tell name and version of this program." },
	{ "smtp", "address-syntax", OPTION_CHOICE, 0, 0, "lenient", AT(smtp.address_syntax),
	  "lenient strict",
	  "Whether an address may miss its angle brackets and follow a space: lenient or strict." },
	{ "smtp", "helo-argument", OPTION_CHOICE, 0, 0, "required", AT(smtp.helo_argument),
	  "required optional", "Whether HELO and EHLO must name the client." },

	{ "tls", "certificate", OPTION_PATHS, 1, PATH_MAX - 1, NULL, AT(tls.certificates), NULL,
	  "The certificates, each a PEM file with its chain behind it. The one whose names fit is "
	  "chosen by SNI; the first one for all others." },
	{ "tls", "key", OPTION_PATHS, 1, PATH_MAX - 1, NULL, AT(tls.keys), NULL,
	  "The private keys, PEM, in the order of the certificates." },
	{ "tls", "minimum", OPTION_CHOICE, 0, 0, "1.2", AT(tls.minimum), "1.2 1.3",
	  "The oldest version of TLS that is taken." },
	{ "tls", "ciphers", OPTION_TEXT, 1, 1024, "ECDHE+AESGCM:ECDHE+CHACHA20", AT(tls.ciphers),
	  NULL, "The ciphers of TLS 1.2, as openssl-ciphers(1) writes them." },
	{ "tls", "ciphersuites", OPTION_TEXT, 1, 1024,
	  "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
	  AT(tls.ciphersuites), NULL, "The cipher suites of TLS 1.3." },
	{ "tls", "groups", OPTION_TEXT, 1, 1024, "X25519:P-256:P-384", AT(tls.groups), NULL,
	  "The groups for the key exchange." },
	{ "tls", "tickets", OPTION_BOOLEAN, 0, 0, "true", AT(tls.tickets), NULL,
	  "Whether sessions can be resumed by tickets; their keys change each hour." },
	{ "tls", "client-certificate", OPTION_CHOICE, 0, 0, "off", AT(tls.client_certificate),
	  "off ask require",
	  "Whether clients are asked for a certificate, whose subject is logged; require ends the "
	  "handshake without a valid one." },
	{ "tls", "client-authorities", OPTIONAL_PATH, "", AT(tls.client_authorities), NULL,
	  "A PEM file with the authorities that client certificates are verified against." },
	{ "tls", "commands", OPTION_TEXTS, 1, 1024, NULL, AT(tls.commands), NULL,
	  "Further settings, each \"NAME VALUE\" as in SSL_CONF_cmd(3), for example "
	  "\"MaxProtocol TLSv1.2\"; none that reads a file." },

	{ "accept-all", "mode", OPTION_CHOICE, 0, 0, "off", AT(accept_all.mode), "off one each",
	  "Takes mail for any recipient of any domain that no table knows: one puts it all into "
	  "one "
	  "mailbox, each into a mailbox for each recipient. To see what is sent your way; never on "
	  "a host that people rely on." },
	{ "accept-all", "mailbox", OPTION_TEXT, 1, 320, "everything", AT(accept_all.mailbox), NULL,
	  "The mailbox of accept-all one: a name, or an address." },

	{ "workers", "count", OPTION_NUMBER, 0, 256, "0", AT(workers.count), NULL,
	  "The number of worker processes; 0: one for each processor." },
	{ "workers", "sessions", OPTION_NUMBER, 1, 100000, "1000", AT(workers.sessions), NULL,
	  "The sessions that one worker holds at most; further clients get a 421." },

	{ "delivery", "maildir", OPTION_TEMPLATE, 1, PATH_MAX - 1, "/var/mail/postern/%d/%u",
	  AT(delivery.maildir), NULL,
	  "Where a mailbox lies: %d is its domain, %u its name, %% a percent sign." },
	{ "delivery", "create-mailboxes", OPTION_CHOICE, 0, 0, "always",
	  AT(delivery.create_mailboxes), "always at-start on-delivery never",
	  "When a listed mailbox that is missing is made: always is at the start and on "
	  "delivery." },
	{ "delivery", "batch", OPTION_NUMBER, 1, 1024, "128", AT(delivery.batch), NULL,
	  "The messages that are made durable together at most." },
	{ "delivery", "reserve", OPTION_SIZE, 0, TEBI, "64M", AT(delivery.reserve), NULL,
	  "The bytes that are kept free on the file system of the mailboxes: a message that would "
	  "leave less is put off, and while there is less so is MAIL (452). 0: none." },
	{ "delivery", "reserve-inodes", OPTION_NUMBER, 0, 1000 * MILLION, "1000",
	  AT(delivery.reserve_inodes), NULL,
	  "The same of inodes, where the file system counts them. 0: none." },
	{ "delivery", "quota", OPTION_SIZE, 0, 1024 * TEBI, "0", AT(delivery.quota), NULL,
	  "The bytes that a mailbox may hold where its line in the file of mailboxes says nothing "
	  "else; 0: no limit." },
	{ "delivery", "quota-messages", OPTION_NUMBER, 0, 1000 * MILLION, "0",
	  AT(delivery.quota_messages), NULL,
	  "The messages that a mailbox may hold where its line says nothing else; 0: no limit." },
	{ "delivery", "remember", OPTION_DURATION, 0, DAY, "1h", AT(delivery.remember), NULL,
	  "How long a message is remembered whose 250 the client did not take (RFC 1047): sent "
	  "again, it makes no second copy; 0: not at all." },

	{ "limits", "message-size", OPTION_SIZE, KIBI, TEBI, "50M", AT(limits.message_size), NULL,
	  "The largest message, as SIZE announces it (RFC 1870)." },
	{ "limits", "recipients", OPTION_NUMBER, 100, 10000, "1000", AT(limits.recipients), NULL,
	  "The recipients of one message (at least 100: RFC 5321 4.5.3.1.8)." },
	{ "limits", "command-line", OPTION_SIZE, 512, 64 * KIBI, "2048", AT(limits.command_line),
	  NULL, "The longest command line (at least 512: RFC 5321 4.5.3.1.4)." },
	{ "limits", "data-line", OPTION_SIZE, 1000, MEBI, "8192", AT(limits.data_line), NULL,
	  "The longest line within a message (at least 1000: RFC 5321 4.5.3.1.6)." },
	{ "limits", "sessions-per-address", OPTION_NUMBER, 0, MILLION, "100",
	  AT(limits.sessions_per_address), NULL,
	  "The sessions that one address holds at a time at most; 0: no limit." },
	{ "limits", "errors", OPTION_NUMBER, 0, MILLION, "20", AT(limits.errors), NULL,
	  "The protocol errors after which a session is closed; 0: no limit." },
	{ "limits", "unknown-commands", OPTION_NUMBER, 0, MILLION, "10",
	  AT(limits.unknown_commands), NULL,
	  "The unknown commands after which a session is closed; 0: no limit." },
	{ "limits", "idle-commands", OPTION_NUMBER, 0, MILLION, "100", AT(limits.idle_commands),
	  NULL,
	  "The commands without effect (NOOP, RSET, VRFY, HELP, EHLO) between two messages after "
	  "which a session is closed; 0: no limit." },
	{ "limits", "received-fields", OPTION_NUMBER, 0, 1000, "50", AT(limits.received_fields),
	  NULL,
	  "The Received fields that a message may have; one with more is taken for one that loops "
	  "(554). 0: no limit." },
	{ "limits", "data-rate", OPTION_SIZE, 0, MEBI, "100", AT(limits.data_rate), NULL,
	  "The bytes a second that a client must send of a message, on average over timeouts.data; "
	  "0: "
	  "no limit." },
	{ "limits", "spool", OPTION_SIZE, KIBI, 1024 * TEBI, "4G", AT(limits.spool), NULL,
	  "The bytes in spool files for each worker; must be at least message-size." },

	{ "timeouts", "command", OPTION_DURATION, 1, DAY, "5m", AT(timeouts.command), NULL,
	  "How long a client may take for its next command (RFC 5321 4.5.3.2.7)." },
	{ "timeouts", "handshake", OPTION_DURATION, 1, DAY, "30s", AT(timeouts.handshake), NULL,
	  "How long a TLS handshake may take." },
	{ "timeouts", "proxy", OPTION_DURATION, 1, DAY, "10s", AT(timeouts.proxy), NULL,
	  "How long the PROXY header may take to come." },
	{ "timeouts", "data", OPTION_DURATION, 1, DAY, "5m", AT(timeouts.data), NULL,
	  "How long a client may take for the next part of its message (RFC 5321 4.5.3.2.5)." },
	{ "timeouts", "write", OPTION_DURATION, 1, DAY, "5m", AT(timeouts.write), NULL,
	  "How long a client may leave our replies unread." },
	{ "timeouts", "delivery", OPTION_DURATION, 1, DAY, "5m", AT(timeouts.delivery), NULL,
	  "How long a message waits to be stored before its sender is told to try again." },
	{ "timeouts", "stop", OPTION_DURATION, 1, DAY, "30s", AT(timeouts.stop), NULL,
	  "How long sessions may go on after SIGTERM." },
	{ "timeouts", "drain", OPTION_DURATION, 1, DAY, "10m", AT(timeouts.drain), NULL,
	  "How long sessions of the old configuration may go on after SIGHUP." },

	{ "users", "master", OPTION_USER, 1, 64, "postern", AT(users.master), NULL,
	  "The user of posternd once its ports are bound: name, uid or uid:gid." },
	{ "users", "worker", OPTION_USER, 1, 64, "postern-worker", AT(users.worker), NULL,
	  "The user of the workers." },
	{ "users", "delivery", OPTION_USER, 1, 64, "vmail", AT(users.delivery), NULL,
	  "The user of delivery, who owns the mailboxes." },

	{ "log", "to", OPTION_TARGET, 1, PATH_MAX - 1, "syslog", AT(log.to), NULL,
	  "Where the log goes: \"syslog\", \"stderr\" or the path of a file." },
	{ "log", "format", OPTION_CHOICE, 0, 0, "text", AT(log.format), "text json",
	  "How a line is written: text (key=value) or json." },
	{ "log", "verbose", OPTION_BOOLEAN, 0, 0, "false", AT(log.verbose), NULL,
	  "Whether each command and reply is logged, too." },
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

_Static_assert(OPTION_COUNT <= OPTION_COUNT_MAX, "OPTION_COUNT_MAX is too small");

const struct option *option_at(size_t index)
{
	return index < OPTION_COUNT ? &options[index] : NULL;
}

size_t option_index(const struct option *option)
{
	return (size_t)(option - options);
}

const struct option *option_find(const char *section, const char *name)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (!strcmp(options[i].section, section) && !strcmp(options[i].name, name))
			return &options[i];
	return NULL;
}
