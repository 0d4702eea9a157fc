/*
 * replies.h - every reply postern can give: the fourth of the tables that carry the system
 *
 * No reply stands anywhere else; postern-replies(7) is made from here. A `{}` in
 * a text is replaced by the argument that the caller gives, with bytes outside
 * printable ASCII written as "?". Enhanced codes: RFC 3463 and the IANA registry
 * of RFC 5248; none for the greeting, HELO and EHLO, and class 3 (RFC 2034 4).
 */
#ifndef POSTERN_COMMON_SMTP_REPLIES_H
#define POSTERN_COMMON_SMTP_REPLIES_H

/* SMTP_REPLY(name, code, enhanced, text, cause) */
#define SMTP_REPLIES(SMTP_REPLY)                                                                   \
	SMTP_REPLY(GREETING, 220, "", "{}", "A client has connected.")                             \
	SMTP_REPLY(TLS_READY, 220, "2.0.0", "Ready for the TLS handshake", "STARTTLS.")            \
	SMTP_REPLY(CLOSING, 221, "2.0.0", "{}", "QUIT.")                                           \
	SMTP_REPLY(HELO, 250, "", "{}", "HELO, EHLO.")                                             \
	SMTP_REPLY(OK, 250, "2.0.0", "OK", "RSET, NOOP.")                                          \
	SMTP_REPLY(SENDER_OK, 250, "2.1.0", "Sender OK", "MAIL was accepted.")                     \
	SMTP_REPLY(RECIPIENT_OK, 250, "2.1.5", "Recipient OK", "RCPT was accepted.")               \
	SMTP_REPLY(STORED, 250, "2.0.0", "Stored as {}",                                           \
		   "The message lies in every mailbox it was sent to, durable.")                   \
	SMTP_REPLY(CHUNK_OK, 250, "2.0.0", "{} bytes taken",                                       \
		   "A chunk of BDAT that is not the last one.")                                    \
	SMTP_REPLY(                                                                                \
		SOME_STORED, 250, "2.0.0", "Stored for those recipients, session {}",              \
		"PRDR: what comes behind the replies for each recipient, one of which was 250.")   \
	SMTP_REPLY(CANNOT_VERIFY, 252, "2.0.0", "Cannot verify; send mail to it and see",          \
		   "VRFY: which mailboxes exist is told at RCPT only.")                            \
	SMTP_REPLY(HELP, 214, "2.0.0", "{}", "HELP.")                                              \
	SMTP_REPLY(GO_AHEAD, 354, "", "Send the message, end with a dot on a line of its own",     \
		   "DATA.")                                                                        \
	SMTP_REPLY(EACH_FOLLOWS, 353, "", "A reply for each recipient follows",                    \
		   "PRDR: the message was read, and has several recipients.")                      \
	SMTP_REPLY(STOPPING, 421, "4.3.2", "{} is stopping, try again later",                      \
		   "The service is being stopped or restarted.")                                   \
	SMTP_REPLY(TOO_MANY_SESSIONS, 421, "4.3.2", "Too many connections, try again later",       \
		   "All workers have as many sessions as `workers { sessions }` allows.")          \
	SMTP_REPLY(TOO_MANY_FROM_YOU, 421, "4.7.0",                                                \
		   "Too many connections from your address, try again later",                      \
		   "`limits { sessions-per-address }`.")                                           \
	SMTP_REPLY(NO_RESOURCES, 421, "4.3.2", "Out of resources, try again later",                \
		   "Memory or descriptors are short.")                                             \
	SMTP_REPLY(IDLE_TOO_LONG, 421, "4.4.2", "Nothing heard for too long, closing",             \
		   "`timeouts { command }` or `timeouts { data }`.")                               \
	SMTP_REPLY(TOO_MANY_ERRORS, 421, "4.7.0", "Too many errors, closing",                      \
		   "`limits { errors }`.")                                                         \
	SMTP_REPLY(TOO_MANY_UNKNOWN, 421, "4.7.0", "Too many unknown commands, closing",           \
		   "`limits { unknown-commands }`.")                                               \
	SMTP_REPLY(TOO_MANY_IDLE, 421, "4.7.0", "Too many commands without a message, closing",    \
		   "`limits { idle-commands }`: NOOP, RSET, VRFY, HELP, EHLO.")                    \
	SMTP_REPLY(TOO_SLOW, 421, "4.4.2", "The message comes too slowly, closing",                \
		   "`limits { data-rate }`.")                                                      \
	SMTP_REPLY(NONE_STORED_YET, 450, "4.3.0",                                                  \
		   "Stored for none of the recipients, try again later",                           \
		   "PRDR: what comes behind the replies for each recipient, some of which were "   \
		   "of class 4, none 250.")                                                        \
	SMTP_REPLY(SYSTEM_ERROR, 451, "4.3.0", "Cannot store it now, try again later",             \
		   "An error of the disk or the system; its reason is in the log.")                \
	SMTP_REPLY(NO_VERDICT, 451, "4.3.0", "Delivery takes too long, try again later",           \
		   "No verdict within `timeouts { delivery }`.")                                   \
	SMTP_REPLY(NO_ROOM, 452, "4.3.1", "No room left, try again later",                         \
		   "The disk has no space or no inodes left but for the reserve, or the spool is " \
		   "full.")                                                                        \
	SMTP_REPLY(NO_MEMORY, 452, "4.3.1", "Out of memory, try again later",                      \
		   "Memory is short for this command.")                                            \
	SMTP_REPLY(NO_QUOTA, 452, "4.2.2", "Mailbox is full",                                      \
		   "The mailbox has no room within its quota.")                                    \
	SMTP_REPLY(TOO_MANY_RECIPIENTS, 452, "4.5.3", "Too many recipients, send the rest later",  \
		   "`limits { recipients }`.")                                                     \
	SMTP_REPLY(NO_TLS, 454, "4.7.0", "TLS is not available now",                               \
		   "STARTTLS, and memory is short for it.")                                        \
	SMTP_REPLY(UNKNOWN_COMMAND, 500, "5.5.1", "Unknown command",                               \
		   "A verb that is not in the command table.")                                     \
	SMTP_REPLY(LINE_TOO_LONG, 500, "5.5.2", "Command line too long",                           \
		   "`limits { command-line }`.")                                                   \
	SMTP_REPLY(COMMAND_BARE_LF, 500, "5.5.2", "Bare LF: ignored up to the next CR LF",         \
		   "A command line with an LF that has no CR before it (RFC 5321 2.3.8).")         \
	SMTP_REPLY(COMMAND_BARE_CR, 500, "5.5.2", "Bare CR: a line ends in CR LF",                 \
		   "A command line with a CR that has no LF behind it (RFC 5321 2.3.8).")          \
	SMTP_REPLY(COMMAND_NUL, 500, "5.5.2", "NUL in a command line",                             \
		   "A command line with a byte of value 0.")                                       \
	SMTP_REPLY(SYNTAX, 501, "5.5.4", "Syntax: {}", "An argument is missing or superfluous.")   \
	SMTP_REPLY(BAD_HELO, 501, "5.5.4", "Not a host name or address literal",                   \
		   "The argument of HELO or EHLO.")                                                \
	SMTP_REPLY(BAD_SENDER, 501, "5.1.7", "Bad sender address: {}", "The address of MAIL.")     \
	SMTP_REPLY(BAD_RECIPIENT, 501, "5.1.3", "Bad recipient address: {}",                       \
		   "The address of RCPT.")                                                         \
	SMTP_REPLY(BAD_PARAMETER, 501, "5.5.4", "Bad parameter: {}",                               \
		   "A parameter of MAIL or RCPT has a wrong value, or comes with a second one.")   \
	SMTP_REPLY(BAD_CHUNK, 501, "5.5.4", "Bad size of a chunk, closing",                        \
		   "BDAT without a size, or a faulty line with it: where the next command begins " \
		   "is not known.")                                                                \
	SMTP_REPLY(NOT_IMPLEMENTED, 502, "5.5.1", "Not implemented here",                          \
		   "A verb that is known and not served: EXPN, those of legend, and those of "     \
		   "`listen { disable }`.")                                                        \
	SMTP_REPLY(BAD_SEQUENCE, 503, "5.5.1", "Bad sequence of commands: {}",                     \
		   "The command is not allowed in this state.")                                    \
	SMTP_REPLY(NEEDS_TLS, 530, "5.7.0", "Must issue a STARTTLS command first",                 \
		   "`listen { tls = required }` (RFC 3207 4).")                                    \
	SMTP_REPLY(UNKNOWN_USER, 550, "5.1.1", "No such mailbox",                                  \
		   "The domain is ours, no mailbox, alias or catch-all fits.")                     \
	SMTP_REPLY(NO_RELAY, 550, "5.7.1", "Relay not permitted", "The domain is not ours.")       \
	SMTP_REPLY(SENDER_REJECTED, 550, "5.7.1", "{}",                                            \
		   "`rejected-senders` lists the sender; the text is its own, or \"Sender "        \
		   "address rejected\".")                                                          \
	SMTP_REPLY(NOT_PERMITTED, 550, "5.7.1", "Not permitted from your address",                 \
		   "XCLIENT or XFORWARD from outside of `listen { xclient, xforward }`.")          \
	SMTP_REPLY(TOO_BIG, 552, "5.3.4", "Message too big, the limit is {} bytes",                \
		   "`limits { message-size }`.")                                                   \
	SMTP_REPLY(OVER_QUOTA, 552, "5.2.2", "Message bigger than the mailbox may ever be",        \
		   "The size that MAIL declares, or that of the message, is more than the whole "  \
		   "quota of the mailbox.")                                                        \
	SMTP_REPLY(NEEDS_SMTPUTF8, 553, "5.6.7", "Address needs SMTPUTF8",                         \
		   "An address beyond ASCII, and MAIL or VRFY had no SMTPUTF8 (RFC 6531 3.5).")    \
	SMTP_REPLY(NONE_STORED, 554, "5.0.0", "Stored for none of the recipients",                 \
		   "PRDR: what comes behind the replies for each recipient, all of class 5.")      \
	SMTP_REPLY(LOOP, 554, "5.4.6", "Too many Received fields, the message loops",              \
		   "`limits { received-fields }`.")                                                \
	SMTP_REPLY(EARLY_TALKER, 554, "5.5.1", "You spoke before the greeting, closing",           \
		   "`listen { early-talkers = refuse }`.")                                         \
	SMTP_REPLY(BAD_PIPELINING, 554, "5.5.1", "You did not wait for a reply, closing",          \
		   "`listen { pipelining = refuse }` (RFC 2920 3.1).")                             \
	SMTP_REPLY(                                                                                \
		BEHIND_STARTTLS, 554, "5.5.1",                                                     \
		"Nothing may follow STARTTLS before its reply, closing",                           \
		"Bytes behind STARTTLS, which would reach into the part under TLS (RFC 3207 4).")  \
	SMTP_REPLY(FOREIGN_PROTOCOL, 554, "5.5.1", "This is a mail server, closing",               \
		   "A verb of HTTP, or a TLS handshake on a port that begins without.")            \
	SMTP_REPLY(DATA_BARE_LF, 554, "5.6.0", "Bare LF in the message: a line ends in CR LF",     \
		   "An LF without a CR before it in the data (RFC 5321 2.3.8).")                   \
	SMTP_REPLY(DATA_BARE_CR, 554, "5.6.0", "Bare CR in the message: a line ends in CR LF",     \
		   "A CR without an LF behind it in the data (RFC 5321 2.3.8).")                   \
	SMTP_REPLY(DATA_NUL, 554, "5.6.0", "NUL in the message", "A byte of value 0 in the data.") \
	SMTP_REPLY(DATA_LONG_LINE, 554, "5.6.0", "Line too long in the message",                   \
		   "`limits { data-line }`.")                                                      \
	SMTP_REPLY(UNKNOWN_PARAMETER, 555, "5.5.4", "Unknown parameter: {}",                       \
		   "A parameter of MAIL or RCPT that was not offered (RFC 5321 4.1.1.11).")

#endif
