"""TLS: STARTTLS and listeners that begin with it; what is said before, and what is forgotten."""

import re

from harness import certificates, records, tls
from harness.session import Session
from harness.trial import test

MAIL = "MAIL FROM:<a@client.example>"
RECEIVED = re.compile(r"from (?P<helo>\S+) \(\[127\.[0-9.]+\]\) by mx\.example\.org \(postern\) with (?P<protocol>\S+)"
                      r"(?: \((?P<version>\S+) (?P<cipher>\S+)(?: (?P<name>\S+))?\))? id \S+ for \S+;.*")


def offers(client, name="client.example"):
    """Extensions: the first words of the lines of the reply to EHLO."""
    return {line[4:].split(" ")[0] for line in client.expect(f"EHLO {name}", 250).lines[1:]}


def received(daemon):
    """The parts of Received of the one message."""
    (stored,) = daemon.mail().messages("alice@example.org")
    found = RECEIVED.fullmatch(stored.header("Received"))
    if not found:
        raise AssertionError(f"Received: {stored.header('Received')}")
    return found


@test(covers="B-06 C-15 C-16 B-51")
def starttls(t):
    """Offered before TLS only; after the handshake the session goes on without a greeting, as a new one."""
    pair = certificates.make(t.path("mx"))
    with t.daemon(**tls.served(t, pair)) as daemon, daemon.connect() as client:
        t.check(client.reply().text.startswith("220 mx.example.org ESMTP"), "the greeting")
        before = offers(client)
        reply = client.expect("STARTTLS", 220)
        t.equal(reply.enhanced, "2.0.0", "the enhanced code of 220")
        client.secure(server_name="mx.example.org")
        t.equal(client.socket.getpeercert(binary_form=True), pair.der(), "the certificate")
        after = offers(client)
        t.equal((before - after, after - before), ({"STARTTLS"}, {"REQUIRETLS"}), "what TLS changes of EHLO")
        t.equal(client.deliver("a@client.example", ["alice@example.org"], b"x\n").code, 250, "the message")
        client.expect("QUIT", 221)
        t.check(client.is_closed(), "it is closed")
        t.equal(daemon.mail().bodies("alice@example.org"), [b"x\n"], "messages")
        daemon.wait_event("tls", version="TLSv1.3", cipher="TLS_[A-Z0-9_]+", group=".+", sni="mx.example.org",
                          resumed=None, subject=None)
        daemon.wait_event("message", protocol="ESMTPS")
        daemon.wait_event("disconnect", reason="quit")


@test(covers="B-06 C-17")
def implicit(t):
    """The handshake comes first, then the greeting; STARTTLS is not offered and not taken."""
    pair = certificates.make(t.path("mx"), kind="rsa")
    with t.daemon(**tls.served(t, pair)) as daemon, daemon.connect_implicit() as client:
        client.secure()
        t.equal(client.socket.getpeercert(binary_form=True), pair.der(), "the certificate")
        t.check(client.reply().text.startswith("220 mx.example.org ESMTP"), "the greeting")
        found = offers(client)
        t.check("REQUIRETLS" in found and "STARTTLS" not in found, f"{found}")
        client.expect("STARTTLS", 503)
        t.equal(client.deliver("a@client.example", ["alice@example.org"], b"x\n").code, 250, "the message")
        client.expect("QUIT", 221)
        t.check(client.is_closed(), "it is closed")
        daemon.wait_event("connect", listener="smtps")
        daemon.wait_event("tls", version="TLSv1.3", sni=None)
        t.equal(received(daemon)["protocol"], "ESMTPS", "the protocol in Received")


@test(covers="B-06 B-51 C-16")
def off(t):
    """Without a certificate, and with tls = off beside one: nothing is offered, STARTTLS is no command."""
    with t.daemon() as daemon, daemon.connect() as client:
        client.reply()
        t.check("STARTTLS" not in offers(client), "STARTTLS in EHLO")
        client.expect("STARTTLS", 502)
        client.expect("NOOP", 250)
    with t.daemon(**tls.served(t, listener={"tls": "off"})) as daemon, daemon.connect() as client:
        client.reply()
        t.check("STARTTLS" not in offers(client), "STARTTLS in EHLO")
        client.expect("STARTTLS", 502)
        client.expect(MAIL, 250)


@test(covers="B-06 B-07 C-17")
def required(t):
    """530 5.7.0 (RFC 3207 4) for everything but what leads to TLS or out; under TLS all is as ever."""
    refused = (MAIL, "RCPT TO:<alice@example.org>", "DATA", "RSET", "VRFY alice", "HELP", "BDAT 0", "BDAT 0 LAST",
               "EXPN sales", "MAIL FROM:<>", "mail from:<a@client.example> REQUIRETLS", "rset", "HELP DATA")
    with t.daemon(**tls.served(t, listener={"tls": "required"})) as daemon, daemon.connect() as client:
        client.reply()
        client.expect(MAIL, 530)
        t.check("STARTTLS" in offers(client), "STARTTLS in EHLO")
        for command in refused:
            reply = client.command(command)
            t.equal((reply.code, reply.enhanced), (530, "5.7.0"), f"the reply to {command}")
            client.expect("NOOP", 250)
        # The octets of a chunk that is refused are no commands.
        client.expect(b"BDAT 6\r\nNOOP\r\nNOOP", 530)
        t.equal(client.reply().code, 250, "the reply to what stands behind the chunk")
        client.expect("HELO client.example", 530)
        client.expect(MAIL, 530)
        client.expect("EHLO client.example", 250)
        client.starttls().expect(MAIL, 503)
        client.expect("EHLO client.example", 250)
        client.expect("RSET", 250)
        client.expect("HELP", 214)
        t.equal(client.deliver("a@client.example", ["alice@example.org"], b"x\n").code, 250, "the message")
        client.expect("QUIT", 221)
        with daemon.connect() as other:
            other.reply()
            other.expect("QUIT", 221)


@test(covers="B-51")
def ehlo_before_tls_minimal(t):
    """STARTTLS alone is offered before TLS, everything after it; REQUIRETLS is a parameter of TLS only."""
    with t.daemon(**tls.served(t, listener={"ehlo-before-tls": "minimal"})) as daemon, daemon.connect() as client:
        client.reply()
        before = offers(client)
        t.equal(before, {"STARTTLS"}, "what is offered before TLS")
        client.starttls()
        after = offers(client)
        t.check({"PIPELINING", "SIZE", "8BITMIME", "CHUNKING", "REQUIRETLS"} <= after, f"{after}")
        t.check("STARTTLS" not in after, f"{after}")


@test(covers="B-51")
def requiretls(t):
    """RFC 8689: a parameter of MAIL under TLS, and of no other."""
    with t.daemon(**tls.served(t)) as daemon, daemon.greeted() as client:
        client.expect(f"{MAIL} REQUIRETLS", 530)
        client.starttls().expect("EHLO client.example", 250)
        client.expect(f"{MAIL} REQUIRETLS", 250)
        client.expect("RCPT TO:<alice@example.org>", 250)
        client.expect("DATA", 354)
        client.send(b"x\r\n.\r\n")
        t.equal(client.reply().code, 250, "the message")


@test(covers="B-06 security.md:session-fixation")
def forgotten(t):
    """RFC 3207 4.2: of what was said before TLS nothing is known after it."""
    with t.daemon(**tls.served(t)) as daemon, daemon.connect() as client:
        client.reply()
        client.expect("EHLO before.example", 250)
        client.expect("MAIL FROM:<before@client.example> BODY=8BITMIME", 250)
        client.expect("RCPT TO:<bob@example.org>", 250)
        client.expect("RSET", 250)
        client.starttls()
        for command in (MAIL, "RCPT TO:<alice@example.org>", "DATA", b"BDAT 3 LAST\r\nx"):
            reply = client.command(command)
            t.equal((reply.code, reply.enhanced), (503, "5.5.1"), f"the reply to {command} before a new EHLO")
        client.expect("HELO after.example", 250)
        t.equal(client.deliver("a@client.example", ["alice@example.org"], b"x\n").code, 250, "the message")
        t.equal((received(daemon)["helo"], received(daemon)["protocol"]), ("after.example", "SMTP"), "HELO in Received")
        t.check(not daemon.mail().files("bob@example.org"), "a message for the recipient of before")
        line = daemon.wait_event("message", helo="after.example")
        t.check("before" not in line.line, line.line)


@test(covers="B-06")
def helo_session(t):
    """STARTTLS after HELO: served, or refused as a whole; in no state between."""
    with t.daemon(**tls.served(t)) as daemon, daemon.connect() as client:
        client.reply()
        client.expect("HELO client.example", 250)
        client.starttls().expect(MAIL, 503)
        client.expect("HELO client.example", 250)
        t.equal(client.deliver("a@client.example", ["alice@example.org"], b"x\n").code, 250, "the message")
        # RFC 3848 has no name for it; the comment says it all the same.
        t.equal(received(daemon).group("protocol", "version"), ("SMTP", "TLSv1.3"), "Received")


@test(covers="B-15 C-30")
def received_and_log(t):
    """Version, cipher and SNI of the session, in Received and in the log; each version and each kind of key."""
    cases = [("ecdsa", tls.V13, None, "TLS_AES_256_GCM_SHA384"), ("rsa", tls.V13, None, "TLS_AES_256_GCM_SHA384"),
             ("ecdsa", tls.V12, "ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
             ("rsa", tls.V12, "ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
             ("rsa", tls.V12, "ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256")]
    pairs = {kind: certificates.make(t.path(kind), ("mx.example.org", "*.example.net"), kind) for kind in ("rsa", "ecdsa")}
    for kind, version, cipher, name in cases:
        with t.daemon(**tls.served(t, pairs[kind])) as daemon:
            context = tls.client_context(minimum=version, maximum=version, ciphers=cipher)
            with daemon.secured(context, server_name="Sub.Example.NET") as client:
                t.equal(client.deliver("a@client.example", ["alice@example.org"], b"x\n").code, 250, "the message")
                number = "TLSv1.3" if version == tls.V13 else "TLSv1.2"
                daemon.wait_event("tls", version=number, cipher=name, sni="sub.example.net")
                t.equal(received(daemon).group("protocol", "version", "cipher", "name"),
                        ("ESMTPS", number, name, "sub.example.net"), "Received")


@test(covers="B-07 B-15")
def versions(t):
    """TLS 1.1 is refused; minimum = 1.3 refuses 1.2; the log has one line for each that says so."""
    old = tls.client_context(ciphers="ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = tls.ssl.TLSVersion.TLSv1_1
    new = tls.client_context(maximum=tls.V12)
    for context, options in ((old, {}), (new, {"minimum": "1.3"}), (old, {"minimum": "1.3"})):
        with t.daemon(**tls.served(t, tls=options)) as daemon:
            for client in (daemon.greeted(), daemon.connect_implicit()):
                with client:
                    if client.socket.getpeername()[1] == daemon.port:
                        client.expect("STARTTLS", 220)
                    try:
                        client.secure(context)
                        t.check(False, "the handshake was done")
                    except tls.ssl.SSLError as error:
                        t.check("PROTOCOL_VERSION" in str(error), f"the client's reason: {error}")
            daemon.wait_event("tls-failed", count=2, reason=".*(unsupported protocol|version).*")
            daemon.wait_event("disconnect", count=2, reason=".*handshake.*")
            with daemon.secured() as client:
                t.equal(client.socket.version(), "TLSv1.3", "the version of a new client")
            t.equal(daemon.events("tls", version="TLSv1.[^3]"), [], "handshakes")


@test(covers="B-15")
def ciphers(t):
    """Of weak ciphers none is taken: no CBC, no RSA key exchange, no anonymous one; a list of one's own holds."""
    def shake(daemon, **options):
        with daemon.greeted() as client:
            client.starttls(tls.client_context(**options))
            return client.socket.cipher()[0]

    pair = certificates.make(t.path("mx"), kind="rsa")
    with t.daemon(**tls.served(t, pair)) as daemon:
        for cipher in ("AES128-SHA", "AES256-GCM-SHA384", "ECDHE-RSA-AES256-SHA384", "ADH-AES128-SHA256:@SECLEVEL=0",
                       "DHE-RSA-AES256-GCM-SHA384", "NULL-SHA256:@SECLEVEL=0"):
            try:
                t.check(False, f"{shake(daemon, maximum=tls.V12, ciphers=cipher)} was taken")
            except tls.ssl.SSLError:
                daemon.wait_event("tls-failed", reason=".*no shared cipher.*")
    wanted = "ECDHE-RSA-AES128-GCM-SHA256"
    with t.daemon(**tls.served(t, pair, tls={"ciphers": wanted, "ciphersuites": records.SUITE,
                                             "groups": "P-384"})) as daemon:
        t.equal(shake(daemon, maximum=tls.V12), wanted, "the cipher of TLS 1.2")
        t.equal(shake(daemon), records.SUITE, "the cipher suite of TLS 1.3")
        daemon.wait_event("tls", count=2, group="(secp384r1|P-384)")


@test(covers="B-06")
def commands_while_greeted_late(t):
    """A greeting that is held back comes after the handshake; who speaks before it is refused under TLS."""
    listener = {"greeting-delay": 1, "early-talkers": "refuse"}
    with t.daemon(**tls.served(t, listener=listener)) as daemon:
        with daemon.connect_implicit() as client:
            client.secure()
            t.equal(client.reply().code, 220, "the greeting")
            client.expect("EHLO client.example", 250)
            client.expect("QUIT", 221)
        with daemon.connect_implicit() as client:
            client.secure()
            client.send(b"EHLO client.example\r\n")
            t.equal(client.reply().code, 554, "what an early talker is told")
            t.check(client.is_closed(), "it is closed")


def addresses(t, daemon):
    """The three ways to a session: in the clear, by STARTTLS, with TLS from the beginning."""
    yield daemon.greeted()
    yield daemon.secured()
    yield Session(daemon.address, tls.implicit_port(t)).secure().greet()


@test(covers="B-06 B-07 C-17")
def side_by_side(t):
    """The listeners do not hinder one another, nor do the ways."""
    with t.daemon(**tls.served(t)) as daemon:
        held = [client for _ in range(5) for client in addresses(t, daemon)]
        for number, client in enumerate(held):
            client.begin_data(f"s{number}@client.example", ["alice@example.org"])
        for number, client in enumerate(held):
            client.send(b"%d\r\n.\r\n" % number)
            t.equal(client.reply().code, 250, "the message")
            client.close()
        stored = daemon.mail().messages("alice@example.org")
        protocols = [RECEIVED.fullmatch(one.header("Received"))["protocol"] for one in stored]
        t.equal(sorted(protocols), ["ESMTP"] * 5 + ["ESMTPS"] * 10, "the protocols")
