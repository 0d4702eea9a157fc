/*
 * session.h - one connection of one client
 */
#ifndef POSTERN_WORKER_SESSION_H
#define POSTERN_WORKER_SESSION_H

#include <arpa/inet.h>
#include <netinet/in.h>

#include "common/frame/message.h"
#include "common/log/log.h"
#include "worker/id.h"
#include "worker/message.h"
#include "worker/worker.h"

struct evbuffer;

struct session {
	LIST_ENTRY(session) next;
	struct worker *worker;
	struct smtp_server *engine;

	/* The connection */
	int socket;
	struct event readable;
	struct event writable;
	struct event timer;
	struct evbuffer *output;  /* what the client has not taken yet */
	struct evbuffer *pending; /* what the engine has not taken yet; NULL: nothing */
	bool blocked;		  /* the client takes no output now */
	bool broken;		  /* a reply was lost for want of memory: nothing more is said */
	bool stopping;		  /* 421 comes when what is in hand is finished */
	bool lingering; /* said everything, reads what still comes until the client closes */

	/* Who it is */
	char id[ID_SIZE];
	const char *listener;
	struct in6_addr client; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t port;
	char client_text[INET6_ADDRSTRLEN];
	char *helo; /* NULL before HELO or EHLO */

	/* The transaction */
	struct message *message; /* until it is submitted */
	unsigned transactions;
	const char
		*decided; /* what decided the rejection that is being given; NULL: the protocol */

	/* For the log */
	int64_t opened;		      /* clock_steady() */
	unsigned long commands_timed; /* commands when the timer was set last */
	unsigned messages;
	unsigned recipients;
	unsigned rejected;
	const char *reason; /* why it ended; NULL: not known yet. Lower case in the log */
};

/*
 * A session on an accepted, non-blocking socket: greets the client. `client`
 * and `port` are its address. False when memory is short; the socket is still
 * the caller's then.
 */
bool session_open(struct worker *worker, int socket, const struct sockaddr_in6 *client,
		  const char *listener);

/* For the outbox: what became of the message that this session has submitted. */
void session_answer(struct session *session, const struct message *message, enum smtp_reply reply);

/* The service stops: ends the session when what it has in hand is finished. */
void session_stop(struct session *session);
/* Ends the session now, whatever it does; its client hears 421 if it listens. */
void session_cut(struct session *session);

/* policy.c: the answers to the engine's questions. The context is the session. */
extern const struct smtp_policy worker_policy;

/* Begins a log line about this session. */
void session_log(const struct session *session, struct log_line *line, enum log_event event);

#endif
