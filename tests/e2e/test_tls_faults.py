"""Handshakes that break off, that are none, that never come: nobody dies, others are served, the log says why."""

import os
import signal
import socket
import time

from harness import certificates, processes, tls
from harness.session import Closed
from harness.trial import test

# Only ever waited for when something is wrong.
PATIENCE = 20


# ---- how a client ends in the middle


def close(client):
    client.close()


def half_close(client):
    """Sends no more, and reads until the server has closed."""
    try:
        client.socket.shutdown(socket.SHUT_WR)
        while client.socket.recv(65536):
            pass
    except OSError:
        pass  # reset, which is an end as well
    client.close()


def reset(client):
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()


def damage(client):
    """Bytes that are of no TLS, and the end."""
    try:
        client.send(b"\xff\0garbage\r\n" * 4)
    except ConnectionError:
        pass
    half_close(client)


WAYS = (close, half_close, reset, damage)


class Watch:
    """A session that must go on while others break off, and what the log must say of those."""

    def __init__(self, t, daemon):
        self.trial, self.daemon = t, daemon
        self.client = daemon.secured()
        self.workers = daemon.workers()
        self.descriptors = self.count_descriptors()
        self.begun = 0

    def count_descriptors(self):
        """Of each worker; only root may look."""
        if not self.trial.is_root:
            return []
        return [len(os.listdir(f"/proc/{worker}/fd")) for worker in self.workers]

    def count(self, client):
        self.begun += 1
        if self.begun % 50 == 0:
            self.client.expect("NOOP", 250)
        return client

    def connect(self):
        return self.count(self.daemon.connect_implicit())

    def by_starttls(self):
        client = self.count(self.daemon.greeted())
        client.expect("STARTTLS", 220)
        return client

    def finish(self):
        """Each of them has one line that says how it ended, and at most one of a failed handshake."""
        t, daemon = self.trial, self.daemon
        daemon.wait_event("disconnect", count=self.begun, reason=".+")
        t.equal(self.count_descriptors(), self.descriptors, "open descriptors of the workers")
        self.client.expect("QUIT", 221)
        self.client.close()
        daemon.wait_event("disconnect", count=self.begun + 1, reason=".+")
        t.equal(len(daemon.events("disconnect")), self.begun + 1, "disconnect lines")
        failed = [event["session"] for event in daemon.events("tls-failed", reason=".+")]
        t.equal(len(failed), len(set(failed)), "sessions with tls-failed")
        t.equal(daemon.workers(), self.workers, "the workers")
        return len(failed)


@test(covers="B-52 security.md:21Nails", timeout=240)
def hello_cut_at_every_byte(t):
    """A ClientHello that ends after each of its bytes, in each way a client can end."""
    hello = tls.Machine(server_name="mx.example.org").hello()
    with t.daemon(**tls.served(t), limits={"sessions-per-address": 0}) as daemon:
        watch = Watch(t, daemon)
        for place in range(len(hello)):
            for way in WAYS:
                client = watch.connect() if place % 8 else watch.by_starttls()
                client.send(hello[:place])
                way(client)
        t.check(watch.finish() > len(hello) // 2, "handshakes that failed")
        t.equal(len(daemon.events("tls")), 1, "handshakes that were done")


@test(covers="B-52", timeout=240)
def hello_with_one_wrong_byte(t):
    """Each byte of a ClientHello changed: a handshake that fails or not, and nothing else."""
    hello = tls.Machine(server_name="mx.example.org").hello()
    with t.daemon(**tls.served(t), limits={"sessions-per-address": 0}) as daemon:
        watch = Watch(t, daemon)
        for place in range(len(hello)):
            for change in (0xff, 0x01, 0x80):
                client = watch.connect()
                client.send(hello[:place] + bytes([hello[place] ^ change]) + hello[place + 1:])
                half_close(client)
        watch.finish()


def second_flight(client, context):
    """What a client says to the server's first flight; that one has been read."""
    machine = tls.Machine(context)
    client.send(machine.hello())
    while True:
        said = machine.shake(client.socket.recv(65536))
        if said:
            return said


@test(covers="B-52 security.md:21Nails", timeout=240)
def second_flight_cut(t):
    """The client's last flight (TLS 1.2 and 1.3, without and with a certificate) cut and changed at its bytes."""
    pair = certificates.make(t.path("client"))
    contexts = [(tls.client_context(maximum=version, pair=with_pair), step)
                for version in (tls.V12, tls.V13) for with_pair, step in ((None, 1), (pair, 9))]
    with t.daemon(**tls.served(t, tls={"client-certificate": "ask"}), limits={"sessions-per-address": 0}) as daemon:
        watch = Watch(t, daemon)
        for context, step in contexts:
            client = watch.connect()
            length = len(second_flight(client, context))
            close(client)
            for place in range(0, length - 1, step):
                client = watch.connect()
                client.send(second_flight(client, context)[:place])
                WAYS[place // step % len(WAYS)](client)
                client = watch.connect()
                flight = bytearray(second_flight(client, context))
                flight[min(place, len(flight) - 1)] ^= 0x10
                client.send(flight)
                half_close(client)
        watch.finish()


@test(covers="B-52", timeout=120)
def first_flight_not_taken(t):
    """Clients that send a good ClientHello and go, before or while the server answers."""
    with t.daemon(**tls.served(t), limits={"sessions-per-address": 0}) as daemon:
        watch = Watch(t, daemon)
        for number in range(200):
            client = watch.connect() if number % 2 else watch.by_starttls()
            client.send(tls.Machine().hello())
            if number % 3:
                client.socket.recv(1 + number)
            WAYS[number % len(WAYS)](client)
        watch.finish()


# ---- what is no handshake


@test(covers="C-17 B-52 security.md:ALPACA")
def no_handshake_at_all(t):
    """Plain SMTP, HTTP and garbage on the port that begins with TLS, and in place of a ClientHello: closed at once."""
    texts = (b"EHLO client.example\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST / HTTP/1.0\r\n\r\nMAIL FROM:<>\r\n",
             b"\0" * 600, b"\xff" * 600, b"\x80\x2e\x01\x00\x02" + b"\0" * 60, b"\x16\x03\x01\xff\xff" + b"\0" * 70000,
             b"\x16\x03\x01\x00\x00" * 200, b"\x15\x03\x01\x00\x02\x02\x28" * 2, b"\x15\x03\x01\x00\x02\x01\x00" * 200,
             b"\x17\x03\x03\x00\x05hello" * 3, b"\x14\x03\x03\x00\x01\x01" * 200, b"\x16\x03\x01\x00\x04\x01\xff\xff\xff",
             b"\x16\x03\x01\x00\x04\x00\x00\x00\x00" * 50, b"\x18\x03\x02\x00\x03\x01\x40\x00")
    with t.daemon(**tls.served(t)) as daemon:
        watch = Watch(t, daemon)
        for text in texts:
            for client in (watch.connect(), watch.by_starttls()):
                came = b""
                try:
                    client.send(text)
                    client.socket.shutdown(socket.SHUT_WR)
                    while got := client.socket.recv(65536):
                        came += got
                except OSError:
                    pass
                t.check(came == b"" or came[0] == 0x15, f"{text[:30]!r} is answered with {came!r}")
                client.close()
        watch.finish()


@test(covers="B-15 security.md:ALPACA")
def alpn(t):
    """Who wants another protocol has another server in mind: refused. smtp is fine, and so is no wish at all."""
    with t.daemon(**tls.served(t)) as daemon:
        watch = Watch(t, daemon)
        for wishes in (["h2"], ["http/1.1", "h2"], ["imap"], ["SMTP"], ["smtp2"], ["ftp", "pop3"]):
            for client in (watch.connect(), watch.by_starttls()):
                try:
                    client.secure(tls.client_context(alpn=wishes))
                    t.check(False, f"ALPN {wishes} was taken")
                except tls.ssl.SSLError as error:
                    t.check("no application protocol" in str(error), f"ALPN {wishes}: {error}")
        t.equal(watch.finish(), 12, "failed handshakes")
        for wishes in (["smtp"], ["h2", "smtp"], []):
            with daemon.connect_implicit() as client:
                client.secure(tls.client_context(alpn=wishes))
                t.equal(client.socket.selected_alpn_protocol(), "smtp" if wishes else None, f"of {wishes}")
                client.greet().expect("QUIT", 221)


# ---- what never comes


@test(covers="B-49 security.md:handshake-time-out", timeout=120)
def handshake_that_never_comes(t):
    """timeouts.handshake: for silence, for a part of a ClientHello, and for one that comes byte by byte."""
    hello = tls.Machine().hello()
    with t.daemon(**tls.served(t), timeouts={"handshake": 2}) as daemon:
        clients = [daemon.connect_implicit(), daemon.connect_implicit(), daemon.greeted(), daemon.connect_implicit()]
        clients[1].send(hello[:100])
        clients[2].expect("STARTTLS", 220)
        others = clients[:3]
        try:
            for byte in hello:
                clients[3].send(bytes([byte]))
                time.sleep(0.05)
            t.check(False, "a ClientHello may take as long as it likes")
        except ConnectionError:
            pass
        for client in others:
            t.equal(client.socket.recv(1), b"", "what is said when the time is over")
        daemon.wait_event("disconnect", count=4, reason="timeout: timeouts.handshake")
        lines = [daemon.wait_event("tls-failed", session=event["session"], reason=".+")
                 for event in daemon.events("disconnect", reason="timeout: timeouts.handshake")]
        for line in lines:
            t.check("left" not in line["reason"], f"these clients did not leave: {line.line}")


@test(covers="B-49")
def time_of_the_session_after_the_handshake(t):
    """The time for the handshake ends with it, and that for a command begins."""
    with t.daemon(**tls.served(t), timeouts={"handshake": 4, "command": 6}) as daemon, daemon.secured() as client:
        with daemon.connect_implicit() as silent:
            silent.secure()
            t.equal(silent.reply().code, 220, "the greeting")
            t.equal(silent.reply().code, 421, "what a silent session is told")
            t.check(silent.is_closed(), "it is closed")
        t.equal(client.reply().code, 421, "what a silent session is told")
        daemon.wait_event("reject", count=2, code="421", decided="timeouts.command")


@test(covers="B-49 C-17")
def refusals_before_tls(t):
    """Who is one too many hears 421 where the session begins in the clear, and nothing in the clear where it does not."""
    for options in ({"limits": {"sessions-per-address": 2}}, {"workers": {"count": 1, "sessions": 2}}):
        with t.daemon(**tls.served(t, **options)) as daemon:
            held = [daemon.secured(), daemon.connect_implicit().secure().greet()]
            for _ in range(3):
                with daemon.connect() as client:
                    t.equal(client.reply().code, 421, "what is said")
                with daemon.connect_implicit() as client:
                    t.equal(client.socket.recv(100), b"", "what is said where TLS comes first")
            daemon.wait_event("refuse", count=6, code="421")
            for client in held:
                client.expect("QUIT", 221)
                client.close()
            daemon.wait_event("disconnect", count=2)


@test(covers="B-49 B-05")
def stop_in_a_handshake(t):
    """SIGTERM while handshakes are under way: they end at once, sessions under TLS hear 421."""
    daemon = t.prepare(**tls.served(t))
    daemon.start()
    clients = [daemon.connect_implicit(), daemon.connect_implicit(), daemon.greeted()]
    clients[1].send(tls.Machine().hello()[:50])
    clients[2].expect("STARTTLS", 220)
    secured = daemon.secured()
    daemon.signal(signal.SIGTERM)
    t.equal(secured.reply().code, 421, "what a session under TLS is told")
    t.check(secured.is_closed(), "it is closed")
    secured.close()
    for client in clients:
        t.equal(client.socket.recv(1), b"", "what is said in a handshake")
    t.equal(daemon.process.wait(PATIENCE), 0, "the exit status")
    daemon.wait_event("disconnect", count=3, reason="stopping")
    daemon.finish()


@test(covers="B-49 B-05")
def worker_is_killed(t):
    """A worker that is killed takes its TLS sessions along, and no other's; the next one has the same certificate."""
    pair = certificates.make(t.path("mx"))
    with t.daemon(**tls.served(t, pair), workers={"count": 2, "sessions": 2}) as daemon:
        daemon.deaths_allowed = True
        held = [daemon.secured() for _ in range(4)]
        writers = [event.writer for event in daemon.events("tls")]
        os.kill(writers[0], signal.SIGKILL)
        daemon.wait_event("end", signal="9")
        for client, writer in zip(held, writers):
            try:
                client.expect("NOOP", 250)
                t.check(writer != writers[0], "a session of a killed worker goes on")
            except (Closed, OSError):
                t.equal(writer, writers[0], "the worker of a session that broke off")
        processes.wait_until(lambda: len(daemon.workers()) == 2, PATIENCE, "two workers")
        for client in held:
            client.close()
        with daemon.secured() as client:
            t.equal(client.socket.getpeercert(binary_form=True), pair.der(), "the certificate")
