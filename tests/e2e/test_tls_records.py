"""Records that no library sends, key updates, and the ends of sessions under TLS."""

import os
import signal
import socket
import subprocess

from harness import certificates, processes, records, tls
from harness.session import Session
from harness.trial import test

ENVELOPE = b"MAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n"


class Crafted:
    """A session under TLS 1.3 whose records are made here; greeted with EHLO."""

    def __init__(self, t, daemon):
        self.client = Session(daemon.address, daemon.port).greet()
        self.client.expect("STARTTLS", 220)
        name = f"keys{self.client.socket.fileno()}"
        self.machine, self.sender = records.shaken(self.client.socket, t.path(name))
        os.unlink(t.path(name))
        self.client.socket.settimeout(30)
        self.plain = b""
        self.ask(b"EHLO client.example\r\n", b"250 HELP\r\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def send(self, *sealed):
        self.client.socket.sendall(b"".join(sealed))

    def wait_for(self, wanted):
        """Reads up to those bytes; what came before them."""
        while wanted not in self.plain:
            came = self.client.socket.recv(65536)
            if not came:
                raise AssertionError(f"closed; {wanted!r} is not in {self.plain!r}")
            self.plain += self.machine.open(came)
        before, self.plain = self.plain.split(wanted, 1)
        return before

    def ask(self, line, wanted):
        self.send(self.sender.record(line))
        return self.wait_for(wanted)

    def ends(self):
        """Waits for the end of the connection."""
        try:
            while self.client.socket.recv(65536):
                pass
        except ConnectionError:
            pass


def served(t, **options):
    return tls.served(t, tls={"ciphersuites": records.SUITE}, **options)


def by_path(t, daemon):
    """The daemon is to listen at a unix socket, whose buffers are small enough to be filled."""
    path = daemon.path("run", "mail")
    daemon.write_configuration(listen=[("smtp", {"address": [path]})])
    daemon.address = path
    daemon.start()
    return daemon


# ---- records


@test(covers="B-52 B-06")
def crafted_records(t):
    """A client of our own making is served: pieces, padding, key updates of both kinds."""
    with t.daemon(**served(t)) as daemon, Crafted(t, daemon) as crafted:
        sender = crafted.sender
        crafted.send(*(sender.record(bytes([byte])) for byte in b"NOOP\r\n"))
        crafted.wait_for(b"250 2.0.0 OK\r\n")
        for _ in range(3):
            crafted.send(sender.key_update())
            crafted.ask(b"NOOP\r\n", b"250 2.0.0 OK\r\n")
            crafted.send(sender.key_update(records.KEY_UPDATE_WANTED), sender.record(b"NOOP\r\n"))
            crafted.wait_for(b"250 2.0.0 OK\r\n")
        crafted.send(sender.record(ENVELOPE), sender.key_update(), sender.record(b"x\r\n.\r\n"))
        crafted.wait_for(b"250 2.0.0 Stored as ")
        t.equal(daemon.mail().bodies("alice@example.org"), [b"x\n"], "messages")


def handshake(*messages):
    return lambda sender: [sender.record(message, records.HANDSHAKE) for message in messages]


def alerts(*messages):
    return lambda sender: [sender.record(message, records.ALERT) for message in messages]


def of_kind(kind, content):
    return lambda sender: [sender.record(content, kind)]


def with_last_bit_changed(record):
    return record[:-1] + bytes([record[-1] ^ 1])


# What RFC 8446 forbids, or what comes too often.
HOSTILE = {
    "pieces of a handshake, data between": lambda sender: [
        sender.record(records.KEY_UPDATE[:3], records.HANDSHAKE), sender.record(b"NOOP\r\n")],
    "pieces of a handshake, the end": lambda sender: [
        sender.record(records.KEY_UPDATE[:3], records.HANDSHAKE), sender.record(b"\1\0", records.ALERT)],
    "an empty piece of a handshake": handshake(b""),
    "ClientHello": handshake(b"\1\0\0\4\3\3\0\0"),
    "Finished": handshake(b"\x14\0\0\x20" + b"x" * 32),
    "certificate": handshake(b"\x0b\0\0\4\0\0\0\0"),
    "ticket": handshake(b"\4\0\0\4\0\0\0\0"),
    "a long message of the handshake": handshake(b"\x18\xff\xff\xff\0"),
    "a wrong key update": handshake(b"\x18\0\0\1\2"),
    "a long key update": handshake(b"\x18\0\0\2\0\0"),
    "data behind a key update": handshake(records.KEY_UPDATE * 2),
    "an unknown kind": of_kind(99, b"NOOP\r\n"),
    "no kind": of_kind(0, b"\0" * 20),
    "change of cipher": of_kind(20, b"\1"),
    "a fatal alert": alerts(b"\2\x28"),
    "half an alert": alerts(b"\2"),
    "a long alert": alerts(b"\1\x5a\1"),
    "warnings": alerts(*[b"\1\x5a"] * 200),
    "empty records": lambda sender: [sender.record(b"") for _ in range(500)],
    "too much in one": lambda sender: [sender.record(b"x" * 16400)],
    "a plain record": lambda sender: [b"\x17\x03\x03\x00\x06NOOP\r\n"],
    "a plain handshake": lambda sender: [b"\x16\x03\x03\x00\x05" + records.KEY_UPDATE],
    "plain text": lambda sender: [b"NOOP\r\n" * 10],
    "a record that is too long": lambda sender: [b"\x17\x03\x03\xff\xff" + b"x" * 70000],
    "a wrong tag": lambda sender: [with_last_bit_changed(sender.record(b"NOOP\r\n"))],
    "the same twice": lambda sender: [sender.record(b"NOOP\r\n")] * 2,
}


@test(covers="B-52 security.md:TLS-teardown", timeout=120)
def hostile_records(t):
    """Each of them ends its own session, with a line that says why; the worker neither dies nor spins."""
    with t.daemon(**served(t)) as daemon, daemon.secured() as other:
        workers = daemon.workers()
        for name, make in HOSTILE.items():
            with Crafted(t, daemon) as crafted:
                try:
                    crafted.send(*make(crafted.sender))
                    crafted.client.socket.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # it did not wait for the rest
                crafted.ends()
                line = daemon.wait_event("connect", count=len(daemon.events("connect")))
                daemon.wait_event("disconnect", session=line["session"], reason=".+")
                failures = len(daemon.events("tls-failed", session=line["session"], reason=".+"))
                t.equal(failures, 1, f"{name}: lines that say why")
                other.expect("NOOP", 250)
        t.equal(daemon.workers(), workers, "the workers")
        for worker in workers:
            processes.falls_asleep(worker)


@test(covers="B-49 B-52 security.md:TLS-DoS", timeout=120)
def key_updates_without_reading(t):
    """A client that asks for key updates and takes none: the worker waits for it, and does not spin."""
    with_path = by_path(t, t.prepare(**served(t), workers={"count": 1}))
    (worker,) = with_path.workers()
    with Crafted(t, with_path) as crafted:
        crafted.send(*(crafted.sender.key_update(records.KEY_UPDATE_WANTED) for _ in range(1500)))
        processes.falls_asleep(worker)
        with with_path.greeted() as other:
            other.expect("NOOP", 250)
        # It goes on when the client reads.
        crafted.ask(b"NOOP\r\n", b"250 2.0.0 OK\r\n")
    t.equal(with_path.workers(), [worker], "the worker")
    with_path.finish()


@test(covers="B-49 security.md:TLS-DoS", timeout=120)
def records_without_data(t):
    """Key updates without end are ended, and named; whoever is served by the same worker goes on meanwhile."""
    with t.daemon(**served(t), workers={"count": 1}) as daemon, Crafted(t, daemon) as crafted:
        with daemon.greeted() as other:
            try:
                for _ in range(40):
                    crafted.send(*(crafted.sender.key_update() for _ in range(100)))
                    other.expect("NOOP", 250)
            except ConnectionError:
                pass
            daemon.wait_event("tls-failed", reason="too many records without data")
            other.expect("NOOP", 250)


@test(covers="B-49 security.md:TLS-DoS", timeout=120)
def first_flight_without_reading(t):
    """A client that takes nothing of a certificate larger than the socket's buffer, and sends more: no spinning."""
    wide = certificates.make_wide(t.path("wide"), 12000)
    daemon = by_path(t, t.prepare(**tls.served(t, wide), workers={"count": 1}))
    (worker,) = daemon.workers()
    with daemon.greeted() as client:
        client.expect("STARTTLS", 220)
        client.send(tls.Machine().hello() + b"\x16\x03\x03")
        processes.falls_asleep(worker)
        # It goes on when the client reads.
        came = 0
        while came < len(wide.der()):
            came += len(client.socket.recv(65536))
    daemon.wait_event("disconnect", reason=".+")
    daemon.finish()


@test(covers="B-49 security.md:TLS-DoS", timeout=120)
def key_updates_take_no_time_away(t):
    """Whoever sends nothing else is silent: timeouts.command ends the session, whether it reads or not."""
    daemon = by_path(t, t.prepare(**served(t), timeouts={"command": 6, "write": 1}))
    with Crafted(t, daemon) as deaf, Crafted(t, daemon) as busy:
        deaf.send(*(deaf.sender.key_update(records.KEY_UPDATE_WANTED) for _ in range(1500)))
        try:
            while True:
                busy.send(busy.sender.key_update(records.KEY_UPDATE_WANTED))
                busy.plain += busy.machine.open(busy.client.socket.recv(65536))
                if b"421 4.4.2" in busy.plain:
                    break
        except OSError:
            pass
        t.check(b"421 4.4.2" in busy.plain, f"the last reply: {busy.plain[-200:]}")
        daemon.wait_event("disconnect", count=2, reason="(idle-too-long|timeout: the client takes no replies)")
    daemon.finish()


@test(covers="B-52 security.md:TLS-DoS")
def handshake_in_pieces_and_time(t):
    """A message of the handshake that is begun and not ended, until the time is over: no spinning, and a last reply."""
    with t.daemon(**served(t), timeouts={"command": 2}) as daemon, Crafted(t, daemon) as crafted:
        crafted.send(crafted.sender.record(records.KEY_UPDATE[:3], records.HANDSHAKE))
        crafted.ends()
        for worker in daemon.workers():
            processes.falls_asleep(worker)
        daemon.wait_event("disconnect", reason=".+")


@test(covers="B-15 security.md:TLS-DoS")
def renegotiation(t):
    """In TLS 1.2 nobody renegotiates (CVE-2011-1473): the client hears no_renegotiation."""
    with t.daemon(**tls.served(t)) as daemon:
        output, attempts = "", 0
        # It leaves at the end of its input, sometimes before the answer.
        while "no renegotiation" not in output and attempts < 30:
            done = subprocess.run(["openssl", "s_client", "-connect", f"{daemon.address}:{tls.implicit_port(t)}",
                                   "-tls1_2", "-legacy_server_connect"], input=b"R\n", capture_output=True, timeout=60,
                                  check=False)
            output, attempts = (done.stdout + done.stderr).decode("latin-1"), attempts + 1
        t.check("RENEGOTIATING" in output and "no renegotiation" in output, f"s_client says: {output[-800:]}")
        daemon.wait_event("disconnect", count=attempts, reason=".+")
        t.check(len(daemon.events("tls")) <= attempts, "no more handshakes than connections")


@test(covers="B-52 B-06")
def segments_of_one_byte(t):
    """Handshake and session in segments of one byte each, under each version."""
    with t.daemon(**tls.served(t)) as daemon:
        for context in (tls.client_context(maximum=tls.V12), tls.client_context()):
            with daemon.connect_implicit() as client:
                machine = tls.Machine(context)
                client.send_slowly(machine.hello(), pause=0)
                while not machine.is_shaken:
                    client.send_slowly(machine.shake(client.socket.recv(65536)), pause=0)
                client.send_slowly(machine.seal(b"EHLO client.example\r\n", ENVELOPE), pause=0)
                plain = b""
                while b"354 " not in plain:
                    plain += machine.open(client.socket.recv(65536))
                client.send_slowly(machine.seal(b"x\r\n.\r\nQUIT\r\n") + machine.close(), pause=0)
                plain = read_to_the_end(client, machine)
                t.check(plain.startswith(b"250 2.0.0 Stored") and b"221 " in plain and machine.has_ended, f"{plain!r}")
        t.equal(daemon.mail().bodies("alice@example.org"), [b"x\n"] * 2, "messages")


@test(covers="B-49 B-05", timeout=120)
def stop_with_deaf_clients(t):
    """SIGTERM while clients take nothing, in the handshake and under TLS: it ends when timeouts.stop is over."""
    wide = certificates.make_wide(t.path("wide"), 12000)
    daemon = by_path(t, t.prepare(**tls.served(t, wide), timeouts={"stop": 1}, limits={"idle-commands": 0}))
    shaking, talking = daemon.greeted(), daemon.greeted()
    shaking.expect("STARTTLS", 220)
    shaking.send(tls.Machine().hello())
    talking.send(b"HELP\r\n" * 3000)
    for worker in daemon.workers():
        processes.falls_asleep(worker)
    t.equal(daemon.stop(), 0, "the exit status")
    daemon.wait_event("disconnect", count=2, reason=".+")
    daemon.finish()
    for client in (shaking, talking):
        client.close()


# ---- the end


def was_reset(client):
    """Whether a reset came behind the end: our own end is still to come, but the system has closed the connection."""
    closed = 7
    return client.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[0] == closed


def read_to_the_end(client, machine):
    plain = b""
    while got := client.socket.recv(65536):
        plain += machine.open(got)
    return plain


def begun_message(daemon):
    """A session under TLS that is to send its data: (session, machine)."""
    client = daemon.greeted()
    client.expect("STARTTLS", 220)
    machine = tls.Machine().shake_over(client.socket)
    client.send(machine.seal(b"EHLO client.example\r\n", ENVELOPE))
    plain = b""
    while b"354 " not in plain:
        plain += machine.open(client.socket.recv(65536))
    return client, machine


@test(covers="A-13 B-06")
def end_behind_a_message(t):
    """close_notify and the end of the connection right behind a message, or behind QUIT: its 250 comes all the same."""
    with t.daemon(**tls.served(t)) as daemon:
        daemon.send()
        delivery = daemon.delivery()
        for number, (tail, closes) in enumerate(((b"", False), (b"", True), (b"QUIT\r\n", False), (b"QUIT\r\n", True))):
            client, machine = begun_message(daemon)
            with client:
                os.kill(delivery, signal.SIGSTOP)
                client.send(machine.seal(b"x\r\n.\r\n" + tail) + machine.close())
                if closes:
                    client.socket.shutdown(socket.SHUT_WR)
                for worker in daemon.workers():
                    processes.falls_asleep(worker)
                os.kill(delivery, signal.SIGCONT)
                plain = read_to_the_end(client, machine)
                t.check(plain.startswith(b"250 2.0.0 Stored as ") and (b"221 " in plain) == bool(tail), f"{plain!r}")
                daemon.wait_event("disconnect", count=number + 2, reason="(quit|client closed)")
                # A reset can overtake the replies: what is lost on the way is not sent again.
                t.check(closes or not was_reset(client), f"the connection was reset behind a message and {tail!r}")
        t.equal(len(daemon.mail().files("alice@example.org")), 5, "messages")


@test(covers="A-13 B-06")
def end_in_the_middle(t):
    """close_notify, none, or a reset in the middle of a message: nothing is stored, nothing is left."""
    with t.daemon(**tls.served(t)) as daemon:
        for number, way in enumerate(("close_notify", "end", "reset") * 5):
            client = daemon.secured()
            client.begin_data("a@client.example", ["alice@example.org"])
            client.send(b"x" * 1000 * number + b"\r\n")
            if way == "close_notify":
                t.check(client.socket.unwrap() is not None, "the server's close_notify")
            elif way == "reset":
                client.socket.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")
            client.close()
        daemon.wait_event("disconnect", count=15, reason="(client closed|connection reset by peer)")
        t.equal(daemon.events("tls-failed"), [], "failed sessions")
        t.equal(daemon.mail().all_files("new"), [], "messages")


@test(covers="B-06")
def last_words(t):
    """Whoever ends the session, the last thing the server says is close_notify (RFC 8446 6.1, RFC 5246 7.2.1)."""
    with t.daemon(**tls.served(t), limits={"errors": 2}) as daemon:
        for context in (tls.client_context(), tls.client_context(maximum=tls.V12)):
            for lines, wanted in (((b"QUIT\r\n",), b"221 "), ((b"x\r\n", b"y\r\n"), b"421 "), ((), b"")):
                with daemon.greeted() as client:
                    client.expect("STARTTLS", 220)
                    machine = tls.Machine(context).shake_over(client.socket)
                    client.send(machine.seal(*lines) or machine.close())
                    plain = read_to_the_end(client, machine)
                    t.check(machine.has_ended, f"close_notify behind {lines}")
                    t.check(b"".join(plain.splitlines()[-1:]).startswith(wanted), f"{plain!r}")
