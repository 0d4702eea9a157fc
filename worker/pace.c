/*
 * pace.c - how long a client may take for what it says
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: the client, who may be slow on purpose.
 */
#include "worker/pace.h"

/* A new stretch of time in which the body must come on at its rate. */
static void time_body(struct session *session)
{
	session->body_timed = smtp_server_body_bytes(session->engine);
	event_add(&session->timer, session->worker->wait_data);
}

/* Between two chunks, too: a message is not slower for coming by BDAT. */
static bool is_in_message(const struct session *session)
{
	return smtp_server_expects_body(session->engine) ||
	       smtp_server_state(session->engine) == SMTP_CHUNKS;
}

/*
 * RFC 5321 4.5.3.2: each phase has a time of its own. The time for a command
 * begins anew with the next command, and that for a body when it is over, not
 * with each byte of one.
 */
void pace_set(struct session *session)
{
	unsigned long commands = smtp_server_commands(session->engine);
	bool was_body = session->times_body;
	bool is_set = event_pending(&session->timer, EV_TIMEOUT, NULL);

	session->times_body = false;
	if (smtp_server_is_waiting(session->engine)) {
		event_del(&session->timer);
	} else if (session->blocked) {
		event_add(&session->timer, session->worker->wait_write);
	} else if (is_in_message(session)) {
		session->times_body = true;
		if (!was_body || !is_set)
			time_body(session);
	} else if (was_body || !is_set || commands != session->commands_timed) {
		event_add(&session->timer, session->worker->wait_command);
	}
	session->commands_timed = commands;
}

static void close_idle(struct session *session, const char *limit, long long seconds)
{
	session->decided = limit;
	session_close(session, SMTP_REPLY_IDLE_TOO_LONG, NULL, limit, (unsigned long long)seconds);
	session->decided = NULL;
}

/* The time for a part of the body is over: it goes on if enough of it has come. */
static void check_rate(struct session *session)
{
	const struct configuration *configuration = session->worker->configuration;
	uint64_t came = smtp_server_body_bytes(session->engine) - session->body_timed;
	uint64_t wanted =
		(uint64_t)(configuration->limits.data_rate * configuration->timeouts.data);

	if (came == 0) {
		close_idle(session, "timeouts.data", configuration->timeouts.data);
	} else if (came < wanted) {
		session_close(session, SMTP_REPLY_TOO_SLOW, NULL, "data-rate",
			      (unsigned long long)configuration->limits.data_rate);
	} else {
		time_body(session);
		return;
	}
	session_settle(session);
}

void pace_is_over(struct session *session)
{
	if (session->times_body) {
		check_rate(session);
		return;
	}
	close_idle(session, "timeouts.command", session->worker->configuration->timeouts.command);
	session_settle(session);
}
