"""Limits and time-outs: 421 and no crash; others are served all the while."""

import resource

from harness import processes
from harness.session import Closed, Session
from harness.trial import test


def refused(t, daemon, enhanced, **options):
    with daemon.connect(**options) as client:
        reply = client.reply()
        t.equal((reply.code, reply.enhanced), (421, enhanced), "what a superfluous session is told")
        t.check(client.is_closed(), "it is closed")


@test(covers="B-49")
def sessions_per_address(t):
    """Counted over all workers; other addresses are served; a session that ends makes room."""
    with t.daemon(workers={"count": 2}, limits={"sessions-per-address": 4}) as daemon:
        held = [daemon.greeted() for _ in range(4)]
        for _ in range(6):
            refused(t, daemon, "4.7.0")
        line = daemon.wait_event("refuse", count=6, limit=r"(limits\.)?sessions-per-address", value="4", code="421")
        t.check(line["client"].startswith("127."), line.line)
        with Session(daemon.address, daemon.port, source=daemon.address) as other:
            other.greet().expect("QUIT", 221)
        held.pop().close()

        def is_served():
            with daemon.connect() as client:
                return client.reply().code == 220
        processes.wait_until(is_served, 30, "room for another one")
        for client in held:
            client.expect("QUIT", 221)
            client.close()
        processes.wait_until(is_served, 30, "room again")


@test(covers="B-49")
def sessions_in_all(t):
    """workers.sessions for each worker; beyond that 421 4.3.2, and none of those inside is hurt."""
    with t.daemon(workers={"count": 2, "sessions": 3}, limits={"sessions-per-address": 0}) as daemon:
        held = [daemon.greeted() for _ in range(6)]
        for _ in range(4):
            refused(t, daemon, "4.3.2")
        for client in held:
            t.equal(client.deliver("a@client.example", ["alice@example.org"], b"x\n").code, 250, "the reply")
            client.close()
        t.equal(len(daemon.mail().files("alice@example.org")), 6, "messages")

        def is_served():
            with daemon.connect() as client:
                return client.reply().code == 220
        processes.wait_until(is_served, 30, "room again")


@test(covers="B-49 A-18", plain=True)
def descriptors_run_short(t):
    """With few descriptors the superfluous sessions are refused or wait, nothing dies, and it recovers."""
    few = 64

    def lower():
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, few))

    daemon = t.prepare(workers={"count": 1, "sessions": 1000}, limits={"sessions-per-address": 0})
    daemon.start(preexec_fn=lower)
    held = []
    for _ in range(3 * few):
        client = daemon.connect(patience=5)
        try:
            if client.reply().code != 220:
                client.close()
                break
        except (Closed, TimeoutError):
            client.close()
            break
        held.append(client)
    t.check(5 < len(held) < few, f"{len(held)} sessions with {few} descriptors")
    client = held[0]
    t.equal(client.expect("EHLO client.example", 250).code, 250, "an old session")
    t.check(client.deliver("a@client.example", ["alice@example.org"], b"x\n").code in (250, 451, 452), "mail")
    for one in held:
        one.close()

    def is_served():
        with daemon.connect() as new:
            return new.reply().code == 220
    processes.wait_until(is_served, 30, "it serves again")
    daemon.send()
    daemon.finish()


@test(covers="B-49", timeout=60)
def time_out_of_commands(t):
    with t.daemon(timeouts={"command": 1}) as daemon:
        silent, greeted = daemon.connect(), daemon.greeted()
        silent.reply()
        for client in (silent, greeted):
            reply = client.reply()
            t.equal((reply.code, reply.enhanced), (421, "4.4.2"), "what a silent session is told")
            t.check(client.is_closed(), "it is closed")
        daemon.wait_event("disconnect", count=2, reason=".+")


@test(covers="B-49", timeout=60)
def time_out_of_data(t):
    """The time for the data runs anew with each piece; a silent client is cut off, and leaves nothing."""
    with t.daemon(timeouts={"data": 1, "command": 60}) as daemon:
        silent = daemon.greeted()
        silent.begin_data("a@client.example", ["alice@example.org"])
        silent.send(b"Subject: never ended\r\n")
        reply = silent.reply()
        t.equal((reply.code, reply.enhanced), (421, "4.4.2"), "what a silent session is told")
        t.equal(daemon.mail().all_files("new"), [], "messages")


@test(covers="B-49 B-05")
def client_that_does_not_read(t):
    """Commands without end from a client that takes no replies: its memory is bounded, others are served."""
    with t.daemon(workers={"count": 1}, timeouts={"write": 2}) as daemon:
        (worker,) = daemon.workers()
        with daemon.connect() as deaf:
            deaf.socket.settimeout(1)
            try:
                for _ in range(4000):
                    deaf.send(b"HELP\r\n" * 2000)
            except (TimeoutError, ConnectionError):
                pass
            daemon.send()
            if not t.is_sanitized:
                memory = int(processes.status(worker)["VmHWM"].split()[0])
                t.check(memory < 32 * 1024, f"the worker has {memory} KiB")
            daemon.wait_event("disconnect", count=2)
        t.equal(daemon.workers(), [worker], "the worker")


@test(covers="B-49 A-18", timeout=60)
def memory_runs_short(t):
    """Little memory: what does not fit is put off by name, nothing dies, and it serves again afterwards."""
    if t.is_sanitized:
        t.skip("not with sanitizers")
    with t.daemon(workers={"count": 1}) as first:
        first.send()
        pids = [first.delivery()] + first.workers()
        used = max(int(processes.status(pid)["VmPeak"].split()[0]) for pid in pids) * 1024

    def lower():
        resource.setrlimit(resource.RLIMIT_AS, (used + (2 << 20), used + (2 << 20)))

    daemon = t.prepare(workers={"count": 1}, limits={"sessions-per-address": 0})
    daemon.start(preexec_fn=lower)
    before = daemon.workers()
    clients, codes = [], set()
    for _ in range(200):
        client = daemon.connect()
        codes.add(client.reply().code)
        client.send(b"EHLO client.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.org>\r\n"
                    b"DATA\r\n" + (b"y" * 70 + b"\r\n") * 800)
        clients.append(client)
    t.check(codes <= {220, 421}, f"the greetings {codes}")
    processes.wait_until(lambda: daemon.events("short") or daemon.events("refuse", limit="memory")
                         or daemon.events("reject", code="452", decided="memory"), 20, "what was short is named")
    for client in clients:
        client.close()
    processes.wait_until(lambda: len(daemon.events("disconnect")) + len(daemon.events("refuse")) >= 200, 20, "ends")
    daemon.send()
    t.equal(daemon.workers(), before, "the worker")
    daemon.finish()


@test(covers="B-49")
def endless_command_line(t):
    """A line without end takes no memory, and ends the session."""
    with t.daemon(workers={"count": 1}) as daemon, daemon.connect() as client:
        (worker,) = daemon.workers()
        before = int(processes.status(worker)["VmHWM"].split()[0])
        client.reply()
        try:
            for _ in range(160):
                client.send(b"x" * 65536)
        except ConnectionError:
            pass
        reply = client.reply()
        t.equal((reply.code, reply.enhanced), (500, "5.5.2"), "the reply")
        t.equal(client.reply().code, 421, "the last reply")
        t.check(client.is_closed(), "it is closed")
        if not t.is_sanitized:
            grown = int(processes.status(worker)["VmHWM"].split()[0]) - before
            t.check(grown < 1024, f"the worker grew by {grown} KiB")


@test(covers="B-49")
def many_recipients(t):
    """1,000 recipients of one message (RFC 5321 4.5.3.1.8 wants 100 at least), one copy each."""
    names = [f"user{number}" for number in range(1000)]
    with t.daemon(mailboxes=names, domains=["example.org"]) as daemon, daemon.greeted() as client:
        client.send(b"MAIL FROM:<a@client.example>\r\n")
        client.send(b"".join(b"RCPT TO:<%s@example.org>\r\n" % name.encode() for name in names))
        client.send(b"RCPT TO:<postmaster>\r\nDATA\r\n")
        codes = [client.reply().code for _ in range(1003)]
        t.equal((codes[0], set(codes[1:1001]), codes[1001:]), (250, {250}, [452, 354]), "the replies")
        client.send(b"x\r\n.\r\n")
        t.equal(client.reply().code, 250, "the reply to the message")
        t.equal(sorted(len(daemon.mail().files(f"{name}@example.org")) for name in names), [1] * 1000, "copies")
