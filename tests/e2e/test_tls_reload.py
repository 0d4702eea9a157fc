"""Certificates and SIGHUP: renewed, wrong, coming and going, while sessions under TLS and mail go on."""

import os
import signal

from harness import certificates, processes, tls
from harness.load import Load, require_exactly_once
from harness.trial import test
from test_tls_certificates import broken_pairs, reload, says, served_to


@test(covers="A-23 C-30 B-14")
def renewed(t):
    """SIGHUP: new sessions get the new certificate, an old one goes on under its own; no other file is needed."""
    path = t.path("mx")
    old = certificates.make(path).der()
    with t.daemon(**tls.served(t, certificates.Pair(f"{path}.pem", f"{path}.key"))) as daemon, daemon.secured() as session:
        session.begin_data("a@client.example", ["alice@example.org"])
        session.send(b"first half\r\n")
        before = set(daemon.workers())
        new = certificates.make(path, kind="rsa").der()
        t.equal(served_to(daemon), old, "the certificate before SIGHUP")
        reload(daemon)
        processes.wait_until(lambda: served_to(daemon) == new, 30, "the new certificate")
        session.send(b"second half\r\n.\r\n")
        t.equal(session.reply().code, 250, "the message of the old session")
        session.expect("EHLO client.example", 250)
        t.check(before & set(daemon.workers()), "the old session's worker is still there")
        session.expect("QUIT", 221)
        session.close()
        processes.wait_until(lambda: not before & set(daemon.workers()), 30, "the old workers are gone")
        t.equal((served_to(daemon), old == new), (new, False), "the certificate afterwards")
        t.equal(daemon.mail().bodies("alice@example.org"), [b"first half\nsecond half\n"], "messages")


@test(covers="A-23 C-15 C-30")
def tls_comes_and_goes(t):
    """A reload that brings the first certificate, and one that takes it away."""
    pair = certificates.make(t.path("mx"))
    with t.daemon() as daemon:
        def offers_tls():
            with daemon.connect() as client:
                client.reply()
                return "STARTTLS" in client.expect("EHLO client.example", 250).text
        t.check(not offers_tls(), "STARTTLS is offered before")
        daemon.write_configuration(**tls.served(t, pair))
        reload(daemon)
        processes.wait_until(offers_tls, 30, "STARTTLS is offered")
        processes.wait_until(lambda: len(daemon.workers()) == 2, 30, "new workers only")
        t.equal(served_to(daemon), pair.der(), "the certificate")
        daemon.write_configuration(tls=None, listen=[("smtp", {"address": [t.address], "port": t.port})])
        reload(daemon, 2)
        processes.wait_until(lambda: not offers_tls(), 30, "STARTTLS is not offered any more")


@test(covers="A-23 B-14 C-30")
def bad_at_a_reload(t):
    """refused-reload with the reason; the old certificate is served on, by the same workers."""
    good = certificates.make(t.path("good"))
    with t.daemon(**tls.served(t, good)) as daemon:
        before = daemon.workers()
        for count, (name, (pair, words)) in enumerate(broken_pairs(t, good).items(), 1):
            daemon.write_configuration(tls=tls.settings(pair))
            daemon.signal(signal.SIGHUP)
            event = daemon.wait_event("refused-reload", count=count)
            t.check(says(event["reason"], words), f"{name}: {event.line} says {words}")
            t.equal(served_to(daemon), good.der(), f"the certificate after {name}")
        t.equal(daemon.workers(), before, "the workers")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@test(covers="A-23 B-05 A-13 C-30", timeout=180)
def under_load(t):
    """A renewal after the other while mail flows under TLS: no session is refused, nothing is lost or doubled."""
    path = t.path("mx")
    certificates.make(path)
    pair = certificates.Pair(f"{path}.pem", f"{path}.key")
    with t.daemon(**tls.served(t, pair, limits={"sessions-per-address": 0})) as daemon:
        before = descriptors(daemon.pid()) if t.is_root else 0
        with Load(daemon, clients=8, messages=60, connect=daemon.secured) as load:
            for count in range(1, 7):
                processes.wait_until(lambda c=count: load.count() > 35 * c, 60, "messages")
                certificates.make(path, kind=("rsa", "ecdsa")[count % 2])
                reload(daemon, count)
            load.wait()
        t.equal((load.errors, load.refused), ([], {}), "errors and refused messages")
        t.equal(load.count(), 480, "acknowledged")
        require_exactly_once(t, load)
        processes.wait_until(lambda: served_to(daemon) == pair.der() and len(daemon.workers()) == 2, 30, "the last one")
        if t.is_root:
            processes.wait_until(lambda: descriptors(daemon.pid()) == before, 30, "no descriptor of the master is left over")
