"""SIGTERM and SIGINT: what is in hand is finished, 421 4.3.2 is said, what was acknowledged is stored."""

import signal

from harness import processes
from harness.load import Load, require_exactly_once
from harness.session import Closed
from harness.trial import test


def require_stopping(t, client):
    reply = client.reply()
    t.equal((reply.code, reply.enhanced), (421, "4.3.2"), "what an open session is told")
    t.check(client.is_closed(), "the connection is closed after it")


@test(covers="B-50")
def idle_sessions(t):
    for number in (signal.SIGTERM, signal.SIGINT):
        with t.daemon() as daemon:
            fresh, greeted, mail = daemon.connect(), daemon.greeted(), daemon.greeted()
            fresh.reply()
            mail.envelope("a@client.example", ["alice@example.org"])
            daemon.signal(number)
            for client in (fresh, greeted, mail):
                require_stopping(t, client)
            t.equal(daemon.process.wait(60), 0, "the exit status")
            t.equal(daemon.mail().all_files("new"), [], "messages")


@test(covers="B-50")
def during_data(t):
    """The message in hand is completed: 250, then 421."""
    with t.daemon() as daemon, daemon.greeted() as client:
        client.begin_data("a@client.example", ["alice@example.org"])
        client.send(b"Subject: in hand\r\n\r\nfirst half\r\n")
        daemon.signal(signal.SIGTERM)
        daemon.wait_event("stop")
        client.send(b"second half\r\n.\r\n")
        t.equal(client.reply().code, 250, "the reply to the message")
        require_stopping(t, client)
        t.equal(daemon.process.wait(60), 0, "the exit status")
        t.equal(daemon.mail().bodies("alice@example.org"),
                [b"Subject: in hand\n\nfirst half\nsecond half\n"], "the message")


@test(covers="B-50")
def deadline(t):
    """A message that is never ended is cut off at timeouts.stop; nothing of it is left."""
    with t.daemon(timeouts={"stop": 1}) as daemon, daemon.greeted() as client:
        client.begin_data("a@client.example", ["alice@example.org"])
        client.send(b"Subject: endless\r\n\r\n" + b"x\r\n" * 50000)
        daemon.signal(signal.SIGTERM)
        t.equal(client.reply().code, 421, "what the session is told")
        t.equal(daemon.process.wait(60), 0, "the exit status")
        t.equal(daemon.mail().all_files("new"), [], "messages")


@test(covers="B-50")
def second_signal(t):
    """A second SIGTERM does not wait any longer."""
    with t.daemon(timeouts={"stop": 3600}) as daemon, daemon.greeted() as client:
        client.begin_data("a@client.example", ["alice@example.org"])
        daemon.signal(signal.SIGTERM)
        daemon.wait_event("stop")
        t.check(daemon.process.poll() is None, "it waits for the message in hand")
        daemon.signal(signal.SIGTERM)
        t.equal(daemon.process.wait(60), 0, "the exit status")


@test(covers="B-50 A-13", timeout=120)
def under_load(t):
    """Everything that had its 250 is stored exactly once."""
    with t.daemon(limits={"sessions-per-address": 0}) as daemon:
        with Load(daemon, clients=20, messages=200) as load:
            processes.wait_until(lambda: load.count() > 200, 60, "200 messages")
            daemon.signal(signal.SIGTERM)
            t.equal(daemon.process.wait(60), 0, "the exit status")
        require_exactly_once(t, load)


@test(covers="B-50")
def new_connections(t):
    """After SIGTERM nobody new is served while an old session is finished."""
    with t.daemon() as daemon, daemon.greeted() as client:
        client.begin_data("a@client.example", ["alice@example.org"])
        daemon.signal(signal.SIGTERM)
        daemon.wait_event("stop")

        def is_refused():
            try:
                with daemon.connect() as other:
                    return other.reply().code == 421
            except (ConnectionError, Closed):
                return True
        processes.wait_until(is_refused, 20, "new connections are refused")
        client.send(b"x\r\n.\r\n")
        t.equal(client.reply().code, 250, "the reply")
        t.equal(daemon.process.wait(60), 0, "the exit status")
