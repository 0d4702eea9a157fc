"""What clients, proxies and trusted clients say of themselves goes into header fields, log lines and
replies, and forges none of them.

The values are made of pieces that have a meaning in one of these, by chance, always the same.  Each is
sent at each place that takes one; what was stored is read by Python's parser, which may forgive
nothing, and by a grammar of RFC 5322 and RFC 5321 written down here.
"""

import email
import email.policy
import email.utils
import random
import re
import struct

from harness.session import Closed
from harness.trial import test

COUNT = 250
PIECES = [
    b"\n", b"\r", b"\r\n", b"\0", b"\t", b" ", b"\x0b", b"\x0c", b"\x1b[31m", b"\x1b]0;x\x07", b"\x7f", b"\x08", b"\x9b1m",
    b"\xc2\x9b1m", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\xe2\x80\xae", b"\xe2\x81\xa6", b"\xef\xbb\xbf", b"\xff",
    b"\xc0\x8a", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x80", b"\xc3\xa4", b"\xf0\x9f\x98\x80", b'"', b"'", b"\\", b"(",
    b")", b"<", b">", b"[", b"]", b";", b":", b",", b"@", b".", b"..", b"=", b"+", b"%0a", b"%n%s", b"%{x}", b"${x}", b"+0A",
    b"+0D+0A", b"&#10;", b"\\n", b"\\r\\n", b"=?utf-8?q?=0AX-Forged:_1?=", b"X-Forged: yes", b"Received: from forged by forged",
    b"Return-Path: <forged@forged>", b"\nX-Forged: yes\n", b"\r\nX-Forged: yes\r\n", b"\r\n\r\n", b"\n\n", b"\n ", b" id forged",
    b"; Thu, 01 Jan 1970 00:00:00 +0000", b"(comment", b"comment)", b"event=forged", b' event="delivery"', b"session=forged",
    b"\nevent=forged", b"postern-worker[1]:", b"[127.0.0.1]", b"[IPv6:::1]", b"a", b"client", b"example", b"-", b"_", b"`", b"|",
    b"!", b"/", b"../", b"{", b"}", b"~", b"0", b"x" * 63, b"x" * 64, b"y" * 200,
]


def values(seed):
    """Single pieces first, then chains of them."""
    chance = random.Random(seed)
    yield from PIECES
    for _ in range(COUNT - len(PIECES)):
        yield b"".join(chance.choices(PIECES, k=chance.choice((2, 3, 4, 6))))


# ---- what is sent


def xtext(value):
    """RFC 3461 4, of each byte: what Postfix would send."""
    return b"".join(b"+%02X" % byte for byte in value)


def proxied(tlvs):
    """A PROXY header of version 2."""
    addresses = bytes([192, 0, 2, 1, 192, 0, 2, 2]) + struct.pack(">HH", 1025, 25)
    rest = addresses + b"".join(struct.pack(">BH", kind, len(value)) + value for kind, value in tlvs)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(rest)) + rest


def over_tls(version=b"TLSv1.3", cipher=b"TLS_AES_128_GCM_SHA256", name=b"mx.example.org"):
    inner = b"\x01\0\0\0\0" + b"".join(struct.pack(">BH", kind, len(value)) + value
                                       for kind, value in ((0x21, version), (0x23, cipher)))
    return proxied([(0x20, inner), (0x02, name)])


def dialogue(number, before=b"", helo=b"client.example", sender=b"a@client.example", recipient=b"alice@example.org"):
    return (before + b"EHLO " + helo + b"\r\nMAIL FROM:<" + sender + b"> SMTPUTF8\r\nRCPT TO:<" + recipient + b">\r\nDATA\r\n"
            + own(number).replace(b"\n", b"\r\n") + b".\r\nQUIT\r\n")


def own(number):
    return b"Subject: own\nX-Mark: %d\n\nbody\n" % number


def quoted(value):
    return b'"' + re.sub(rb'([\\"])', rb"\\\1", value) + b'"'


def xclient(name):
    return lambda number, value: dialogue(number, b"XCLIENT ADDR=192.0.2.1 " + name + b"=" + xtext(value) + b"\r\n")


PLACES = {
    "HELO": lambda number, value: dialogue(number, helo=value),
    "HELO behind a name": lambda number, value: dialogue(number, helo=b"client.example" + value),
    "sender": lambda number, value: dialogue(number, sender=value + b"@client.example"),
    "quoted sender": lambda number, value: dialogue(number, sender=quoted(value) + b"@client.example"),
    "badly quoted sender": lambda number, value: dialogue(number, sender=b'"' + value + b'"@client.example'),
    "domain of the sender": lambda number, value: dialogue(number, sender=b"a@" + value),
    "sender without brackets": lambda number, value: dialogue(number, sender=b"a@x> <" + value),
    "recipient": lambda number, value: dialogue(number, recipient=value + b"@example.net"),
    "quoted recipient": lambda number, value: dialogue(number, recipient=quoted(value) + b"@example.net"),
    "badly quoted recipient": lambda number, value: dialogue(number, recipient=b'"' + value + b'"@example.net'),
    "XCLIENT": lambda number, value: dialogue(number, b"XCLIENT ADDR=192.0.2.1 HELO=" + value + b"\r\n"),
    "XCLIENT HELO": xclient(b"HELO"),
    "XCLIENT NAME": xclient(b"NAME"),
    "XCLIENT LOGIN": xclient(b"LOGIN"),
    "XFORWARD": lambda number, value: b"EHLO x\r\nXFORWARD HELO=" + xtext(value) + b" IDENT=" + value + b"\r\n" + dialogue(number),
    "PROXY": lambda number, value: proxied([(0x02, value[:256])]) + dialogue(number),
    "PROXY authority": lambda number, value: over_tls(name=value[:256]) + dialogue(number),
    "PROXY version": lambda number, value: over_tls(version=value[:256]) + dialogue(number),
    "PROXY cipher": lambda number, value: over_tls(cipher=value[:256]) + dialogue(number),
}
LISTENERS = {"proxied": {"proxy": ["127.0.0.0/8"]}, "trusted": {"xclient": ["127.0.0.0/8"], "xforward": ["127.0.0.0/8"]}}
# How many of the values must at least have been accepted at a place, so that it means something.
FEW = {"HELO": 15, "HELO behind a name": 40, "sender": 20, "quoted sender": 50, "badly quoted sender": 30, "recipient": 20,
       "quoted recipient": 50, "badly quoted recipient": 30, "PROXY authority": 200, "PROXY version": 200, "PROXY cipher": 200,
       "PROXY": 200, "XCLIENT LOGIN": 60, "XFORWARD": 200, "XCLIENT HELO": 20, "XCLIENT NAME": 5, "XCLIENT": 20}


def title_of(place):
    return "proxied" if place.startswith("PROXY") else "trusted" if place.startswith("X") else "smtp"


def all_replies(client):
    """Up to the end of the connection."""
    lines = []
    while True:
        try:
            lines.append(client.line())
        except Closed:
            return lines


# ---- what came of it: RFC 5322 2.2, 3.2; RFC 5321 4.1.2, 4.4

ATOM = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\xff-]+"
QUOTED = rb'"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*"'
LITERAL = rb"\[[A-Za-z0-9:.]+\]"
DOMAIN = rb"(?:[A-Za-z0-9\x80-\xff?-]+(?:\.[A-Za-z0-9\x80-\xff?-]+)*|" + LITERAL + rb")"
PATH = rb"(?:(?:" + ATOM + rb"(?:\." + ATOM + rb")*|" + QUOTED + rb")(?:@" + DOMAIN + rb")?)"
# No comment within a comment, and no escape: "(" and ")" themselves never come from outside.
COMMENT = rb"\([A-Za-z0-9 ._:?\[\]-]*\)"
GRAMMARS = {
    b"Return-Path": rb"<" + PATH + rb"?>",
    b"Delivered-To": PATH,
    b"X-Original-To": PATH,
    # A client may say ::1; a colon is the one byte that is no atext and no dot.
    b"Received": rb"from (?:[A-Za-z0-9._:?-]+|" + LITERAL + rb") " + COMMENT + rb" by mx\.example\.org \(postern\) with "
                 rb"(?:UTF8SMTPS?|E?SMTPS?)(?: " + COMMENT + rb")? id [0-9a-v]{16}-\d+(?: for <" + PATH + rb">)?; "
                 rb"(?P<date>[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000)",
}
NAMES = [*GRAMMARS, b"Subject", b"X-Mark"]


def fields(content):
    """(name, value, unfolded) of the header, or what is wrong with it."""
    found = []
    header, separator, _ = content.partition(b"\n\n")
    if not separator:
        raise ValueError("no empty line behind the header")
    for line in header.split(b"\n"):
        if len(line) > 998 or re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line):
            raise ValueError(f"too long, or a control byte: {line!r}")
        line.decode("utf-8")
        if line[:1] in (b" ", b"\t"):
            found[-1][1] += b" " + line.strip(b" \t")
            continue
        name, colon, value = line.partition(b": ")
        if not colon or not re.fullmatch(rb"[!-9;-~]+", name):
            raise ValueError(f"not a field: {line!r}")
        found.append([name, value])
    return found


def fault(content):
    """Why a stored message is not what it must be, or None."""
    number = re.search(rb"^X-Mark: (\d+)$", content, re.M)
    if not number or not content.endswith(b"\n" + own(int(number[1]))):
        return "it does not end in what was sent"
    try:
        found = fields(content)
        parsed = email.message_from_bytes(content, policy=email.policy.default.clone(raise_on_defect=True, utf8=True))
    except (ValueError, email.errors.MessageError, IndexError) as error:
        return repr(error)
    if [name for name, _ in found] != NAMES or [key.encode() for key in parsed.keys()] != NAMES:
        return f"the fields {[name for name, _ in found]} and {parsed.keys()}"
    for name, value in found[:4]:
        match = re.fullmatch(GRAMMARS[name], value)
        if not match:
            return f"{name.decode()}: {value!r} is not of its grammar"
        if name == b"Received" and not email.utils.parsedate_to_datetime(match["date"].decode()):
            return f"the date in {value!r}"
    return None


def require_no_forgery(t, daemon, place):
    """In the mailboxes and in the log; then they are emptied."""
    mail = daemon.mail()
    count = 0
    for path in mail.all_files("new"):
        with open(path, "rb") as file:
            content = file.read()
        found = fault(content)
        t.check(not found, f"{place}: {found} in {content!r}")
        count += 1
    mail.empty()
    return count


def require_clean_replies(t, lines, what):
    for line in lines:
        t.check(re.fullmatch(r"[2-5]\d\d[ -][ -~]*", line), f"{what}: a reply {line!r}")


# What no client can make appear.
OURS = {"delivery", "message", "connect", "disconnect", "reject", "command", "reply", "xclient", "xforward", "start", "ready",
        "listen", "mailbox", "tolerated", "refuse", "end", "stop", "missing", "tls"}


@test(covers="C-26 C-25 D-26 C-12 B-45 B-17 security.md:header-injection security.md:log-injection", timeout=600)
def everywhere(t):
    """Each value at each place."""
    limits = {"errors": 0, "unknown-commands": 0, "idle-commands": 0, "sessions-per-address": 0}
    with t.daemon(other_listeners=LISTENERS, limits=limits, aliases=["@example.net: bob"], verbose=True) as daemon:
        sessions, messages = 0, 0
        for place, make in PLACES.items():
            for number, value in enumerate(values(place)):
                with daemon.connect(to=title_of(place)) as client:
                    client.send(make(number, value))
                    require_clean_replies(t, all_replies(client), f"{place}: {value!r}")
                sessions += 1
            count = require_no_forgery(t, daemon, place)
            t.check(count >= FEW.get(place, 0), f"{place}: only {count} messages")
            messages += count
        daemon.wait_event("disconnect", count=sessions)
        content = daemon.log_bytes()
        t.check(not re.search(rb"[^\n -~]", content), "only printable ASCII in the log")
        events = daemon.events()
        t.equal({event["event"] for event in events} - OURS, set(), "events")
        t.equal({event.program for event in events}, {"posternd", "postern-worker", "postern-delivery"}, "programs")
        t.equal(sum(event["event"] == "delivery" for event in events), messages, "deliveries")
        t.equal(sum(event["event"] == "disconnect" for event in events), sessions, "sessions")


@test(covers="B-45 B-18 security.md:log-injection", timeout=300)
def as_json(t):
    """The same log as JSON: each line is an object, with the same keys, printable ASCII."""
    limits = {"errors": 0, "unknown-commands": 0, "idle-commands": 0, "sessions-per-address": 0}
    with t.daemon(other_listeners=LISTENERS, limits=limits, verbose=True, log={"format": "json"}) as daemon:
        for place, make in PLACES.items():
            for number, value in enumerate(PIECES):
                with daemon.connect(to=title_of(place)) as client:
                    client.send(make(number, value))
                    all_replies(client)
        daemon.wait_event("disconnect", count=len(PLACES) * len(PIECES))
        t.check(not re.search(rb"[^\n -~]", daemon.log_bytes()), "only printable ASCII in the log")
        for event in daemon.events():
            t.check(event["event"] in OURS and {"time", "logger", "logger-pid"} <= set(event), event.line)
            t.check(not any(re.search(r"[\x00-\x1f\x7f-\U0010ffff]", str(value)) for value in event.values()), event.line)


LONG = (b"x" * 5000, b"\xff" * 2040, b"MAIL FROM:<" + b"\xe2\x80\xae" * 600 + b"@x>", b"x" * 60000, b"MAIL " + b"y" * 60000,
        b"EHLO " + b'"' * 3000, b"NOOP " + b"z" * 4090, b"VRFY " + b"=" * 10000, b"RCPT TO:<" + b"\\" * 5000 + b">")


@test(covers="B-45 B-18 A-17 security.md:log-injection")
def long_values(t):
    """A value that is longer than a line of the log is cut: the line stays one, and says what decided."""
    limits = {"errors": 0, "unknown-commands": 0, "idle-commands": 0, "command-line": "64K"}
    for form in ("text", "json"):
        with t.daemon(limits=limits, verbose=True, log={"format": form}) as daemon, daemon.connect() as client:
            client.reply()
            rejected = 0
            for content in LONG:
                client.send(content + b"\r\n")
                rejected += client.reply().code >= 400
            client.expect("QUIT", 221)
            daemon.wait_event("disconnect")
            daemon.wait_event("reject", count=rejected, code="5..", enhanced=r"5\..*", reply=".+", decided="protocol")
            t.equal(len(daemon.events("reject")), rejected, f"{form}: rejections")
            for event in daemon.events():
                t.check(len(event.line) <= 4096, f"{form}: {len(event.line)} bytes in {event.line[:200]}")
                t.check(event["event"] in OURS, event.line)
