/*
 * choices.h - what an option may choose between
 *
 * The words in the file are these names in lower case, "-" for "_".
 */
#ifndef POSTERN_COMMON_CONFIGURATION_CHOICES_H
#define POSTERN_COMMON_CONFIGURATION_CHOICES_H

enum listen_protocol { LISTEN_PROTOCOL_SMTP, LISTEN_PROTOCOL_LMTP };
enum listen_tls { LISTEN_TLS_OFF, LISTEN_TLS_OPTIONAL, LISTEN_TLS_REQUIRED, LISTEN_TLS_IMPLICIT };
enum ehlo_before_tls { EHLO_BEFORE_TLS_FULL, EHLO_BEFORE_TLS_MINIMAL };
enum line_endings { LINE_ENDINGS_STRICT, LINE_ENDINGS_NORMALISE };
enum impatience { IMPATIENCE_TOLERATE, IMPATIENCE_REFUSE };
enum address_syntax { ADDRESS_SYNTAX_LENIENT, ADDRESS_SYNTAX_STRICT };
enum helo_argument { HELO_ARGUMENT_REQUIRED, HELO_ARGUMENT_OPTIONAL };
enum create_mailboxes { CREATE_BOTH, CREATE_AT_START, CREATE_ON_DELIVERY, CREATE_NEVER };
enum log_format_choice { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
enum tls_version_choice { TLS_VERSION_1_2, TLS_VERSION_1_3 };
enum client_certificate {
	CLIENT_CERTIFICATE_OFF,
	CLIENT_CERTIFICATE_ASK,
	CLIENT_CERTIFICATE_REQUIRE
};
enum accept_all { ACCEPT_ALL_OFF, ACCEPT_ALL_ONE, ACCEPT_ALL_EACH };

#endif
