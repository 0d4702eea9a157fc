"""Big messages, many messages, many sessions under TLS, and the memory they take."""

import random
import resource

from harness import certificates, processes, tls
from harness.session import Closed, wire
from harness.trial import test

MIB = 1 << 20
# design.md: an idle session under TLS has less than that.
IDLE_KIB = 40


def big_body(size, seed):
    """Lines of all lengths, with dots and 8-bit bytes where they matter."""
    chance = random.Random(seed)
    line = bytes(chance.choice(b"abcdefghij.\x80\xff \t") for _ in range(998))
    made = [b"Subject: big\n\n"]
    length = 0
    while length < size:
        part = b"." * chance.randrange(3) + line[chance.randrange(900):][:chance.randrange(1, 996)] + b"\n"
        made.append(part)
        length += len(part)
    return b"".join(made)


@test(covers="A-15 B-06", timeout=240)
def big_messages(t):
    """Byte by byte what was sent, by DATA and by BDAT, under TLS 1.2 and 1.3."""
    sizes = (5 * MIB, 45 * MIB) if t.is_long else (5 * MIB, 11 * MIB)
    with t.daemon(**tls.served(t)) as daemon:
        for number, (version, size) in enumerate(((tls.V12, sizes[0]), (tls.V13, sizes[0]), (tls.V13, sizes[1]))):
            body = big_body(size, number)
            with daemon.secured(tls.client_context(version, version)) as client:
                t.equal(client.deliver("a@client.example", ["alice@example.org"], body).code, 250, "the message by DATA")
                content = body.replace(b"\n", b"\r\n")
                client.envelope("a@client.example", ["bob@example.org"])
                for place in range(0, len(content), MIB - 7):
                    piece = content[place:place + MIB - 7]
                    last = b" LAST" if place + len(piece) == len(content) else b""
                    client.send(b"BDAT %d%s\r\n%s" % (len(piece), last, piece))
                    t.equal(client.reply().code, 250, "the reply to a chunk")
            for mailbox in ("alice@example.org", "bob@example.org"):
                t.check(daemon.mail().bodies(mailbox) == [body], f"{mailbox} has what was sent")
            daemon.mail().empty()


def pipelined(count):
    """So many messages in one piece, for PIPELINING and CHUNKING."""
    return b"".join(b"MAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.org>\r\nBDAT %d LAST\r\n%s" % (len(text), text)
                    for text in (b"Subject: %d\r\n" % number for number in range(count)))


def require_pipelined(t, daemon, client, count):
    replies = [client.reply() for _ in range(3 * count)]
    t.equal({reply.code for reply in replies}, {250}, "the replies")
    wanted = sorted(b"Subject: %d\n" % number for number in range(count))
    t.equal(sorted(daemon.mail().bodies("alice@example.org")), wanted, "the messages")
    daemon.mail().empty()


@test(covers="A-13 B-06", timeout=120)
def many_messages_in_a_record(t):
    """150 messages in one record; 20 messages with a record for each byte; and one record of 16 KiB after another."""
    with t.daemon(**tls.served(t)) as daemon, daemon.secured() as client:
        content = pipelined(150)
        t.check(len(content) <= 16384, f"{len(content)} bytes fit into one record")
        client.send(content)
        require_pipelined(t, daemon, client, 150)
        for byte in pipelined(20):
            client.send(bytes([byte]))
        require_pipelined(t, daemon, client, 20)
        client.send(pipelined(700))
        require_pipelined(t, daemon, client, 700)


@test(covers="B-05 A-13", timeout=120)
def concurrent_sessions(t):
    """200 sessions at once, half of them with TLS from the beginning, each with a message in hand."""
    with t.daemon(**tls.served(t), limits={"sessions-per-address": 0}) as daemon:
        clients = [daemon.connect_implicit().secure().greet() if number % 2 else daemon.secured() for number in range(200)]
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
        wanted = [b"Subject: %d\n\nfirst half\nsecond half\n" % number for number in range(200)]
        t.equal(sorted(daemon.mail().bodies("alice@example.org")), sorted(wanted), "the messages")


@test(covers="B-05", timeout=120)
def burst_of_handshakes(t):
    """400 clients that all begin their handshake before any goes on with it."""
    with t.daemon(**tls.served(t), limits={"sessions-per-address": 0}) as daemon:
        waiting = []
        for _ in range(400):
            client, machine = daemon.connect_implicit(), tls.Machine()
            client.send(machine.hello())
            waiting.append((client, machine))
        for client, machine in waiting:
            while not (said := machine.shake(client.socket.recv(65536))):
                pass
            client.send(said + machine.seal(b"EHLO client.example\r\nQUIT\r\n"))
        for client, machine in waiting:
            plain = b""
            while got := client.socket.recv(65536):
                plain += machine.open(got)
            t.check(plain.startswith(b"220 ") and b"\r\n221 " in plain, f"a session: {plain!r}")
            client.close()
        daemon.wait_event("disconnect", count=400, reason="quit")


@test(covers="B-49 B-05", timeout=120)
def client_that_does_not_read(t):
    """Commands without end under TLS from a client that takes no replies: the worker's memory is bounded."""
    options = {"workers": {"count": 1}, "timeouts": {"write": 2}, "limits": {"idle-commands": 0}}
    with t.daemon(**tls.served(t, **options)) as daemon:
        (worker,) = daemon.workers()
        deaf = [daemon.secured() for _ in range(5)]
        before = memory(worker)
        for client in deaf:
            client.socket.settimeout(1)
            try:
                for _ in range(4000):
                    client.send(b"HELP\r\n" * 2000)
            except (TimeoutError, ConnectionError):
                pass
        daemon.send()
        grown = memory(worker) - before
        if not t.is_sanitized:
            # For each of them: one read, replies up to the bound, and what OpenSSL holds of two records.
            t.check(grown < 5 * 200, f"the worker has grown by {grown} KiB")
        daemon.wait_event("disconnect", count=6, reason="(quit|timeout: the client takes no replies)")
        t.equal(daemon.workers(), [worker], "the worker")
        for client in deaf:
            client.close()


@test(covers="B-49 B-05", timeout=120)
def body_that_waits(t):
    """A big message while nothing is stored: what comes under TLS waits in the socket, not in the worker."""
    with t.daemon(**tls.served(t, workers={"count": 1})) as daemon:
        (worker,) = daemon.workers()
        clients = [daemon.secured() for _ in range(20)]
        before = memory(worker)
        for client in clients:
            client.begin_data("a@client.example", ["alice@example.org"])
            client.send(wire(b"x" * 70 + b"\n") * 30000)
        processes.falls_asleep(worker)
        grown = memory(worker) - before
        if not t.is_sanitized:
            t.check(grown < 20 * 200, f"the worker has grown by {grown} KiB")
        for client in clients:
            client.send(b".\r\n")
            t.equal(client.reply().code, 250, "the message")
            client.close()


# ---- memory


def memory(pid):
    """KiB that are the process's own, not shared with others, and resident."""
    return int(processes.status(pid)["RssAnon"].split()[0])


def idle_memory(t, count):
    """KiB for each of so many idle sessions under TLS."""
    options = {"workers": {"count": 1, "sessions": count + 100}, "limits": {"sessions-per-address": 0}}
    pair = certificates.make(t.path("mx"), kind="rsa")
    with t.daemon(**tls.served(t, pair, **options)) as daemon:
        (worker,) = daemon.workers()
        daemon.secured().close()
        before, context = memory(worker), tls.client_context()
        held = [daemon.secured(context) for _ in range(count)]
        each = (memory(worker) - before) / count
        for client in (held[0], held[-1]):
            client.expect("NOOP", 250)
        for client in held:
            client.close()
    return each


@test(covers="B-05 B-49", timeout=120, plain=True)
def idle_sessions(t):
    """500 of them, each below what the design says."""
    each = idle_memory(t, 500)
    t.check(4 < each < IDLE_KIB, f"{each:.1f} KiB for an idle session under TLS")


@test(covers="B-05 B-49", timeout=600, plain=True, long=True)
def many_idle_sessions(t):
    each = idle_memory(t, 2000)
    t.check(4 < each < IDLE_KIB, f"{each:.1f} KiB for an idle session under TLS")


@test(covers="B-49 A-18 security.md:TLS-teardown", timeout=120, plain=True)
def memory_runs_short(t):
    """Little memory: handshakes fail and say so, what is under TLS goes on, nothing dies, and it serves again afterwards."""
    pair = certificates.make(t.path("mx"), kind="rsa")
    with t.daemon(**tls.served(t, pair, workers={"count": 1})) as first:
        first.secured().close()
        used = max(int(processes.status(pid)["VmPeak"].split()[0]) for pid in [first.delivery(), *first.workers()]) * 1024

    def lower():
        resource.setrlimit(resource.RLIMIT_AS, (used + (2 << 20), used + (2 << 20)))

    daemon = t.prepare(**tls.served(t, pair, workers={"count": 1}, limits={"sessions-per-address": 0}))
    daemon.start(preexec_fn=lower)
    before, clients, secured = daemon.workers(), [], []
    for _ in range(300):
        clients.append(daemon.connect())
        try:
            clients[-1].greet().starttls().expect("EHLO client.example", 250)
            secured.append(clients[-1])
        except (Closed, OSError):
            pass  # that it ends here is what happens without memory
    t.check(0 < len(secured) < 300, f"{len(secured)} sessions under TLS")
    daemon.wait_event("tls-failed", reason=".*malloc failure.*")
    for client in secured:
        client.expect("NOOP", 250)
    for client in clients:
        client.close()
    daemon.wait_event("disconnect", count=300)
    with daemon.secured() as client:
        t.equal(client.deliver("a@client.example", ["alice@example.org"], b"x\n").code, 250, "the message")
    t.equal(daemon.workers(), before, "the worker")
    daemon.finish()


@test(covers="B-05 B-49", timeout=240, plain=True)
def memory_comes_back(t):
    """Thousands of sessions one after the other, good and broken ones: the worker does not grow with them."""
    rounds = 20 if t.is_long else 5
    with t.daemon(**tls.served(t, workers={"count": 1}, limits={"sessions-per-address": 0})) as daemon:
        (worker,) = daemon.workers()
        hello, context, after = tls.Machine().hello(), tls.client_context(), []
        for _ in range(rounds):
            for number in range(100):
                with daemon.secured(context) as client:
                    client.deliver("a@client.example", ["alice@example.org"], b"x\n")
                for broken in (hello, hello[:100], b"EHLO x\r\n"):
                    with daemon.connect_implicit() as client:
                        client.send(broken)
            daemon.wait_event("disconnect", count=400 * len(after) + 400)
            after.append(memory(worker))
            daemon.mail().empty()
        t.check(after[-1] - after[1] < 300, f"KiB after each round: {after}")
