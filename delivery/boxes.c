/*
 * boxes.c - goes through all mailboxes after the start, while mail flows
 *
 * Runs in: postern-delivery.  Privilege: the mail user's.
 * Distrusts: what lies in the mail root.  Trusts: the tables.
 */
#include "delivery/boxes.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/log/log.h"
#include "delivery/inbox.h"
#include "delivery/maildir.h"
#include "delivery/recovery.h"
#include "delivery/system_calls.h"

/*
 * Work of one slice: a mailbox that is there costs 1, one that is made costs
 * MAKE_COST (four directories). A slice takes some tens of milliseconds at most.
 */
#define SLICE_WORK 256
#define MAKE_COST 8
/* A mail root that cannot be written would otherwise fill the log. */
#define FAULTS_MAX 16

struct boxes {
	struct event *turn;
	struct boxes_settings settings;
	bool one_by_one;
	/* All mailboxes: local, NUL, domain, NUL, and so on. */
	char *names;
	size_t size, used, at;
	bool failed; /* memory was short */
	unsigned faults;
};

static bool reserve(struct boxes *boxes, size_t more)
{
	size_t size = boxes->size == 0 ? 65536 : boxes->size;
	char *names;

	while (size - boxes->used < more)
		size *= 2;
	if (size == boxes->size)
		return true;
	names = realloc(boxes->names, size);
	if (!names)
		return false;
	boxes->names = names;
	boxes->size = size;
	return true;
}

/* tables_each: the names are copied, so that a slice can go on where the last one ended. */
static bool on_mailbox(void *context, const struct mailbox *mailbox)
{
	struct boxes *boxes = context;
	size_t local = strlen(mailbox->local) + 1, domain = strlen(mailbox->domain) + 1;

	if (!reserve(boxes, local + domain)) {
		boxes->failed = true;
		return false;
	}
	memcpy(boxes->names + boxes->used, mailbox->local, local);
	memcpy(boxes->names + boxes->used + local, mailbox->domain, domain);
	boxes->used += local + domain;
	return true;
}

/* The next mailbox of the list. */
static void next(struct boxes *boxes, struct mailbox *mailbox)
{
	size_t local = strlen(boxes->names + boxes->at) + 1;
	size_t domain = strlen(boxes->names + boxes->at + local) + 1;

	memcpy(mailbox->local, boxes->names + boxes->at, local);
	memcpy(mailbox->domain, boxes->names + boxes->at + local, domain);
	boxes->at += local + domain;
}

static void note_fault(struct boxes *boxes, const char *reason)
{
	struct log_line line;

	log_begin(&line, EVENT_SHORT, NULL);
	log_text(&line, "what", "mailbox");
	log_text(&line, "reason", reason);
	log_end(&line);
	if (++boxes->faults < FAULTS_MAX)
		return;
	log_event_text(EVENT_SHORT, "reason", "too many mailboxes cannot be made, trying no more");
	boxes->at = boxes->used;
}

static void sweep(const struct boxes *boxes, const char *path, const char *address)
{
	char copy[PATH_MAX];
	int tmp;

	if ((size_t)snprintf(copy, sizeof(copy), "%s/tmp", path) >= sizeof(copy))
		return;
	tmp = open_beneath(boxes->settings.store->root, copy, O_RDONLY | O_DIRECTORY);
	if (tmp < 0)
		return;
	recovery_sweep(tmp, address, store_is_using, boxes->settings.store);
	close(tmp);
}

/* Returns what it cost. */
static unsigned visit(struct boxes *boxes, const struct mailbox *mailbox)
{
	int root = boxes->settings.store->root;
	char path[PATH_MAX], address[2 * MAILBOX_NAME_SIZE + 1];
	struct problem problem;

	snprintf(address, sizeof(address), "%s@%s", mailbox->local, mailbox->domain);
	if (!mailbox_path(mailbox, boxes->settings.template, path, sizeof(path))) {
		note_fault(boxes, "the path of the mailbox is too long");
		return 1;
	}
	if (boxes->settings.sweep)
		sweep(boxes, path, address);
	if (!boxes->settings.create || maildir_exists(root, path))
		return 1;
	if (maildir_create(root, path, address, boxes->one_by_one, &problem) < 0)
		note_fault(boxes, problem.text);
	return MAKE_COST;
}

/*
 * By a timer: an event that makes itself active runs again before the loop has
 * looked at its descriptors, and mail would wait for the last mailbox.
 */
static void next_turn(struct boxes *boxes)
{
	static const struct timeval at_once = { 0, 0 };

	event_add(boxes->turn, &at_once);
}

/*
 * One slice. Its mailboxes are made durable together before the loop goes on:
 * delivery to a mailbox that it finds relies on that.
 */
static void on_turn(evutil_socket_t descriptor, short what, void *context)
{
	struct boxes *boxes = context;
	struct mailbox mailbox;
	unsigned work = 0;
	bool made = false;

	(void)descriptor;
	(void)what;
	while (boxes->at < boxes->used && work < SLICE_WORK) {
		unsigned cost;

		next(boxes, &mailbox);
		cost = visit(boxes, &mailbox);
		made = made || cost > 1;
		work += cost;
	}
	if (made && !boxes->one_by_one && syncfs(boxes->settings.store->root) != 0)
		note_fault(boxes, "cannot make mailboxes durable");
	if (boxes->at < boxes->used)
		next_turn(boxes);
}

struct boxes *boxes_begin(struct event_base *base, const struct boxes_settings *settings)
{
	struct boxes *boxes = allocate(1, sizeof(*boxes));

	if (!boxes)
		return NULL;
	boxes->settings = *settings;
	boxes->one_by_one = !settings->store->durable.may_sync_all;
	tables_each_mailbox(settings->tables, on_mailbox, boxes);
	boxes->turn = event_new(base, -1, 0, on_turn, boxes);
	if (boxes->failed || !boxes->turn) {
		boxes_free(boxes);
		return NULL;
	}
	event_priority_set(boxes->turn, PRIORITY_BACKGROUND);
	next_turn(boxes);
	return boxes;
}

bool boxes_are_complete(const struct boxes *boxes)
{
	return boxes->at == boxes->used;
}

void boxes_free(struct boxes *boxes)
{
	if (!boxes)
		return;
	if (boxes->turn)
		event_free(boxes->turn);
	free(boxes->names);
	free(boxes);
}
