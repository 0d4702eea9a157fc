/*
 * peer.h - XCLIENT and XFORWARD: a client that speaks for another one
 */
#ifndef POSTERN_WORKER_PEER_H
#define POSTERN_WORKER_PEER_H

#include "common/smtp/xclient.h"

/* The engine's questions (smtp_policy); the context is the session. */
void peer_xclient(void *context, const struct smtp_xclient *attributes);
void peer_xforward(void *context, const struct smtp_xclient *attributes);

#endif
