/*
 * events.h - every event the log can hold: the table behind postern-log(5)
 *
 * LOG_EVENT(name, level, keys, sentence)
 *   name      what stands behind event=
 *   level     INFO: always written; TRACE: only when `log { verbose = true }` or -v;
 *             NOTICE, WARNING, ERROR: always, and the syslog priority of that name
 *   keys      the keys a line of this event may bear, apart from session and message
 *   sentence  for the manual
 */
#define LOG_EVENTS(LOG_EVENT)                                                                      \
	LOG_EVENT(START, NOTICE, "program pid serial user version",                                \
		  "A process has started and confined itself.")                                    \
	LOG_EVENT(READY, NOTICE, "listeners workers", "The service accepts connections.")          \
	LOG_EVENT(LISTEN, NOTICE, "listener address port",                                         \
		  "A listener is bound: to an address and a port, or to a path.")                  \
	LOG_EVENT(MISSING, WARNING, "what reason",                                                 \
		  "Something of the full protection is missing, for example because posternd was " \
		  "not started by root.")                                                          \
	LOG_EVENT(ACCEPT_ALL, WARNING, "mode mailbox",                                             \
		  "Mail for any recipient of any domain is taken, into the mailbox named or, in "  \
		  "mode each, into one for each recipient.")                                       \
	LOG_EVENT(END, NOTICE, "program pid status signal took", "A process has ended.")           \
	LOG_EVENT(KILL, WARNING, "program pid reason",                                             \
		  "A process did not end by itself, and was killed.")                              \
	LOG_EVENT(RESPAWN, WARNING, "program pause", "A process that died is started again.")      \
	LOG_EVENT(RELOAD, NOTICE, "generation reason",                                             \
		  "A new configuration is in force; the reason says what of it needs a restart.")  \
	LOG_EVENT(REFUSED_RELOAD, ERROR, "reason",                                                 \
		  "The new configuration is faulty; the old one stays in force.")                  \
	LOG_EVENT(STOP, NOTICE, "signal deadline", "The service is stopping.")                     \
	LOG_EVENT(GIVE_UP, ERROR, "program deaths seconds",                                        \
		  "A process dies again and again; the service ends.")                             \
	LOG_EVENT(VIOLATION, ERROR, "program pid reason",                                          \
		  "A process sent what the message table does not allow, and is ended.")           \
	LOG_EVENT(CONNECT, INFO, "client port local listener proxy",                               \
		  "A client has connected; behind a proxy this is the address of its PROXY "       \
		  "header.")                                                                       \
	LOG_EVENT(TLS, INFO, "client version cipher group sni subject verified resumed",           \
		  "A TLS handshake was completed; subject and verified are those of the client's " \
		  "certificate.")                                                                  \
	LOG_EVENT(TLS_FAILED, INFO, "client listener reason",                                      \
		  "A TLS handshake, or a connection under TLS, has failed, with OpenSSL's "        \
		  "reason.")                                                                       \
	LOG_EVENT(CERTIFICATE, WARNING, "file name days",                                          \
		  "A certificate ends in so many days, or has ended (days below 0). Logged at "    \
		  "each start and reload, and each day.")                                          \
	LOG_EVENT(XCLIENT, INFO, "client port name helo protocol login former",                    \
		  "The client former speaks for client from here on.")                             \
	LOG_EVENT(XFORWARD, INFO, "client origin port name helo protocol ident source",            \
		  "The client tells where the next message came from.")                            \
	LOG_EVENT(DISCONNECT, INFO, "client reason took messages recipients rejected commands",    \
		  "A connection has ended, with the reason and what it came to.")                  \
	LOG_EVENT(REFUSE, INFO, "client listener code limit value reason",                         \
		  "A connection was refused before its greeting by the limit named, or for its "   \
		  "PROXY header.")                                                                 \
	LOG_EVENT(REJECT, INFO,                                                                    \
		  "client helo message from code enhanced reply decided limit value command "      \
		  "argument",                                                                      \
		  "A command or message was rejected, with what decided it.")                      \
	LOG_EVENT(TOLERATED, INFO, "client command argument",                                      \
		  "An address that is not written as RFC 5321 wants it was taken, since "          \
		  "address-syntax is lenient.")                                                    \
	LOG_EVENT(MESSAGE, INFO,                                                                   \
		  "client helo protocol from parameters recipients size code reply took",          \
		  "A message was received to its end, with what its sender was told.")             \
	LOG_EVENT(DELIVERY, INFO, "from to mailbox parameters file size took duplicate of",        \
		  "A message lies in a mailbox, durable.")                                         \
	LOG_EVENT(FAILED, ERROR, "from to mailbox reason code",                                    \
		  "A message could not be delivered; its sender was told to try again.")           \
	LOG_EVENT(CONDITION, WARNING, "code reason",                                               \
		  "Delivery can store nothing, and MAIL is answered with that code; or it can "    \
		  "again (250).")                                                                  \
	LOG_EVENT(MAIL_ROOT, ERROR, "state reason",                                                \
		  "The mail root cannot be written to (state=unready), and all mail is put off; "  \
		  "or it can be again (state=ready).")                                             \
	LOG_EVENT(RECOVERY, NOTICE, "file direction mailbox mailboxes files",                      \
		  "What a delivery process before this one left unfinished: a message was put "    \
		  "into the rest of its mailboxes (forward) or taken out of all (back), with the " \
		  "number of files that were moved or removed; or its file in tmp/ was removed "   \
		  "(swept).")                                                                      \
	LOG_EVENT(MAILBOX, NOTICE, "mailbox", "A missing mailbox was made.")                       \
	LOG_EVENT(SHORT, WARNING, "what reason", "A resource of the machine is short.")            \
	LOG_EVENT(COMMAND, TRACE, "client line", "A command has arrived.")                         \
	LOG_EVENT(REPLY, TRACE, "client line", "A reply was sent.")                                \
	LOG_EVENT(DEBUG, TRACE, "text", "A step that only a developer asks for.")
