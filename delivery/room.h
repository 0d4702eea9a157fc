/*
 * room.h - whether the mailboxes of a recipient have room: asked at RCPT
 */
#ifndef POSTERN_DELIVERY_ROOM_H
#define POSTERN_DELIVERY_ROOM_H

#include "common/frame/message.h"
#include "common/tables/tables.h"
#include "delivery/quota.h"

/*
 * Mailboxes with a quota that are looked at for one question. An alias for more is a list
 * that a client could have counted again and again; those behind are looked at when
 * the message has come.
 */
#define ROOM_MAILBOXES_MAX 100

/*
 * The verdict that a message of that size would meet in the mailboxes of the recipient now:
 * VERDICT_STORED when all have room for it (quota_check), VERDICT_NO_RECIPIENT when the
 * tables of delivery do not know it. `template` as for recipients_expand.
 */
enum verdict room_for_message(struct quotas *quotas, const struct tables *tables,
			      const char *template, const struct message_quota *question);

#endif
