/*
 * lingering.c - the end of a connection: until the client has our last words, or has gone
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: the client, which may never go.
 */
#include "worker/lingering.h"

#include <errno.h>
#include <string.h>

#include "worker/replied.h"
#include "worker/transport.h"

/* How often it is looked for an acknowledgement, which comes after 40 ms and the way at most. */
#define LOOKS 40
static const struct timeval look = { .tv_usec = 50000 };

/*
 * The last reply must reach a client that is still sending: closing a socket
 * with unread bytes resets the connection and can destroy the reply. After QUIT
 * nothing more comes, but under TLS close_notify does, and where QUIT was sent ahead of
 * the 250 it is the end of the connection that tells whether that was taken.
 */
void lingering_begin(struct session *session)
{
	bool has_quit = !session->reason;

	transport_finish(session);
	if (has_quit)
		session->reason = "quit";
	if (has_quit && !session->tls && !replied_is_open(session))
		session_end(session, "quit");
	else
		session_enter(session, PHASE_LINGERING);
}

/*
 * A client that has ended its side before it had our reply may listen still: its
 * acknowledgement will tell. Nothing wakes us for that.
 */
static void await_acknowledgement(struct session *session)
{
	/* One that leaves without reading our close_notify would seem to reset its 250. */
	if (!session->tls)
		transport_finish(session);
	if (session->phase != PHASE_LINGERING)
		session_enter(session, PHASE_LINGERING);
	event_del(&session->readable);
	event_add(&session->timer, &look);
}

void lingering_client_ended(struct session *session)
{
	if (!session->reason)
		session->reason = "client closed";
	replied_check(session);
	if (replied_is_open(session))
		await_acknowledgement(session);
	else
		session_end(session, session->reason);
}

/* Nobody listens to what a client says now, but it may be in the middle of it. */
void lingering_read(struct session *session)
{
	ssize_t length = transport_read_raw(session, session->worker->input, WORKER_INPUT_SIZE);

	if (length > 0) {
		replied_heard(session);
	} else if (length == 0) {
		lingering_client_ended(session);
	} else if (errno != EAGAIN && errno != EINTR) {
		session_end(session, strerror(errno));
	}
}

/*
 * A client that has acknowledged all, and neither left nor reset the connection, has it.
 * Whether it is worth to go on looking for that.
 */
static bool looks_again(struct session *session)
{
	if (transport_has_failed(session))
		return false;
	replied_check(session);
	return replied_is_open(session) && !event_pending(&session->readable, EV_READ, NULL) &&
	       session->looks++ < LOOKS;
}

void lingering_is_over(struct session *session)
{
	if (looks_again(session)) {
		event_add(&session->timer, &look);
		return;
	}
	transport_finish(session);
	session_end(session, session->reason);
}
