/*
 * replied.c - whether the client took the 250 of its message (RFC 1047)
 *
 * Runs in: postern-worker.  Privilege: none.
 * Distrusts: the client, who can lie about it only to its own loss: a second copy of its
 * message, or none.
 */
#include "worker/replied.h"

#include <stdlib.h>
#include <string.h>

#include "worker/outbox.h"
#include "worker/transport.h"

#define FIRST_ROOM 4
/* As many as the recipients of one message at most; more are open only for one who pipelines. */
#define OPEN_MAX 10000

struct replied {
	unsigned count, room;
	bool is_written;
	uint64_t written_to; /* transport_wrote() with the last reply in it */
	uint64_t stale_to;   /* what came up to here was sent before it */
	uint64_t handles[];
};

static bool has_room(struct session *session)
{
	struct replied *replied = session->replied, *grown;
	unsigned room = replied ? replied->room * 2 : FIRST_ROOM;

	if (replied && replied->count < replied->room)
		return true;
	if (room > OPEN_MAX)
		return false;
	grown = realloc(replied, sizeof(*grown) + room * sizeof(grown->handles[0]));
	if (!grown)
		return false;
	if (!replied)
		memset(grown, 0, sizeof(*grown));
	grown->room = room;
	session->replied = grown;
	return true;
}

void replied_add(struct session *session, uint64_t handle)
{
	if (session->worker->configuration->delivery.remember == 0)
		return;
	/* Without room a lost reply may lead to a second copy, as without all this. */
	if (!has_room(session)) {
		outbox_replied(session->worker->outbox, handle, true);
		return;
	}
	session->replied->handles[session->replied->count++] = handle;
	session->replied->is_written = false;
}

bool replied_is_open(const struct session *session)
{
	return session->replied && session->replied->count > 0;
}

/* Only a client that spoke while it waited has sent anything that is older than the reply. */
void replied_written(struct session *session)
{
	struct replied *replied = session->replied;

	if (!replied_is_open(session) || replied->is_written)
		return;
	replied->is_written = true;
	replied->written_to = transport_wrote(session);
	replied->stale_to =
		transport_came(session) + (session->spoke_early ? transport_waiting(session) : 0);
	session->spoke_early = false;
}

static void tell(struct session *session, bool taken)
{
	struct replied *replied = session->replied;

	for (unsigned i = 0; i < replied->count; i++)
		outbox_replied(session->worker->outbox, replied->handles[i], taken);
	replied->count = 0;
}

/* Not where some of the replies that belong together are still to be said. */
static bool is_said(const struct session *session)
{
	return replied_is_open(session) && session->replied->is_written && !session->answers;
}

void replied_check(struct session *session)
{
	if (is_said(session) && transport_acknowledged(session) >= session->replied->written_to)
		tell(session, true);
}

void replied_heard(struct session *session)
{
	if (is_said(session) && transport_came(session) > session->replied->stale_to)
		replied_check(session);
}

void replied_end(struct session *session)
{
	if (replied_is_open(session))
		tell(session, false);
	free(session->replied);
	session->replied = NULL;
}
