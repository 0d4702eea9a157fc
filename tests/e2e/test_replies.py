"""Every reply: its form, the id in it by which it is found in the log, and its enhanced code."""

import functools
import os
import re

from harness.session import Closed
from harness.trial import test

EX_CONFIG = 78
REPLIES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "common", "smtp", "replies.h")
ROW = re.compile(r'SMTP_REPLY\(\s*([A-Z_0-9]+), (\d+), "([0-9.]*)"')
MESSAGE = re.compile(r" ([0-9a-v]{16})-(\d+)$")
ENVELOPE = ("MAIL FROM:<a@client.example>", "RCPT TO:<alice@example.org>")
# RFC 2034 4: the greeting, the replies to HELO and EHLO, and class 3.
BARE = {"GREETING", "HELO", "GO_AHEAD", "EACH_FOLLOWS"}
# What is behind each reply, to be found by its text.  Others need a full disk, a fault of memory and so
# on, or are tested elsewhere.
PROVOKED = {
    "OK": ("NOOP",), "SENDER_OK": ("EHLO x", ENVELOPE[0]), "RECIPIENT_OK": ("EHLO x", *ENVELOPE),
    "CANNOT_VERIFY": ("VRFY alice",), "HELP": ("HELP",), "CLOSING": ("QUIT",), "HELO": ("HELO x",),
    "STORED": ("EHLO x", *ENVELOPE, "DATA", "x\r\n."), "GO_AHEAD": ("EHLO x", *ENVELOPE, "DATA"),
    "CHUNK_OK": ("EHLO x", *ENVELOPE, "BDAT 2\r\nx"), "UNKNOWN_COMMAND": ("NONSENSE",), "LINE_TOO_LONG": ("x" * 600,),
    "COMMAND_BARE_LF": ("NOOP\n",), "COMMAND_BARE_CR": ("NO\rOP",), "COMMAND_NUL": ("NO\0OP",),
    "SYNTAX": ("EHLO x", "MAIL"), "BAD_HELO": ("EHLO a(b",), "BAD_SENDER": ("EHLO x", "MAIL FROM:<a@b@c>"),
    "BAD_RECIPIENT": ("EHLO x", ENVELOPE[0], "RCPT TO:<@>"), "BAD_PARAMETER": ("EHLO x", "MAIL FROM:<a@b> SIZE=x"),
    "BAD_CHUNK": ("BDAT x",), "NOT_IMPLEMENTED": ("EXPN x",), "BAD_SEQUENCE": ("DATA",),
    "UNKNOWN_USER": ("EHLO x", ENVELOPE[0], "RCPT TO:<nobody@example.org>"),
    "NO_RELAY": ("EHLO x", ENVELOPE[0], "RCPT TO:<alice@elsewhere.example>"),
    "NOT_PERMITTED": ("EHLO x", "XCLIENT ADDR=192.0.2.1"), "TOO_BIG": ("EHLO x", "MAIL FROM:<a@b> SIZE=9999999"),
    "NEEDS_SMTPUTF8": ("EHLO x", "MAIL FROM:<ä@client.example>"), "UNKNOWN_PARAMETER": ("EHLO x", "MAIL FROM:<a@b> X=Y"),
    "DATA_BARE_LF": ("EHLO x", *ENVELOPE, "DATA", "a\nb\r\n."), "DATA_BARE_CR": ("EHLO x", *ENVELOPE, "DATA", "a\rb\r\n."),
    "DATA_NUL": ("EHLO x", *ENVELOPE, "DATA", "a\0b\r\n."), "DATA_LONG_LINE": ("EHLO x", *ENVELOPE, "DATA", "x" * 1001 + "\r\n."),
    "LOOP": ("EHLO x", *ENVELOPE, "DATA", "Received: x\r\nReceived: x\r\n."), "FOREIGN_PROTOCOL": ("GET / HTTP/1.1",),
    "TOO_MANY_ERRORS": ("A", "B", "C", "D"), "TOO_MANY_IDLE": ("NOOP",) * 6,
    "TOO_MANY_RECIPIENTS": ("EHLO x", ENVELOPE[0], *[f"RCPT TO:<alice+{number}@example.org>" for number in range(101)]),
}
LIMITS = {"received-fields": 1, "message-size": 5000, "data-line": 1000, "command-line": 512, "errors": 4,
          "idle-commands": 5, "recipients": 100}


@functools.cache
def table():
    """Name -> (code, enhanced code), as the source lists them."""
    with open(REPLIES, encoding="utf-8") as file:
        return {name: (int(code), enhanced) for name, code, enhanced in ROW.findall(file.read())}


table()  # read at once: an ordinary user may not reach the file


def require_form(t, reply, known):
    """RFC 5321 4.2, RFC 2034 4: class and enhanced class agree; printable ASCII; in the table."""
    for line in reply.lines:
        t.check(re.fullmatch(r"[2-5]\d\d[ -][ -~]*", line) and len(line) <= 510, f"a reply line: {line!r}")
    if reply.enhanced:
        t.equal(reply.enhanced[0], str(reply.code)[0], f"the class of {reply}")
        t.check(re.fullmatch(r"[245]\.[0-7]\.\d{1,3}", reply.enhanced), f"an enhanced code of RFC 3463: {reply}")
    t.check((reply.code, reply.enhanced) in known, f"in the table: {reply}")


def require_id(t, daemon, session, reply):
    """A rejection bears the id of its session, and is found in the log by it; nothing else bears one."""
    t.equal(reply.session, session if reply.code >= 400 else "", f"the id in {reply}")
    if reply.code < 400:
        return
    line = daemon.wait_event("reject", session=session, reply=re.escape(reply.lines[-1]))
    t.equal((line["code"], line["enhanced"]), (str(reply.code), reply.enhanced), line.line)
    t.check(line["decided"], line.line)


@test(covers="A-17 B-18 C-32")
def each_row_of_the_table(t):
    """Codes of class 2, 4 and 5 have an enhanced code of their class, except where RFC 2034 wants none."""
    rows = table()
    t.check(len(rows) > 50, f"the table was read: {sorted(rows)}")
    for name, (code, enhanced) in rows.items():
        t.equal(not enhanced, name in BARE, f"{name} has an enhanced code or not")
        t.check(not enhanced or enhanced[0] == str(code)[0], f"{name}: {code} {enhanced}")
    t.equal(sorted(set(PROVOKED) - set(rows)), [], "replies that are not there")


def provoke(client, lines):
    """The replies to the lines; to the last one all that come up to the end, or to a NOOP."""
    client.reply()
    replies = []
    for number, line in enumerate(lines):
        client.send(line.encode("utf-8") + b"\r\n")
        if number < len(lines) - 1:
            replies.append(client.reply())
    try:
        replies.append(client.reply())
        if replies[-1].code in (500, 502) and len(lines) == LIMITS["errors"]:
            replies.append(client.reply())
    except Closed:
        pass
    return replies


@test(covers="A-17 B-18 C-32 B-49")
def each_reply(t):
    """What can be provoked by a dialogue: its codes are those of its row, a rejection has the id of the
    session, which the log has, too, and a message the id that all its lines have."""
    rows = table()
    known = set(rows.values())
    with t.daemon(limits=LIMITS) as daemon:
        for number, (name, lines) in enumerate(PROVOKED.items(), 1):
            with daemon.connect() as client:
                replies = provoke(client, lines)
            daemon.wait_event("disconnect", count=number)
            session = daemon.events("disconnect")[-1]["session"]
            t.equal((replies[-1].code, replies[-1].enhanced), rows[name], f"{name}: {replies[-1]}")
            for reply in replies:
                require_form(t, reply, known)
                require_id(t, daemon, session, reply)
            stored = MESSAGE.search(replies[-1].text) if name == "STORED" else None
            if stored:
                t.equal(stored[1], session, "the session of the message")
                daemon.wait_event("message", message=f"{stored[1]}-{stored[2]}", session=session, code="250")
                daemon.wait_event("delivery", message=f"{stored[1]}-{stored[2]}", session=session)
            t.check(name != "STORED" or stored, f"an id in {replies[-1]}")


@test(covers="B-18 B-49 B-45")
def before_a_session(t):
    """Who is refused before the greeting gets an id, too: it stands in the line that says by which limit."""
    for limits, workers, limit, enhanced in (({"sessions-per-address": 1}, {"count": 1}, "limits.sessions-per-address", "4.7.0"),
                                             ({}, {"count": 1, "sessions": 1}, "workers.sessions", "4.3.2")):
        with t.daemon(limits=limits, workers=workers) as daemon:
            with daemon.greeted():
                ids = set()
                for _ in range(3):
                    with daemon.connect() as client:
                        reply = client.reply()
                        t.equal((reply.code, reply.enhanced), (421, enhanced), f"{limit}: the reply")
                        require_form(t, reply, set(table().values()))
                        ids.add(reply.session)
                        t.check(client.is_closed(), "it is closed")
                daemon.wait_event("refuse", count=3, limit=limit, value="1", code="421")
                t.equal({line["session"] for line in daemon.events("refuse")}, ids, "the ids")
                t.equal(len(ids), 3, "different ids")
            daemon.wait_event("disconnect")


@test(covers="B-18 A-17")
def ids_are_of_one_session_each(t):
    """Whatever comes at once: each session has one id in all its replies, and no two have the same."""
    with t.daemon(workers={"count": 2}, limits={"errors": 0}) as daemon:
        clients = [daemon.connect() for _ in range(60)]
        seen = set()
        for client in clients:
            client.send(b"DATA\r\nRCPT TO:<a@b>\r\nMAIL\r\n")
        for client in clients:
            client.reply()
            ids = {client.reply().session for _ in range(3)}
            t.equal(len(ids), 1, "ids of a session")
            seen |= ids
            client.close()
        t.equal(len(seen), 60, "ids")
        t.equal({line["session"] for line in daemon.events("reject")}, seen, "ids in the log")


@test(covers="A-17 B-44 security.md:reply-injection")
def nothing_of_the_client_breaks_a_reply(t):
    """Bytes of a command that come back in a reply are shown as printable ASCII, and cannot end the line."""
    values = [b"\xe2\x80\xae", b"\x1b[31m", b"\x9b1m", b"\x07", b"\x7f", b"\t", b"\xc2\x85", b"\xe2\x80\xa8", b"\xff", b"%s%n",
              b"{}", b"[0000000000000000]", b"250 2.0.0 OK", b"A" * 400]
    with t.daemon(limits={"errors": 0, "unknown-commands": 0, "idle-commands": 0}) as daemon, daemon.greeted() as client:
        for value in values:
            for line in (b"MAIL FROM:<a@client.example> " + value, b"MAIL FROM:<a@client.example> X" + value + b"=1",
                         b"MAIL FROM:<a@client.example> SIZE=" + value, b"MAIL FROM:<" + value + b"@@>", value,
                         b"EHLO " + value + b"(", b"XCLIENT " + value, b"BODY=" + value, b"HELP " + value, b"VRFY " + value,
                         b"NOOP " + value, b"RCPT TO:<" + value + b">"):
                client.send(line + b"\r\n")
                require_form(t, client.reply(), set(table().values()))
                client.expect("RSET", 250)
        client.expect("QUIT", 221)


# ---- what must not be hidden or disabled

FAULTY = (
    *(f"disable = {{ {verb} }}" for verb in ("HELO", "EHLO", "LHLO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT", "mail", "FROB",
                                             '""', "WIZ", "VRFY, QUIT", '"VRFY QUIT"')),
    *(f"hide = {{ {word} }}" for word in ("FROB", '""', "VRFY", "SIZE, FROB", '"SIZE 100"', "XXXXXXXXXXXXXXXXXXXXXXXX" * 20)),
    "line-endings = lenient", "line-endings = \"\"", "early-talkers = yes", "pipelining = off", "greeting-delay = 61",
    "greeting-delay = 2m", "greeting-delay = -1", "greeting-delay = x", "protocol = esmtp",
)
FAULTY_TEXTS = (
    'greeting = "' + "x" * 201 + '"', 'greeting = "a\\nb"', 'greeting = "ä"', 'closing = ""', 'closing = "\\t"', 'helo = "\\e[0m"',
    'help = "' + "x" * 201 + '"', "version = perhaps",
)
FAULTY_LIMITS = ("idle-commands = -1", "idle-commands = 1000001", "received-fields = 1001", "received-fields = many",
                 "data-rate = 2M", "data-rate = -1")


@test(covers="B-16 C-22 C-23 B-49")
def faulty_options(t):
    """What no mail server can do without, and what does not exist: an error with file and line."""
    daemon = t.prepare()
    with open(daemon.path("conf"), encoding="utf-8") as file:
        good = file.read()
    line = good.count("\n") + 2
    sections = (("listen \"faulty\"", FAULTY), ("smtp", FAULTY_TEXTS), ("limits", FAULTY_LIMITS))
    for section, options in sections:
        for option in options:
            with open(daemon.path("conf"), "w", encoding="utf-8") as file:
                port = "\tport = 2599\n" if section.startswith("listen") else ""
                file.write(f"{good}{section} {{\n\t{option}\n{port}}}\n")
            status, output, errors = daemon.run_once("-n")
            t.equal(status, EX_CONFIG, f"exit status for {option}: {output}{errors}")
            t.check(f"{daemon.path('conf')}:{line}:" in errors, f"file and line {line} for {option}: {errors!r}")
            name = option.split(" ", 1)[0]
            t.check(name in errors, f"{name} in {errors!r}")
