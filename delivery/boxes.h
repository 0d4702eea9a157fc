/*
 * boxes.h - goes through all mailboxes after the start, while mail flows: makes those that are
 * missing, and sweeps what a killed delivery has left in them
 */
#ifndef POSTERN_DELIVERY_BOXES_H
#define POSTERN_DELIVERY_BOXES_H

#include <stdbool.h>

#include <event2/event.h>

#include "common/tables/tables.h"
#include "delivery/store.h"

struct boxes;

struct boxes_settings {
	const struct tables *tables;
	const char *template; /* of a mailbox's path below the mail root; not copied */
	const struct store *store;
	bool create; /* those that are missing */
	bool sweep;  /* recovery_sweep() each */
};

/*
 * Begins to go through the mailboxes of the tables, a slice in each turn of the loop in
 * which nothing else is to do. Those that a slice makes are made durable by one syncfs(2);
 * where that cannot be trusted (durable.h), each by itself. NULL when memory is short;
 * mailboxes are still made at delivery.
 */
struct boxes *boxes_begin(struct event_base *base, const struct boxes_settings *settings);
bool boxes_are_complete(const struct boxes *boxes);
void boxes_free(struct boxes *boxes);

#endif
