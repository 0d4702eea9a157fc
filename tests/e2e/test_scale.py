"""Many sessions, many mailboxes, many messages."""

import os
import signal
import threading

from harness import peers, processes
from harness.load import Load, require_exactly_once
from harness.trial import test


@test(covers="B-05 A-13", timeout=120)
def concurrent_sessions(t):
    """200 sessions at once, each with a message in hand."""
    with t.daemon(limits={"sessions-per-address": 0}) as daemon:
        clients = [daemon.greeted() for _ in range(200)]
        for number, client in enumerate(clients):
            client.begin_data(f"s{number}@client.example", ["alice@example.org"])
        for number, client in enumerate(clients):
            client.send(b"Subject: %d\r\n\r\nfirst half\r\n" % number)
        for client in reversed(clients):
            client.send(b"second half\r\n.\r\n")
        for client in clients:
            t.equal(client.reply().code, 250, "the reply")
            client.expect("QUIT", 221)
            client.close()
        bodies = daemon.mail().bodies("alice@example.org")
        wanted = [b"Subject: %d\n\nfirst half\nsecond half\n" % number for number in range(200)]
        t.equal(sorted(bodies), sorted(wanted), "the messages")


@test(covers="B-05", timeout=120)
def burst_of_connections(t):
    """500 connections in one burst are all greeted."""
    with t.daemon(limits={"sessions-per-address": 0}) as daemon:
        clients = [daemon.connect() for _ in range(500)]
        t.equal({client.reply().code for client in clients}, {220}, "the greetings")
        for client in clients:
            client.close()
        daemon.wait_event("disconnect", count=500)


@test(covers="A-03 B-05 A-05", timeout=240)
def hundred_thousand_mailboxes(t):
    """Mail flows while 100,000 mailboxes are listed; workers have no memory of their own for them."""
    names = [f"user{number}" for number in range(100000)]
    with t.daemon(mailboxes=names, domains=["example.org"], workers={"count": 2},
                  delivery={"create-mailboxes": "never"}) as daemon:
        with daemon.greeted() as client:
            client.expect("MAIL FROM:<a@client.example>", 250)
            for name in ("user0", "user99999", "USER50000", "user77777+tag"):
                client.expect(f"RCPT TO:<{name}@example.org>", 250)
            client.expect("RCPT TO:<user100000@example.org>", 550)
        if not t.is_sanitized:
            for pid in daemon.workers():
                own = int(processes.status(pid)["RssAnon"].split()[0])
                t.check(own < 4096, f"worker {pid} has {own} KiB of its own")


@test(covers="A-01 A-05", timeout=240)
def mailboxes_are_made_meanwhile(t):
    """Many missing mailboxes at the start do not keep mail waiting."""
    count = 20000 if t.is_long else 2000
    names = [f"user{number}" for number in range(count)]
    with t.daemon(mailboxes=names, domains=["example.org"]) as daemon:
        daemon.send([f"user{count - 1}@example.org"])
        made = len(daemon.events("mailbox"))
        t.check(made < count, f"{made} mailboxes were made before the first message")
        t.equal(len(daemon.mail().files(f"user{count - 1}@example.org")), 1, "messages")
        folder = os.path.join(daemon.mail_root, "example.org")
        processes.wait_until(lambda: len(os.listdir(folder)) >= count, 200, "all mailboxes")


@test(covers="B-05 A-13 A-18", timeout=1200, long=True)
def twenty_thousand_exactly_once(t):
    """20,000 messages of smtp-source -s 100; then again with workers and delivery killed meanwhile."""
    with t.daemon(limits={"sessions-per-address": 0}) as daemon:
        status, output = peers.smtp_source(t, daemon, 100, 20000, 4096, timeout=1000)
        t.equal((status, output), (0, ""), "smtp-source")
        t.equal(len(daemon.mail().files("alice@example.org")), 20000, "messages")
        ids = [event["message"] for event in daemon.events("delivery")]
        t.equal((len(ids), len(set(ids))), (20000, 20000), "delivery lines and message ids")


@test(covers="B-05 A-13 A-18", timeout=1800, long=True)
def twenty_thousand_with_kills(t):
    """Load of our own, that knows what had its 250, beside smtp-source, while processes are killed."""
    with t.daemon(limits={"sessions-per-address": 0}) as daemon:
        daemon.deaths_allowed = True
        outcome = []

        def run_peer():
            outcome.append(peers.smtp_source(t, daemon, 50, 10000, 4096, "-d", "-t", "bob@example.org", timeout=1500))
        peer = threading.Thread(target=run_peer, daemon=True)
        peer.start()
        kills, step = 0, 700
        with Load(daemon, clients=50, messages=200, name="long") as load:
            while load.is_running():
                processes.wait_until(lambda: load.count() >= step * (kills + 1) or not load.is_running(), 600, "mail")
                victims = daemon.workers() + [pid for pid in [daemon.delivery()] if pid]
                if victims and load.is_running():
                    os.kill(victims[kills % len(victims)], signal.SIGKILL)
                    kills += 1
            load.wait()
        peer.join()
        t.check(load.count() > 5000, f"only {load.count()} were acknowledged")
        t.check(kills >= 5, f"only {kills} were killed")
        require_exactly_once(t, load)
        ids = [event["message"] for event in daemon.events("delivery", mailbox="bob@example.org", duplicate=None)]
        t.equal(len(ids), len(set(ids)), "each message id once")
        names = [name.split(",")[0] for name in map(os.path.basename, daemon.mail().files("bob@example.org"))]
        t.equal(len(names), len(set(names)), "each file once")
