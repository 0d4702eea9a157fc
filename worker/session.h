/*
 * session.h - one connection of one client
 */
#ifndef POSTERN_WORKER_SESSION_H
#define POSTERN_WORKER_SESSION_H

#include <arpa/inet.h>
#include <netinet/in.h>

#include <openssl/ssl.h>

#include "common/frame/message.h"
#include "common/log/log.h"
#include "worker/id.h"
#include "worker/listener.h"
#include "worker/message.h"
#include "worker/worker.h"

struct evbuffer;
struct answers;
struct quota_question;
struct introduction;
struct replied;

/* What a session is about; session.c has a row for each. */
enum phase {
	PHASE_INTRODUCTION, /* the PROXY header must come first */
	PHASE_HANDSHAKE,    /* of TLS */
	PHASE_HOLDING,	    /* the greeting is held back, to see who does not wait */
	PHASE_DIALOGUE,
	PHASE_LINGERING, /* said everything, reads what still comes until the client closes */
	PHASE_COUNT
};

/* What is known of the TLS under the session: our own, or the proxy's in front. */
struct session_tls {
	char version[ENVELOPE_TLS_MAX + 1];
	char cipher[ENVELOPE_TLS_MAX + 1];
	char name[ENVELOPE_NAME_MAX + 1]; /* of SNI */
};

struct session {
	LIST_ENTRY(session) next;
	struct worker *worker;
	struct listener *listener;
	struct smtp_server *engine;
	enum phase phase;

	/* The connection */
	int socket;
	SSL *tls;	    /* NULL: without */
	SSL *prepared;	    /* for the handshake that STARTTLS has asked for, until it begins */
	uint64_t last_data; /* bytes read under TLS when some of them were data last */
	struct event readable;
	struct event writable;
	struct event timer;
	struct evbuffer *output;  /* what the client has not taken yet */
	struct evbuffer *pending; /* what the engine has not taken yet; NULL: nothing */
	bool blocked;		  /* the client takes no output now */
	bool broken;		  /* a reply was lost for want of memory: nothing more is said */
	bool stopping;		  /* 421 comes when what is in hand is finished */
	bool tls_failed;	  /* and that was logged */
	bool asks_tls;		  /* STARTTLS waits for its answer */
	bool spoke_early;	  /* something came while the client waited for us */
	bool finished;		  /* we have ended our side of the connection */
	unsigned looks;		  /* for an acknowledgement, at the end */
	uint64_t came, wrote;	  /* bytes of the socket, without those of TLS */

	/* Who it is */
	char id[ID_SIZE];
	struct in6_addr client; /* IPv4 as ::ffff:a.b.c.d; :: of a unix socket */
	uint16_t port;
	char client_text[INET6_ADDRSTRLEN];
	char *helo;			   /* NULL before HELO or EHLO */
	struct introduction *introduction; /* the PROXY header while it comes in, else NULL */
	struct session_tls *secured;	   /* NULL: without TLS */

	/* The transaction */
	struct message *message;      /* until it is submitted */
	struct answers *answers;      /* of several messages made of one; NULL: none are awaited */
	struct quota_question *asked; /* of delivery about a recipient; NULL: nothing */
	struct replied *replied; /* of which the client must take the 250 yet; NULL: none was */
	unsigned transactions;
	const char
		*decided;  /* what decided the rejection that is being given; NULL: the protocol */
	const char *limit; /* that it met, where the engine does not know it; NULL: none */
	unsigned long long limit_value; /* 0: not known */

	/* For the timer and the log */
	int64_t opened;		      /* clock_steady() */
	unsigned long commands_timed; /* commands when the timer was set last */
	uint64_t body_timed;	      /* the same of bytes of the body */
	bool times_body;
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
bool session_open(struct listener *listener, int socket, const struct sockaddr_in6 *client);

/* For the outbox: what became of a message that this session has submitted. */
void session_answer(struct session *session, const struct message *message, enum smtp_reply reply);

/* The service stops: ends the session when what it has in hand is finished. */
void session_stop(struct session *session);
/* Ends the session now, whatever it does; its client hears 421 if it listens. */
void session_cut(struct session *session);

/* ---- for the other files of the session ---- */

/* Enters a phase: what comes next is read by its row, within its time. */
void session_enter(struct session *session, enum phase phase);
/* Assigns its events to its socket, and waits for what comes. False when memory is short. */
bool session_watch(struct session *session);
/* It is known who the client is; `proxy` is the address of the proxy in front, "" for none. */
void session_introduced(struct session *session, const char *proxy);
/* The greeting is due. */
void session_ready(struct session *session);
/* After every step of the dialogue: sends what there is to say, and waits for what comes next. */
void session_settle(struct session *session);
/* Says a last reply, whatever the session waits for; session_settle must follow. */
void session_close(struct session *session, enum smtp_reply reply, const char *argument,
		   const char *limit, unsigned long long value);
/* Closes the session now, for a reason that the log names. It is no more afterwards. */
void session_end(struct session *session, const char *reason);
/* Another address counts as the client's from here on. */
void session_rename(struct session *session, const struct in6_addr *client, uint16_t port);
/* Closes the session with 421 where its address has too many of them already: false. */
bool session_admit(struct session *session);

/* Whether its connections are not logged, as those of health checks (ignore-log). */
bool session_is_unlogged(const struct session *session);

/* Begins a log line about this session. */
void session_log(const struct session *session, struct log_line *line, enum log_event event);

/* policy.c: the answers to the engine's questions. The context is the session. */
extern const struct smtp_policy worker_policy;

#endif
