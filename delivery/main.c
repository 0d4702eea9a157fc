/*
 * main.c - postern-delivery: writes messages into mailboxes
 *
 * Runs in: postern-delivery.  Privilege: the mail user's, from the start.
 * Distrusts: the workers (inbox.c).  Trusts: the master, which starts it with
 * the control channel as descriptor 3.
 */
#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>

#include <event2/event.h>

#include "common/confine/confine.h"
#include "common/fail/fail.h"
#include "common/frame/channel.h"
#include "delivery/control.h"
#include "delivery/inbox.h"

/*
 * A worker that is gone and a limit on file sizes come back as an errno. What
 * a terminal or a service manager sends to all processes of the group is the
 * master's to answer: it says STOP, after the workers have finished.
 */
static void ignore_signals(void)
{
	static const int ignored[] = { SIGPIPE, SIGXFSZ, SIGINT, SIGTERM, SIGHUP };

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
}

int main(void)
{
	struct event_base *base;

	confine_self(PROCESS_DELIVERY);
	ignore_signals();
	base = event_base_new();
	if (!base || event_base_priority_init(base, PRIORITY_COUNT) != 0)
		fail_exit(EX_OSERR, "cannot make an event loop");
	control_run(base, CHANNEL_DESCRIPTOR);
	event_base_free(base);
	return EXIT_SUCCESS;
}
