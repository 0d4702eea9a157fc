/*
 * listen_configuration.h - a `listen` section of postern.conf, as a struct
 */
#ifndef POSTERN_COMMON_CONFIGURATION_LISTEN_CONFIGURATION_H
#define POSTERN_COMMON_CONFIGURATION_LISTEN_CONFIGURATION_H

#include "common/configuration/choices.h"
#include "common/configuration/text_list.h"

/* One `listen "title" { ... }` section. */
struct listen_configuration {
	char *title;
	char *place; /* "file:line" where the section ends; NULL: by default, or read sealed */
	struct text_list addresses; /* numeric, or the path of a unix socket; "*" is every address
				       of both families */
	long long port;		    /* 1..65535 */
	enum listen_protocol protocol;
	enum listen_tls tls;
	enum ehlo_before_tls ehlo_before_tls;
	struct text_list hide;	  /* keywords of EHLO, upper case */
	struct text_list disable; /* verbs, upper case */
	enum line_endings line_endings;
	enum impatience early_talkers; /* who sends before the greeting */
	enum impatience pipelining;    /* what RFC 2920 forbids */
	long long greeting_delay;
	struct text_list proxy;	     /* networks whose connections begin with a PROXY header */
	struct text_list ignore_log; /* networks whose connections are not logged */
	struct text_list xclient;    /* networks that may say XCLIENT */
	struct text_list xforward;   /* networks that may say XFORWARD */
};

#endif
