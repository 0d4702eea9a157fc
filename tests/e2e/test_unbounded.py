"""What has no end takes no memory: headers, folded lines, recipients, commands."""

from harness import processes
from harness.trial import test

FREE = {"errors": 0, "idle-commands": 0, "unknown-commands": 0, "recipients": 1000}
PIECE = 1000
# One session's part by ARCHITECTURE.md, "Bounds", and what the C library keeps of it, in KiB; a recipient takes 2 KiB at most.
BODY, RECIPIENTS = 1024, 2048 + 2048


def resident(pid):
    return int(processes.status(pid)["VmHWM"].split()[0])


class Watched:
    """The memory of the worker and of delivery may not grow by more than `most` KiB meanwhile."""

    def __init__(self, t, daemon, most):
        self.t, self.most = t, most
        (worker,) = daemon.workers()
        self.pids = {"the worker": worker, "delivery": daemon.delivery()}

    def __enter__(self):
        self.before = {name: resident(pid) for name, pid in self.pids.items()}

    def __exit__(self, kind, *_):
        if kind or self.t.is_sanitized:
            return
        for name, pid in self.pids.items():
            grown = resident(pid) - self.before[name]
            self.t.check(grown <= self.most, f"{name} grew by {grown} KiB, {self.most} are allowed")


def in_data(t, pieces, code):
    """A message that never ends is refused at its size, or before, and nothing of it is kept."""
    with t.daemon(workers={"count": 1}, limits={"message-size": "4M"}) as daemon:
        daemon.send()
        with daemon.greeted() as client, Watched(t, daemon, BODY):
            client.begin_data("a@client.example", ["alice@example.org"])
            for piece in pieces:
                client.send(piece)
            client.send(b"\r\n.\r\n")
            t.equal(client.reply().code, code, "the reply")
        t.equal(len(daemon.mail().files("alice@example.org")), 1, "messages")
        daemon.send()


@test(covers="B-49 security.md:unbounded-header")
def header_line(t):
    """A field without an end: the line is too long."""
    in_data(t, [b"Subject: ", *[b"x" * 65536] * 160], 554)


@test(covers="B-49 security.md:unbounded-header")
def folded_header(t):
    """A field that goes on, folded, for ever: the message is too big."""
    in_data(t, [b"Subject: x\r\n", *[b" folded\r\n" * 8192] * 128], 552)


@test(covers="B-49 security.md:unbounded-header")
def fields(t):
    """Fields without end."""
    in_data(t, [b"X-Field: value\r\n" * 4096] * 160, 552)


@test(covers="B-49 security.md:unbounded-header", timeout=240)
def recipients(t):
    """A hundred thousand recipients: those beyond limits.recipients are put off, and take nothing."""
    with t.daemon(workers={"count": 1}, domains=["example.org"], aliases=["@example.org: alice"], limits=FREE) as daemon:
        daemon.send()
        with daemon.greeted() as client, Watched(t, daemon, RECIPIENTS):
            client.expect("MAIL FROM:<a@client.example>", 250)
            codes = []
            for start in range(0, 100 * PIECE, PIECE):
                client.send(b"".join(b"RCPT TO:<user%d@example.org>\r\n" % number for number in range(start, start + PIECE)))
                codes += [client.reply().code for _ in range(PIECE)]
            t.equal((codes.count(250), codes.count(452)), (1000, 99 * PIECE), "the replies")
            client.expect("RSET", 250)


@test(covers="B-49 security.md:unbounded-header", timeout=240)
def commands(t):
    """A hundred thousand commands that do nothing."""
    with t.daemon(workers={"count": 1}, limits=FREE) as daemon:
        daemon.send()
        with daemon.greeted() as client, Watched(t, daemon, BODY):
            for _ in range(100):
                client.send(b"NOOP\r\n" * PIECE)
                t.equal({client.reply().code for _ in range(PIECE)}, {250}, "the replies")
