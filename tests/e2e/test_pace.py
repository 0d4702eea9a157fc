"""Clients that are silent or slow, and those that are just fast enough.

A time-out of the server is waited for, never measured.  Where a client must keep up a pace it watches
itself: when the machine has held it up it begins anew.
"""

import contextlib
import select
import time

from harness.trial import test

ENVELOPE = b"MAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.org>\r\n"
CHUNK = b"BDAT 1\r\nx"
# Time-outs of the server in these tests, and what a client may be held up at most for its try to count.
SECONDS, HELD_UP = 2, 0.5
TRIES = 20


def has_reply(clients, seconds):
    return bool(select.select([client.socket for client in clients], [], [], seconds)[0])


def require_closed(t, client, text, what):
    """Behind the replies to what was sent before."""
    reply = client.reply()
    while reply.code != 421:
        reply = client.reply()
    t.equal((reply.code, reply.enhanced, text in reply.text), (421, "4.4.2", True), f"{what}: {reply}")
    t.check(reply.session, f"the id of the session in {reply}")
    t.check(client.is_closed(), f"{what}: it is closed")
    client.close()


class HeldUp(Exception):
    """The machine was too busy for this to mean anything."""


class Pace:
    """Sends the same bytes again and again, with a pause behind each, until a reply comes or the time is over."""

    def __init__(self, content, pause, *clients):
        self.content, self.pause, self.clients = content, pause, clients
        self.sent = 0

    def keep(self, seconds):
        """True when one of them has a reply."""
        begun = last = time.monotonic()
        while time.monotonic() < begun + seconds:
            if has_reply(self.clients, self.pause):
                return True
            for client in self.clients:
                client.send(self.content)
            self.sent += len(self.content)
            now = time.monotonic()
            if now - last > HELD_UP:
                raise HeldUp
            last = now
        return False


def until_it_counts(t, attempt):
    for _ in range(TRIES):
        with contextlib.suppress(HeldUp):
            attempt()
            return
    t.skip("the machine is too busy")


def in_message(daemon, by_data=True, octets=None):
    """In a transaction, and behind DATA, behind BDAT for so many octets, or before the first chunk."""
    client = daemon.greeted()
    client.envelope("a@client.example", ["alice@example.org"])
    if by_data:
        client.expect("DATA", 354)
    elif octets is not None:
        client.send(b"BDAT %d LAST\r\n" % octets)
    return client


def send_and_read(client, content, replies):
    """So many replies, or those up to one that is not 250; the code of the last one."""
    client.send(content)
    code = 250
    while replies and code == 250:
        code, replies = client.reply().code, replies - 1
    return code


# ---- silence

SILENT = {
    "timeouts.command": (b"", b"EHL", b"NOOP\r", b"EHLO client.example\r\n", b"EHLO client.example\r\n" + ENVELOPE,
                         b"EHLO client.example\r\n" + ENVELOPE + b"DATA\r\nx\r\n.\r\n", b"NONSENSE\r\n", b"x" * 3000),
    "timeouts.data": (b"EHLO client.example\r\n" + ENVELOPE + b"DATA\r\n",
                      b"EHLO client.example\r\n" + ENVELOPE + b"DATA\r\nSubject: x",
                      b"EHLO client.example\r\n" + ENVELOPE + b"DATA\r\nSubject: x\r\n.",
                      b"EHLO client.example\r\n" + ENVELOPE + b"BDAT 100 LAST\r\nx",
                      b"EHLO client.example\r\n" + ENVELOPE + b"BDAT 1\r\nx", b"BDAT 100\r\nx"),
}


@test(covers="B-49 C-28 B-45", timeout=60)
def silent(t):
    """In each phase: 421 with its reason, and the log names limit and value."""
    with t.daemon(timeouts={"command": SECONDS, "data": SECONDS}) as daemon:
        clients = [(daemon.connect(), limit, content) for limit, contents in SILENT.items() for content in contents]
        for client, _, content in clients:
            client.send(content)
        for client, limit, content in clients:
            require_closed(t, client, "Nothing heard", f"{content!r} ({limit})")
        for limit, contents in SILENT.items():
            daemon.wait_event("reject", count=len(contents), code="421", limit=limit, value=str(SECONDS), decided=limit)
        daemon.wait_event("disconnect", count=len(clients), reason="idle-too-long")
        t.equal(daemon.mail().bodies("alice@example.org"), [b"x\n"], "messages")


@test(covers="B-49 C-28 security.md:slowloris", timeout=90)
def slow_commands(t):
    """A command byte by byte: the time is that of the whole line, and no byte of it makes it begin anew."""
    with t.daemon(timeouts={"command": SECONDS}, limits={"errors": 0}) as daemon:
        for first, content in ((b"NOOP ", b"x"), (b"", b" "), (b"x" * 3000, b"x"), (b"NOOP\n", b"x")):
            client = daemon.greeted()
            client.send(first)
            if len(first) > 5 or first.endswith(b"\n"):
                t.equal(client.reply().code, 500, "the fault")
            while not has_reply([client], 0.1):
                client.send(content)
            require_closed(t, client, "Nothing heard", f"{content!r} behind {first[:10]!r}")
        daemon.wait_event("reject", count=4, limit="timeouts.command", value=str(SECONDS))


@test(covers="B-49 C-28", timeout=120)
def commands_in_time(t):
    """Each command begins the time anew: a session may take much longer than one."""
    with t.daemon(timeouts={"command": SECONDS}) as daemon:
        def attempt():
            with daemon.greeted() as client:
                begun = time.monotonic()
                while time.monotonic() < begun + 2 * SECONDS:
                    before = time.monotonic()
                    client.send(b"NOOP\r\n")
                    time.sleep(0.3)
                    if time.monotonic() - before > 2 * HELD_UP:
                        raise HeldUp
                    t.equal(client.reply().code, 250, "the reply to NOOP")
        until_it_counts(t, attempt)


# ---- slowness


@test(covers="B-49 C-28 security.md:slowloris", timeout=120)
def too_slow(t):
    """A message that trickles in is ended: by DATA, in one chunk, and in many."""
    with t.daemon(timeouts={"data": SECONDS}, limits={"data-rate": 1000}) as daemon:
        for by_data in (True, False):
            def attempt(by_data=by_data):
                client = in_message(daemon, by_data, 10 ** 9)
                Pace(b"x\r\n", 0.05, client).keep(30)
                require_closed(t, client, "too slowly", f"by {'DATA' if by_data else 'BDAT'}")
            until_it_counts(t, attempt)
        daemon.wait_event("reject", count=2, code="421", limit="limits.data-rate", value="1000", decided="limits")
        daemon.wait_event("disconnect", count=2, reason="too-slow")
        t.equal(daemon.mail().all_files("new"), [], "messages")


@test(covers="B-49 C-28 security.md:slowloris", timeout=120)
def too_slow_in_chunks(t):
    """A chunk for each byte, and commands between them, are no way around it."""
    with t.daemon(timeouts={"data": SECONDS}, limits={"data-rate": 1000, "idle-commands": 0}) as daemon:
        for content, replies in ((CHUNK, 1), (CHUNK + b"NOOP\r\n", 2)):
            def attempt(content=content, replies=replies):
                client, last = in_message(daemon, False), time.monotonic()
                while send_and_read(client, content, replies) == 250:
                    time.sleep(0.02)
                    if time.monotonic() - last > HELD_UP:
                        raise HeldUp
                    last = time.monotonic()
                t.check(client.is_closed(), "it is closed")
            until_it_counts(t, attempt)
        daemon.wait_event("reject", count=2, code="421", limit="limits.data-rate", value="1000")


@test(covers="B-49 C-28", timeout=120)
def fast_enough(t):
    """A little above the rate, for longer than several time-outs, is served; and a rate of 0 asks for one
    byte in the whole time."""
    octets = 10 ** 6
    for rate, content in ((40, b"12345678901234567890\r\n"), (0, b"x")):
        with t.daemon(timeouts={"data": SECONDS}, limits={"data-rate": rate}) as daemon:
            def attempt(daemon=daemon, content=content):
                by_data, by_chunk = in_message(daemon), in_message(daemon, False, octets)
                pace = Pace(content, 0.2, by_data, by_chunk)
                t.check(not pace.keep(2.5 * SECONDS), "it was ended")
                by_data.send(b"\r\n.\r\n")
                rest = octets - pace.sent
                by_chunk.send(b"\r\n" * (rest // 2) + b"x" * (rest % 2))
                for client in (by_data, by_chunk):
                    t.equal(client.reply().code, 250, "the reply")
                    client.close()
            until_it_counts(t, attempt)
            t.equal(len(daemon.mail().all_files("new")), 2, "messages")


@test(covers="B-49 C-28", timeout=120)
def refused_and_fast(t):
    """A message that is refused, or belongs to no transaction, is read to its end at the same pace."""
    octets = 10 ** 6
    with t.daemon(timeouts={"data": SECONDS}, limits={"data-rate": 1000, "message-size": 2048}) as daemon:
        def attempt():
            chunk, data = daemon.greeted(), in_message(daemon)
            chunk.send(b"BDAT %d LAST\r\n" % octets)
            codes = [chunk.reply().code] if has_reply([chunk], HELD_UP) else []
            pace = Pace(b"x" * 998 + b"\r\n", 0.1, chunk, data)
            t.check(not pace.keep(2.5 * SECONDS), "one was ended")
            data.send(b"\r\n.\r\n")
            t.equal(data.reply().code, 552, "the reply to the message")
            chunk.send(b"x" * (octets - pace.sent) + b"NOOP\r\n")
            codes += [chunk.reply().code for _ in range(2 - len(codes))]
            t.equal(codes, [503, 250], "the replies to the chunk and to NOOP")
            data.expect("NOOP", 250)
            chunk.close()
            data.close()
        until_it_counts(t, attempt)


@test(covers="B-49 C-28 security.md:slowloris", timeout=90)
def others_meanwhile(t):
    """Many that trickle, of each kind, hold nobody up who does not."""
    with t.daemon(timeouts={"data": SECONDS, "command": SECONDS}, limits={"data-rate": 1000, "sessions-per-address": 0},
                  workers={"count": 1}) as daemon:
        slow = [in_message(daemon) for _ in range(50)] + [daemon.greeted() for _ in range(50)]
        for number in range(20):
            for client in slow:
                try:
                    client.send(b"x")
                except ConnectionError:
                    pass  # its time was over
            daemon.send(["bob@example.org"], body=b"message %d\n" % number)
        for client in slow:
            client.close()
        t.equal(len(daemon.mail().files("bob@example.org")), 20, "messages")
