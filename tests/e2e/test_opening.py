"""The beginning of a session: greetings that are held back, and clients that do not wait for them."""

import signal
import socket
import struct
import time

from harness.arrival import wait_for_arrival, workers_asleep
from harness.tls_client import make_certificate, secured
from harness.trial import test

# Longer than a test may take: what comes at all has not waited for it.
FOREVER = "60"
# The worker's clock, which ticks coarsely, may be so much ahead.
COARSE = 0.1
EARLY = (b"EHLO client.example\r\n", b"E", b"\r\n", b"\0", b"QUIT\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01",
         b"PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n", b"x" * 100000)
MESSAGE = (b"EHLO client.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n"
           b"early\r\n.\r\nQUIT\r\n")


def early(daemon, content):
    """A connection whose first bytes lie there before anybody has accepted it."""
    with workers_asleep(daemon):
        client = daemon.connect()
        client.send(content)
        wait_for_arrival(client)
    return client


def require_refused(t, client):
    reply = client.reply()
    t.equal((reply.code, reply.enhanced, "before the greeting" in reply.text), (554, "5.5.1", True), "the reply")
    t.check(reply.session, f"the id of the session in {reply}")
    t.check(client.is_closed(), "it is closed")
    client.close()


def require_logged(t, daemon, count):
    """Each of them in two lines, as an early talker and as nothing else, and no command was looked at."""
    daemon.wait_event("reject", count=count, code="554", decided="early-talkers", command=None)
    daemon.wait_event("disconnect", count=count, reason="early-talker", commands="0", rejected="1")
    t.equal(len(daemon.events("command")), 0, "commands looked at")
    t.equal(len(daemon.events("reject")), count, "rejections")


@test(covers="B-47 security.md:early-talkers")
def refused_without_delay(t):
    """What lies there when the session begins came too early; who waits is served."""
    with t.daemon(listener={"early-talkers": "refuse"}, verbose=True) as daemon:
        for content in EARLY[:-1]:
            require_refused(t, early(daemon, content))
        require_logged(t, daemon, len(EARLY) - 1)
        daemon.send()


@test(covers="B-47 security.md:early-talkers")
def refused_during_delay(t):
    """At once, not when the delay is over, however much it is and whatever else comes."""
    held = {"held": {"early-talkers": "refuse", "greeting-delay": FOREVER}}
    with t.daemon(other_listeners=held, verbose=True) as daemon:
        for content in EARLY:
            with daemon.connect(to="held") as client:
                try:
                    client.send(content)
                except ConnectionError:
                    pass  # it was answered after the first bytes
                require_refused(t, client)
        require_logged(t, daemon, len(EARLY))


@test(covers="B-47")
def delay_is_observed(t):
    """The greeting does not come before its time, and who has waited is served; under each rule, and
    whatever comes meanwhile where it is tolerated."""
    listeners = {"tolerant": {"early-talkers": "tolerate", "greeting-delay": "1s"}, "lmtp": {
        "protocol": "lmtp", "early-talkers": "refuse", "greeting-delay": "1s"}}
    with t.daemon(listener={"early-talkers": "refuse", "greeting-delay": "1s"}, other_listeners=listeners) as daemon:
        for title in ("smtp", "tolerant", "lmtp"):
            before = time.monotonic()
            with daemon.greeted(to=title) as client:
                t.check(time.monotonic() - before > 1 - COARSE, f"the greeting came after {time.monotonic() - before} s")
                t.equal(client.deliver("a@client.example", ["alice@example.org"], b"x\n").code, 250, "the message")
        for content in (MESSAGE, MESSAGE[:1]):
            before = time.monotonic()
            with daemon.connect(to="tolerant") as client:
                client.send(content)
                t.equal(client.reply().code, 220, "the first reply")
                t.check(time.monotonic() - before > 1 - COARSE, f"the greeting came after {time.monotonic() - before} s")
                client.send(MESSAGE[len(content):])
                t.equal([client.reply().code for _ in range(6)], [250, 250, 250, 354, 250, 221], "the replies")
        t.equal(len(daemon.mail().files("alice@example.org")), 5, "messages")


@test(covers="B-47")
def tolerated_without_delay(t):
    """A whole session that lies there before anybody has accepted the connection."""
    with t.daemon() as daemon:
        client = early(daemon, MESSAGE)
        t.equal([client.reply().code for _ in range(7)], [220, 250, 250, 250, 354, 250, 221], "the replies")
        t.check(client.is_closed(), "it is closed")
        t.equal(daemon.mail().bodies("alice@example.org"), [b"early\n"], "messages")


def reset(client):
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@test(covers="B-47 B-45")
def client_leaves_during_delay(t):
    """Who goes away, in whatever way, has not talked; the session ends there and then."""
    listeners = {rule: {"early-talkers": rule, "greeting-delay": FOREVER} for rule in ("refuse", "tolerate")}
    with t.daemon(other_listeners=listeners) as daemon:
        for title in listeners:
            for leave in (lambda client: client.close(), lambda client: client.socket.shutdown(socket.SHUT_WR), reset):
                before = len(daemon.events("connect"))
                client = daemon.connect(to=title)
                daemon.wait_event("connect", count=before + 1)
                leave(client)
                daemon.wait_event("disconnect", count=before + 1)
                client.close()
        t.equal([line.line for line in daemon.events("reject")], [], "rejections")
        t.equal(sorted(line["reason"] for line in daemon.events("disconnect")),
                ["client closed"] * 4 + ["connection reset by peer"] * 2, "reasons")


@test(covers="B-47 B-50")
def stop_during_delay(t):
    """SIGTERM: who still waits for a greeting hears 421, and the daemon does not wait for the delay."""
    daemon = t.prepare(listener={"early-talkers": "refuse", "greeting-delay": FOREVER})
    daemon.start()
    with daemon.connect() as client:
        daemon.wait_event("connect")
        daemon.signal(signal.SIGTERM)
        reply = client.reply()
        t.equal((reply.code, reply.enhanced), (421, "4.3.2"), "the reply")
        t.check(client.is_closed(), "it is closed")
    t.equal(daemon.process.wait(30), 0, "the exit status")
    daemon.require_clean_log()


@test(covers="B-47 C-25 security.md:early-talkers")
def early_behind_a_proxy(t):
    """The PROXY header is no talk; what stands behind it in the same segment is."""
    header = b"PROXY TCP4 192.0.2.7 192.0.2.8 1025 25\r\n"
    listeners = {"behind": {"early-talkers": "refuse", "proxy": ["127.0.0.0/8"]}}
    with t.daemon(other_listeners=listeners) as daemon:
        with daemon.connect(to="behind") as client:
            client.send(header + b"EHLO client.example\r\n")
            require_refused(t, client)
        daemon.wait_event("reject", code="554", decided="early-talkers", client="192.0.2.7")
        with daemon.connect(to="behind") as client:
            client.send(header)
            client.greet().expect("QUIT", 221)


# ---- under TLS


@test(covers="B-47 C-17 security.md:early-talkers")
def early_under_tls(t):
    """The same behind a handshake; a client that takes its leave in TLS's own way has not talked."""
    listeners = {"smtps": {"early-talkers": "refuse", "greeting-delay": FOREVER, "tls": "implicit"}}
    with t.daemon(other_listeners=listeners, tls=make_certificate(t)) as daemon:
        with secured(daemon.connect(to="smtps")) as client:
            client.send(b"EHLO client.example\r\n")
            require_refused(t, client)
        daemon.wait_event("reject", code="554", decided="early-talkers")
        with secured(daemon.connect(to="smtps")) as client:
            daemon.wait_event("tls", count=2)
            client.socket.take_leave()
            daemon.wait_event("disconnect", count=2, reason=".+")
        t.equal(len(daemon.events("reject")), 1, "rejections")
