/*
 * message.h - every message that passes between postern's processes
 *
 * The second of the tables that carry the system: type, who sends it to whom,
 * by which way, how long it may be, how many descriptors come with it. What is
 * not in it, or comes out of state, ends the process that sent it.
 *
 * Two ways: the control channel, a SOCK_SEQPACKET pair between the master and
 * each child (a packet is one message); and the pair of pipes between a worker
 * and delivery (a stream of frames). On both a message begins with a header of
 * MESSAGE_HEADER_SIZE bytes: length of what follows (u32), type (u16), 0 (u16).
 */
#ifndef POSTERN_COMMON_FRAME_MESSAGE_H
#define POSTERN_COMMON_FRAME_MESSAGE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fail/fail.h"
#include "common/frame/wire.h"

#define MESSAGE_HEADER_SIZE 8
#define MESSAGE_CONTROL_MAX 4096  /* longest control message, without its header */
#define MESSAGE_DESCRIPTORS_MAX 6 /* even, so that CMSG_SPACE has no room for one more */

/* Who may send a message: bits. */
#define FROM_MASTER 1
#define FROM_WORKER 2
#define FROM_DELIVERY 4

#define TO_MASTER FROM_MASTER
#define TO_WORKER FROM_WORKER
#define TO_DELIVERY FROM_DELIVERY

enum message_way { WAY_CONTROL, WAY_PIPE };

/*
 * MESSAGE(name, from, to, way, longest, descriptors, sentence)
 * The longest submission: an envelope with the most recipients a configuration may allow.
 */
#define SUBMISSION_ENVELOPE_MAX (32 * 1024 * 1024)
#define QUESTION_MAX 2080 /* two addresses, see message_quota */
#define MESSAGE_TABLE(MESSAGE)                                                                     \
	MESSAGE(START, FROM_MASTER, TO_WORKER | TO_DELIVERY, WAY_CONTROL, 64, 6,                   \
		"who you are, and the descriptors that you work with")                             \
	MESSAGE(LISTENER, FROM_MASTER, TO_WORKER, WAY_CONTROL, 128, 1, "a socket to accept on")    \
	MESSAGE(PIPES, FROM_MASTER, TO_WORKER | TO_DELIVERY, WAY_CONTROL, 16, 2,                   \
		"the pair of pipes between a worker and delivery")                                 \
	MESSAGE(ENDED, FROM_MASTER, TO_DELIVERY, WAY_CONTROL, 16, 0,                               \
		"a worker is no more, or: all that there are have been paired")                    \
	MESSAGE(LOG, FROM_MASTER, TO_WORKER | TO_DELIVERY, WAY_CONTROL, 16, 1,                     \
		"the log, opened again")                                                           \
	MESSAGE(DRAIN, FROM_MASTER, TO_WORKER, WAY_CONTROL, 16, 0,                                 \
		"accept no more connections, finish those you have, end")                          \
	MESSAGE(STOP, FROM_MASTER, TO_WORKER | TO_DELIVERY, WAY_CONTROL, 16, 0,                    \
		"finish the command or message in hand, end")                                      \
	MESSAGE(READY, FROM_WORKER | FROM_DELIVERY, TO_MASTER, WAY_CONTROL, 0, 0,                  \
		"START was understood")                                                            \
	MESSAGE(VIOLATION, FROM_WORKER | FROM_DELIVERY, TO_MASTER, WAY_CONTROL, 300, 0,            \
		"the process at the other end of these pipes sent what it may not")                \
	MESSAGE(LOG_LOST, FROM_WORKER | FROM_DELIVERY, TO_MASTER, WAY_CONTROL, 0, 0,               \
		"the log takes nothing any more: open it again")                                   \
	MESSAGE(PIPES_LOST, FROM_WORKER, TO_MASTER, WAY_CONTROL, 0, 0,                             \
		"no pipes to delivery for a while: a new pair, please")                            \
	MESSAGE(ROOT_LOST, FROM_DELIVERY, TO_MASTER, WAY_CONTROL, 0, 0,                            \
		"the mail root has no mark: look whether another lies at its path by now")         \
	MESSAGE(SUBMISSION, FROM_WORKER, TO_DELIVERY, WAY_PIPE, SUBMISSION_ENVELOPE_MAX, 0,        \
		"an envelope; the body follows the message")                                       \
	MESSAGE(REPLIED, FROM_WORKER, TO_DELIVERY, WAY_PIPE, 16, 0,                                \
		"whether the client took the 250 of a submission")                                 \
	MESSAGE(QUOTA, FROM_WORKER, TO_DELIVERY, WAY_PIPE, QUESTION_MAX, 0,                        \
		"whether the mailboxes of a recipient have room for a message")                    \
	MESSAGE(CONDITION, FROM_DELIVERY, TO_WORKER, WAY_PIPE, 16, 0,                              \
		"what would become of any submission now")                                         \
	MESSAGE(VERDICT, FROM_DELIVERY, TO_WORKER, WAY_PIPE, 16, 0, "what became of a submission") \
	MESSAGE(ROOM, FROM_DELIVERY, TO_WORKER, WAY_PIPE, 16, 0,                                   \
		"whether they have, as a verdict; its number is that of the question")

#define MESSAGE_NAME(name, from, to, way, longest, descriptors, sentence) MESSAGE_##name,
enum message_type { MESSAGE_NONE, MESSAGE_TABLE(MESSAGE_NAME) MESSAGE_COUNT };
#undef MESSAGE_NAME

struct message_description {
	const char *name;
	unsigned from, to;
	enum message_way way;
	size_t longest;
	int descriptors; /* exactly so many; for START the most */
	const char *sentence;
};

/* The row of the table, or NULL for a type that is not in it. */
const struct message_description *message_describe(unsigned type);

struct message_header {
	uint16_t type;
	uint32_t length;
};

void message_put_header(uint8_t bytes[MESSAGE_HEADER_SIZE], enum message_type type,
			uint32_t length);
/*
 * Reads a header that came to `receiver` (TO_*) from `sender` (FROM_*) by
 * `way` and checks it against the table. False with *problem set: a violation.
 */
bool message_get_header(const uint8_t bytes[MESSAGE_HEADER_SIZE], unsigned sender,
			unsigned receiver, enum message_way way, struct message_header *header,
			struct problem *problem);

/* ---- what the messages hold ---- */

/*
 * START: descriptors in this order: configuration, tables, log; then for a
 * worker spool, scoreboard and TLS, for delivery the mail root and the memory
 * of messages.
 */
enum { START_CONFIGURATION, START_TABLES, START_LOG, START_SPOOL, START_SCOREBOARD, START_TLS };
#define START_MAIL_ROOT START_SPOOL
#define START_REMEMBER START_SCOREBOARD
#define START_DESCRIPTORS_WORKER 6
#define START_DESCRIPTORS_DELIVERY 5

struct message_start {
	uint32_t serial; /* unlike that of any process before, since the master started */
	uint32_t slot;	 /* of the scoreboard; 0 for delivery */
	bool log_is_syslog;
	bool verbose;
};

/* LISTENER: the socket, and the title of its `listen` section. */
struct message_listener {
	char title[64];
};

/*
 * PIPES: to a worker: [0] verdicts to read, [1] messages to write; to
 * delivery: [0] messages to read, [1] verdicts to write. `serial` is the
 * worker's.
 */
struct message_pipes {
	uint32_t serial;
};

/*
 * ENDED: the serial of a worker that has ended. 0: each worker there is has been
 * named by PIPES; the others that delivery finds traces of have ended.
 */
struct message_ended {
	uint32_t serial;
};

/* DRAIN, STOP: how long it may take. */
struct message_deadline {
	uint32_t seconds;
};

/* VIOLATION: the serial of the process that did it (0: delivery), and what. */
struct message_violation {
	uint32_t serial;
	char reason[256];
};

struct message_log {
	bool log_is_syslog;
};

/* SUBMISSION */
#define MESSAGE_ID_SIZE 32	  /* "16 characters of the session"-"number", NUL */
#define ENVELOPE_ADDRESS_MAX 1024 /* longest address on the wire between our processes */
#define ENVELOPE_HELO_MAX 256
#define ENVELOPE_PROTOCOL_SIZE 16
#define ENVELOPE_PARAMETERS_MAX 1024 /* of MAIL or RCPT; each is bounded, and has one value */
#define ENVELOPE_TLS_MAX 64	     /* a version, a cipher */
#define ENVELOPE_NAME_MAX 255	     /* of SNI */

enum submission_flag {
	SUBMISSION_AGAIN = 1, /* sent before, its verdict was lost with a delivery process */
	SUBMISSION_8BITMIME = 2,
	SUBMISSION_SMTPUTF8 = 4,
};

/*
 * Where the flags stand in the payload, before anything of variable length: a
 * worker that sends a frame again sets SUBMISSION_AGAIN in its first byte.
 */
#define SUBMISSION_FLAGS_OFFSET 8

/*
 * An envelope. Strings of the reader's side lie in the frame's own bytes. A
 * recipient is the path as it was accepted (local@domain, or "postmaster"),
 * and its parts, unquoted, for the tables.
 */
struct submission {
	uint64_t handle;	  /* the worker's own number for it; comes back in the verdict */
	char id[MESSAGE_ID_SIZE]; /* [0-9a-v-] only */
	uint32_t flags;		  /* enum submission_flag */
	int64_t received;	  /* microseconds since 1970, at the end of the data */
	struct in6_addr client;	  /* IPv4 as ::ffff:a.b.c.d */
	uint16_t client_port;
	struct wire_string helo;	       /* as the client wrote it */
	char protocol[ENVELOPE_PROTOCOL_SIZE]; /* "SMTP", "ESMTPS": smtp_server_protocol */
	struct wire_string tls_version;	       /* "" : no TLS */
	struct wire_string tls_cipher;
	struct wire_string tls_name;   /* that the client asked for by SNI; "" : none */
	struct wire_string sender;     /* reverse-path without < >; "" is the null sender */
	struct wire_string parameters; /* of MAIL, as the client wrote them */
	uint64_t body_length;
	uint32_t recipient_count;
	struct wire_reader recipients; /* recipient_count times submission_next_recipient */
};

struct submission_recipient {
	struct wire_string path;       /* as the client wrote it, without < > */
	struct wire_string local;      /* unquoted */
	struct wire_string domain;     /* as the client wrote it; "" for <postmaster> */
	struct wire_string parameters; /* of RCPT, as the client wrote them */
};

/* REPLIED: the handle of a submission that was stored. */
struct message_replied {
	uint64_t handle;
	bool taken;
};

/* QUOTA: the recipient's parts are those of submission_recipient. */
struct message_quota {
	uint64_t handle; /* the worker's own number for the question; comes back in ROOM */
	uint64_t size;	 /* as MAIL declares it; 0: not */
	struct wire_string local;
	struct wire_string domain;
};

/* VERDICT, ROOM; every frame of delivery's to a worker has this form. */
enum verdict {
	VERDICT_STORED,		   /* in every mailbox, durable: 250 */
	VERDICT_NO_ROOM,	   /* 452 4.3.1: disk or inodes */
	VERDICT_NO_QUOTA,	   /* 452 4.2.2 */
	VERDICT_NO_QUOTA_MESSAGES, /* the same: it is their number */
	VERDICT_OVER_QUOTA,	   /* 552 5.2.2: bigger than all that the mailbox may ever hold */
	VERDICT_SYSTEM_ERROR,	   /* 451 4.3.0: I/O, permission, descriptors */
	VERDICT_NO_RECIPIENT,	   /* 550 5.1.1: the tables know none of them (any more) */
	VERDICT_COUNT,
};

struct message_verdict {
	uint64_t handle;
	uint8_t verdict;
};

/*
 * CONDITION: has the form of a verdict; `handle` is what it comes of. CAUSE(name, verdict, code):
 * the verdict that goes with it, and what a sender is told.
 */
#define CONDITION_TABLE(CAUSE)                      \
	CAUSE(FINE, VERDICT_STORED, 250)            \
	CAUSE(RESERVE, VERDICT_NO_ROOM, 452)        \
	CAUSE(RESERVE_INODES, VERDICT_NO_ROOM, 452) \
	CAUSE(ROOT_FAULT, VERDICT_SYSTEM_ERROR, 451)

#define CONDITION_NAME(name, verdict, code) CONDITION_##name,
enum condition_cause { CONDITION_TABLE(CONDITION_NAME) CONDITION_COUNT };
#undef CONDITION_NAME

enum verdict condition_verdict(enum condition_cause cause);
int condition_code(enum condition_cause cause);

/*
 * put: appends the payload to the writer. get: reads the payload, all of it,
 * every value checked against its bounds; false is a violation.
 */
void message_put_start(struct wire_writer *writer, const struct message_start *start);
bool message_get_start(struct wire_reader *reader, struct message_start *start);
void message_put_listener(struct wire_writer *writer, const struct message_listener *listener);
bool message_get_listener(struct wire_reader *reader, struct message_listener *listener);
void message_put_pipes(struct wire_writer *writer, const struct message_pipes *pipes);
bool message_get_pipes(struct wire_reader *reader, struct message_pipes *pipes);
void message_put_ended(struct wire_writer *writer, const struct message_ended *ended);
bool message_get_ended(struct wire_reader *reader, struct message_ended *ended);
void message_put_log(struct wire_writer *writer, const struct message_log *log);
bool message_get_log(struct wire_reader *reader, struct message_log *log);
void message_put_deadline(struct wire_writer *writer, const struct message_deadline *deadline);
bool message_get_deadline(struct wire_reader *reader, struct message_deadline *deadline);
void message_put_violation(struct wire_writer *writer, const struct message_violation *violation);
bool message_get_violation(struct wire_reader *reader, struct message_violation *violation);
void message_put_replied(struct wire_writer *writer, const struct message_replied *replied);
bool message_get_replied(struct wire_reader *reader, struct message_replied *replied);
void message_put_quota(struct wire_writer *writer, const struct message_quota *quota);
bool message_get_quota(struct wire_reader *reader, struct message_quota *quota);
void message_put_verdict(struct wire_writer *writer, const struct message_verdict *verdict);
bool message_get_verdict(struct wire_reader *reader, struct message_verdict *verdict);

/* The envelope without its recipients, then each recipient, recipient_count times. */
void message_put_submission(struct wire_writer *writer, const struct submission *submission);
void message_put_recipient(struct wire_writer *writer,
			   const struct submission_recipient *recipient);
/*
 * Reads and checks the whole envelope, its recipients too (at least one), so
 * that submission_next_recipient cannot fail afterwards.
 */
bool message_get_submission(struct wire_reader *reader, struct submission *submission);
/* False at the end of the list. */
bool submission_next_recipient(struct wire_reader *recipients,
			       struct submission_recipient *recipient);

#endif
