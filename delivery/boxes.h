/*
 * boxes.h - makes all missing mailboxes after the start, while mail flows
 */
#ifndef POSTERN_DELIVERY_BOXES_H
#define POSTERN_DELIVERY_BOXES_H

#include <stdbool.h>

#include <event2/event.h>

#include "common/tables/tables.h"

struct boxes;

/*
 * Begins to make every mailbox of the tables that is missing below `root`, a
 * slice in each turn of the loop in which nothing else is to do. `template` is
 * not copied. Each slice is made durable by one syncfs(2); with `one_by_one`,
 * where that cannot be trusted (durable.h), each mailbox by itself. NULL when memory is short;
 * mailboxes are still made at delivery.
 */
struct boxes *boxes_begin(struct event_base *base, const struct tables *tables, int root,
			  const char *template, bool one_by_one);
bool boxes_are_complete(const struct boxes *boxes);
void boxes_free(struct boxes *boxes);

#endif
