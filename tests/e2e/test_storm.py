"""Sessions made by chance, always the same, in pieces cut by chance, to listeners of every kind of
strictness: whatever is said, what was answered is what was done.
"""

import random
import re
import socket
import struct

from harness.session import Closed
from harness.tls_client import make_certificate, secured
from harness.trial import test

SESSIONS = 250
LISTENERS = {
    "smtp": {},
    "normalise": {"line-endings": "normalise"},
    "refuse": {"pipelining": "refuse", "early-talkers": "refuse"},
    "hidden": {"pipelining": "refuse", "hide": ["PIPELINING", "CHUNKING"], "line-endings": "normalise"},
    "disabled": {"disable": ["BDAT", "VRFY", "HELP", "EXPN"]},
    "lmtp": {"protocol": "lmtp"},
    "strict-lmtp": {"protocol": "lmtp", "pipelining": "refuse", "line-endings": "normalise"},
    "smtps": {"tls": "implicit", "pipelining": "refuse"},
    "held": {"greeting-delay": 1, "early-talkers": "tolerate"},
    "trusted": {"xclient": ["127.0.0.0/8"], "xforward": ["127.0.0.0/8"]},
}
LIMITS = {"command-line": 512, "data-line": 1000, "message-size": 20000, "recipients": 100, "errors": 30, "idle-commands": 40,
          "received-fields": 3, "sessions-per-address": 0, "unknown-commands": 20}
COMMANDS = [
    b"EHLO client.example", b"HELO client.example", b"LHLO client.example", b"MAIL FROM:<a@client.example>", b"MAIL FROM:<>",
    b"MAIL FROM:<a@client.example> SIZE=30000", b"MAIL FROM:<a@client.example> BODY=8BITMIME SMTPUTF8 SIZE=1",
    b"MAIL FROM:<a@client.example> BODY=BINARYMIME", b"MAIL FROM:<a@client.example> PRDR", b"RCPT TO:<alice@example.org>",
    b"RCPT TO:<bob@example.org>", b"RCPT TO:<alice@example.org>", b"RCPT TO:<nobody@example.org>", b"RCPT TO:<x@elsewhere.example>",
    b"DATA", b"DATA", b"RSET", b"NOOP", b"NOOP x", b"VRFY alice", b"HELP", b"EXPN x", b"STARTTLS", b"AUTH PLAIN", b"NONSENSE", b"WIZ",
    b"BDAT x", b"BDAT 5", b"BDAT 0", b"BDAT 0 LAST", b"BDAT 5 LAST", b"BDAT 3000 LAST", b"BDAT 99999999999999999999999", b"",
    b"XCLIENT ADDR=192.0.2.1", b"XFORWARD HELO=x", b"GET / HTTP/1.1", b"QUIT", b"x" * 600, b"MAIL FROM:<\xff@x>", b"NO\0OP",
]
BODIES = [b"Subject: x", b"", b".", b"..", b".x", b"x" * 999, b"x" * 990, b"Received: x", b"\0", b"\xff", b"x\ry", b"x\ny", b"MAIL FROM:<x@x>"]
ENDS = [b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"\n\r\n", b" \r\n", b""]


def transaction(chance):
    """One that may well be served."""
    parts = [b"MAIL FROM:<a@client.example>\r\n"]
    parts += [chance.choice((b"RCPT TO:<alice@example.org>\r\n", b"RCPT TO:<bob@example.org>\r\n"))
              for _ in range(chance.choice((1, 1, 2, 3)))]
    if chance.random() < 0.6:
        body = b"".join(chance.choice(BODIES[:7] + BODIES[6:8]) + b"\r\n" for _ in range(chance.randrange(6)))
        parts.append(b"DATA\r\n" + re.sub(rb"(?m)^\.", b"..", body) + b".\r\n")
    else:
        for last in (False, chance.random() < 0.9):
            body = b"".join(chance.choice(BODIES[:7]) + b"\r\n" for _ in range(chance.randrange(4)))
            parts.append(b"BDAT %d%s\r\n" % (len(body), b" LAST" * last) + body)
    return b"".join(parts)


def stream(chance):
    """The bytes of a session."""
    parts = [chance.choice((b"EHLO client.example\r\n",) * 3 + (b"LHLO client.example\r\n", b"HELO x\r\n", b""))]
    for _ in range(chance.randrange(1, 12)):
        kind = chance.random()
        if kind < 0.4:
            parts.append(transaction(chance))
        elif kind < 0.9:
            parts.append(chance.choice(COMMANDS) + chance.choice(ENDS))
        else:
            parts.append(chance.choice(BODIES) + chance.choice(ENDS))
    content = b"".join(parts)
    if chance.random() < 0.1:
        place = chance.randrange(len(content))
        content = content[:place] + bytes([chance.randrange(256)]) + content[place + 1:]
    return content + b"\r\n.\r\nQUIT\r\n"


def pieces(chance, content):
    places = sorted(chance.randrange(len(content) + 1) for _ in range(chance.choice((0, 0, 1, 3, 10))))
    return [content[a:b] for a, b in zip([0] + places, places + [len(content)]) if a < b]


def play(client, chance):
    """Sends it, and reads what comes; the replies as lines, or None when it was broken off."""
    content = stream(chance)
    lines = []
    try:
        if chance.random() < 0.5:
            lines.append(client.line())
        for piece in pieces(chance, content):
            client.send(piece)
        if chance.random() < 0.1:
            return None
        half_close(client)
        while True:
            lines.append(client.line())
    except TimeoutError:
        raise AssertionError(f"nothing more comes to {content!r}; so far {lines}") from None
    except (Closed, OSError):
        return lines


def half_close(client):
    """It says nothing more, and listens."""
    if hasattr(client, "send_records"):
        client.socket.take_leave()
    else:
        client.socket.shutdown(socket.SHUT_WR)


def leave(client, lines):
    """Who does not listen resets the connection."""
    if lines is None and not hasattr(client, "send_records"):
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@test(covers="B-52 C-14 A-13 B-49 C-28", timeout=300)
def by_chance(t):
    """Every reply is one; every message that was acknowledged is there, and no other; nothing dies."""
    listeners = {title: options for title, options in LISTENERS.items() if title != "smtp"}
    with t.daemon(other_listeners=listeners, limits=LIMITS, tls=make_certificate(t), timeouts={"command": 5, "data": 5}) as daemon:
        before = daemon.workers(), daemon.delivery()
        acknowledged, sessions, whole = set(), 0, 0
        for title in LISTENERS:
            for number in range(SESSIONS if title != "held" else 10):
                chance = random.Random(f"{title} {number}")
                client = daemon.connect(to=title)
                lines = play(secured(client) if title == "smtps" else client, chance)
                leave(client, lines)
                sessions += 1
                for line in lines or ():
                    t.check(re.fullmatch(r"[2-5]\d\d[ -][ -~]*", line), f"{title} {number}: a reply {line!r}")
                acknowledged |= set(re.findall(r"250 2\.0\.0 Stored as (\S+)", "\n".join(lines or ())))
                whole += lines is not None
        daemon.wait_event("disconnect", count=sessions, seconds=120)
        stored = {re.search(r"\.([0-9a-v]+-\d+)\.", path)[1] for path in daemon.mail().all_files("new")}
        logged = {line["message"] for line in daemon.events("message", code="250")}
        # Where a client did not take the 250 of one, the same message may stand for another.
        seconds = {line["message"]: line["of"] for line in daemon.events("delivery", duplicate="1")}
        t.equal(logged - set(seconds), stored, "messages in the log and in the mailboxes")
        found = {seconds.get(message, message) for message in acknowledged}
        t.equal((sorted(found - stored), len(found)), ([], len(acknowledged)), "acknowledged and not stored, acknowledged ones")
        t.check(len(acknowledged) > 100 and whole > sessions / 2, f"{len(acknowledged)} messages in {whole} of {sessions} sessions")
        t.equal((daemon.workers(), daemon.delivery()), before, "the processes")
        t.equal(sum(int(line["messages"]) for line in daemon.events("disconnect")), len(stored) + len(seconds),
                "messages of all sessions")
