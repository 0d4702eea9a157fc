"""The PROXY protocol: whose connection it is, said by who may say it."""

import random
import re
import signal
import socket
import time

from harness import encrypted, processes, proxy
from harness.session import Closed
from harness.trial import test

BALANCER, STRANGER = "127.0.0.2", "127.0.0.3"
REAL = "192.0.2.7"
LISTENER = {"proxy": [BALANCER]}


def line(source=REAL, family="TCP4", destination="198.51.100.1", port=51234):
    return f"PROXY {family} {source} {destination} {port} 25\r\n".encode()


def behind(daemon, header, **options):
    """A connection of the balancer that has sent its header."""
    client = daemon.connect(source=BALANCER, **options)
    client.send(header)
    return client


def deliver(daemon, header, body, **options):
    """A message of a client behind the balancer; the lines of EHLO."""
    with behind(daemon, header, **options) as client:
        client.greet()
        offered = client.expect("EHLO client.example", 250).lines
        reply = client.deliver("sender@client.example", ["alice@example.org"], body)
        if reply.code != 250:
            raise AssertionError(f"the message was answered with {reply}")
        client.expect("QUIT", 221)
        return [text[4:] for text in offered]


def received(daemon, body):
    return next(one.header("Received") for one in daemon.mail().messages("alice@example.org") if one.body == body)


def is_closed(client):
    try:
        raise AssertionError(f"it says {client.line()!r}")
    except Closed:
        return not client.pending


@test(covers="C-25 B-17")
def version_2(t):
    """Each family; what names no address of use leaves the balancer's own."""
    cases = (
        (proxy.header(REAL), REAL, "51234", rf"\[{REAL}\]"),
        (proxy.header("2001:db8::7", "2001:db8::1", source_port=65535), "2001:db8::7", "65535", r"\[IPv6:2001:db8::7\]"),
        (proxy.header("::ffff:192.0.2.9", "::ffff:192.0.2.1"), "192.0.2.9", "51234", r"\[192\.0\.2\.9\]"),
        (proxy.header("192.0.2.8", tlvs=proxy.tlv(proxy.NOOP, bytes(3000)) + proxy.tlv(proxy.ALPN, b"smtp")
                      + proxy.tlv(0xEE, b"\r\nQUIT\r\n") + proxy.tlv(proxy.UNIQUE_ID, b"id")), "192.0.2.8", "51234",
         r"\[192\.0\.2\.8\]"),
        (proxy.with_checksum("192.0.2.10"), "192.0.2.10", "51234", r"\[192\.0\.2\.10\]"),
        (proxy.raw(proxy.LOCAL, proxy.UNSPEC, b""), BALANCER, r"\d+", r"\[127\.0\.0\.2\]"),
        (proxy.raw(proxy.LOCAL, proxy.TCP4, proxy.addresses(REAL, REAL)), BALANCER, r"\d+", r"\[127\.0\.0\.2\]"),
        (proxy.raw(proxy.LOCAL, 0xFF, b"anything"), BALANCER, r"\d+", r"\[127\.0\.0\.2\]"),
        (proxy.raw(proxy.PROXY, proxy.UNSPEC, b"anything"), BALANCER, r"\d+", r"\[127\.0\.0\.2\]"),
        (proxy.raw(proxy.PROXY, proxy.UNIX, bytes(216)), BALANCER, r"\d+", r"\[127\.0\.0\.2\]"),
    )
    with t.daemon(listener=LISTENER) as daemon:
        for number, (header, client, port, shown) in enumerate(cases):
            body = b"case %d\n" % number
            deliver(daemon, header, body)
            daemon.wait_event("connect", client=re.escape(client), port=port, proxy=re.escape(BALANCER))
            t.check(re.search(rf"from client\.example \({shown}\)", received(daemon, body)), received(daemon, body))
        t.equal(daemon.events("refuse"), [], "refused headers")


@test(covers="C-25 B-52", timeout=120)
def split(t):
    """A header that comes in two parts, wherever it is cut."""
    headers = (line(), line("2001:db8::7", "TCP6", "2001:db8::1"), b"PROXY UNKNOWN\r\n",
               proxy.header(tlvs=proxy.tls() + proxy.tlv(proxy.NOOP, b"x")), proxy.raw(proxy.LOCAL, proxy.UNSPEC, b""))
    with t.daemon(listener=LISTENER) as daemon:
        for header in headers:
            for cut in range(1, len(header)):
                with behind(daemon, header[:cut]) as client:
                    time.sleep(0.001)
                    client.send(header[cut:])
                    client.greet().expect("QUIT", 221)
        t.equal(daemon.events("refuse"), [], "refused headers")


@test(covers="C-25 security.md:pipelining")
def followed_at_once(t):
    """Commands right behind the header: as those of any client that does not wait for the greeting."""
    with t.daemon(listener=LISTENER, other_listeners={"impatient": LISTENER | {"early-talkers": "refuse"}}) as daemon:
        for header in (line(), proxy.header()):
            with behind(daemon, header + b"EHLO client.example\r\nNOOP\r\n") as client:
                t.equal([client.reply().code for _ in range(3)], [220, 250, 250], "replies")
                t.equal(client.deliver("a@client.example", ["alice@example.org"], b"x\n").code, 250, "a message")
            with behind(daemon, header + b"EHLO client.example\r\n", to="impatient") as client:
                reply = client.reply()
                t.equal((reply.code, reply.enhanced), (554, "5.5.1"), "the reply to an early talker")
                t.check(is_closed(client), "it is closed")
            daemon.wait_event("reject", client=re.escape(REAL), decided="early-talkers", code=554)
            # The header itself is no talk, however slowly it comes.
            with daemon.connect(to="impatient", source=BALANCER) as client:
                client.send_slowly(header)
                client.greet().expect("QUIT", 221)


@test(covers="C-25 C-17")
def hello_behind(t):
    """On a listener that begins with TLS the handshake follows the header, in the same segment too."""
    pair = encrypted.make_pair(t.path("pair"))
    with t.daemon(other_listeners={"tls": LISTENER | {"tls": "implicit"}}, tls=pair) as daemon:
        for number, header in enumerate((line(), proxy.header(), proxy.header(tlvs=proxy.tls(client=0)))):
            opening, state = encrypted.hello()
            with behind(daemon, header + opening, to="tls") as outer:
                client = encrypted.Memory(outer, state).greet()
                body = b"message %d\n" % number
                t.equal(client.deliver("a@client.example", ["alice@example.org"], body).code, 250, "a reply")
            t.check(f"([{REAL}])" in received(daemon, body) and "with ESMTPS (TLSv1.3" in received(daemon, body),
                    received(daemon, body))
            # Cut anywhere.
            for cut in range(1, len(header) + 3):
                opening, state = encrypted.hello()
                with behind(daemon, (header + opening)[:cut], to="tls") as outer:
                    outer.send((header + opening)[cut:])
                    encrypted.Memory(outer, state).greet().expect("QUIT", 221)
        daemon.wait_event("tls", client=re.escape(REAL), version=r"TLSv1\.3")
        # A command where the handshake is due.
        with behind(daemon, line() + b"EHLO client.example\r\n", to="tls") as client:
            t.check(b"250" not in everything(client), "no reply in the clear")
        daemon.wait_event("tls-failed", client=re.escape(REAL))


def everything(client):
    """All that still comes, until the end of the connection."""
    content = client.pending
    try:
        while got := client.socket.recv(65536):
            content += got
    except ConnectionError:
        pass
    return content


@test(covers="C-30 C-25 B-06")
def tls_at_the_proxy(t):
    """The client spoke TLS with the proxy: what is offered, required and noted is that of TLS."""
    pair = encrypted.make_pair(t.path("pair"))
    with t.daemon(listener=LISTENER, tls=pair, other_listeners={
            "required": LISTENER | {"tls": "required"}, "implicit": LISTENER | {"tls": "implicit"},
            "minimal": LISTENER | {"ehlo-before-tls": "minimal"}, "off": LISTENER | {"tls": "off"}}) as daemon:
        over_tls = proxy.header(tlvs=proxy.tls() + proxy.tlv(proxy.AUTHORITY, b"mail.example.org"))
        for title in ("smtp", "required", "implicit", "minimal", "off"):
            body = title.encode() + b"\n"
            offered = deliver(daemon, over_tls, body, to=title)
            t.check("STARTTLS" not in offered and "REQUIRETLS" in offered and "CHUNKING" in offered, f"{title}: {offered}")
            t.check("with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384 mail.example.org) id" in received(daemon, body),
                    received(daemon, body))
            daemon.wait_event("message", client=re.escape(REAL), protocol="ESMTPS")
        with behind(daemon, over_tls, to="required") as client:
            client.greet()
            t.equal(client.command("STARTTLS").code, 503, "STARTTLS once more")
            client.expect("MAIL FROM:<a@client.example> REQUIRETLS", 250)
        # In the clear, whatever other TLVs say.
        for tlvs in (b"", proxy.tls(client=0), proxy.tlv(proxy.AUTHORITY, b"mail.example.org"), proxy.tls(client=2)):
            offered = deliver(daemon, proxy.header(tlvs=tlvs), b"clear\n")
            t.check("STARTTLS" in offered and "REQUIRETLS" not in offered, f"{offered}")
            with behind(daemon, proxy.header(tlvs=tlvs), to="required") as client:
                client.greet()
                t.equal(client.command("MAIL FROM:<a@client.example>").code, 530, "MAIL in the clear")
                client.expect("STARTTLS", 220)
                encrypted.secure(client).expect("EHLO client.example", 250)
                client.expect("MAIL FROM:<a@client.example>", 250)
        for text in [one.header("Received") for one in daemon.mail().messages("alice@example.org")
                     if one.body == b"clear\n"]:
            t.check("with ESMTP id" in text, text)


@test(covers="C-30 security.md:header-injection security.md:log-injection")
def tls_words(t):
    """What the proxy passes on of the client's TLS is any bytes; they forge neither Received nor the log."""
    words = (b"", b"\0", b"TLSv1.3\0x", b"a)\r\nX-Forged: yes\r\n (", b"\xff\xfe", b"(((", b"\\", b" ", b"x" * 256, "ü".encode() * 128)
    with t.daemon(listener=LISTENER, verbose=True) as daemon:
        for number, word in enumerate(words):
            tlvs = proxy.tls(word, word, more=proxy.tlv(proxy.SSL_CN, word)) + proxy.tlv(proxy.AUTHORITY, word) \
                + proxy.tlv(proxy.UNIQUE_ID, word)
            body = b"word %d\n" % number
            deliver(daemon, proxy.header(tlvs=tlvs), body)
            (stored,) = [one for one in daemon.mail().messages("alice@example.org") if one.body == body]
            t.check(b"\nX-Forged" not in stored.bytes and b"\r" not in stored.bytes, f"{stored.bytes!r}")
            text = stored.header("Received")
            t.check(re.fullmatch(r"from client\.example \(\[192\.0\.2\.7\]\) by mx\.example\.org \(postern\) with ESMTPS "
                                 r"(\([^()\\\s]+( [^()\\\s]+){0,2}\) )?id \S+ for <alice@example\.org>; [^()]+", text),
                    text)
        t.check(len(daemon.events("message")) == len(words), "the log can be read")


@test(covers="C-25 security.md:PROXY security.md:unbounded-header")
def version_2_faults(t):
    """Closed without a word, and the log says why."""
    v4 = proxy.addresses(REAL, REAL)
    tcp4 = (proxy.PROXY, proxy.TCP4)
    cases = (
        (proxy.SIGNATURE[:5] + b"x", "something else"),
        (proxy.SIGNATURE[:-1] + b"\r", "something else"),
        (proxy.raw(0x11, proxy.TCP4, v4), "version and command"),
        (proxy.raw(0x22, proxy.TCP4, v4), "version and command"),
        (proxy.raw(0x31, proxy.TCP4, v4), "version and command"),
        (proxy.raw(proxy.PROXY, proxy.UDP4, v4), "family"),
        (proxy.raw(proxy.PROXY, proxy.UDP6, bytes(36)), "family"),
        (proxy.raw(proxy.PROXY, proxy.UNIX_DATAGRAM, bytes(216)), "family"),
        (proxy.raw(proxy.PROXY, 0x41, v4), "family"),
        (proxy.raw(*tcp4, b"", 0), "do not fit"),
        (proxy.raw(*tcp4, v4, 11), "do not fit"),
        (proxy.raw(proxy.PROXY, proxy.TCP6, v4), "do not fit"),
        (proxy.raw(*tcp4, v4, 4097), "longer"),
        (proxy.raw(*tcp4, v4, 65535), "longer"),
        (proxy.raw(proxy.LOCAL, proxy.UNSPEC, b"", 65535), "longer"),
        (proxy.header(tlvs=b"\x20"), "cut off"),
        (proxy.header(tlvs=b"\x20\0"), "cut off"),
        (proxy.header(tlvs=b"\x20\0\x06abcde"), "longer than its room"),
        (proxy.header(tlvs=b"\x04\xff\xff"), "longer than its room"),
        (proxy.header(tlvs=proxy.tlv(proxy.SSL, b"\1\0\0\0")), "4 bytes"),
        (proxy.header(tlvs=proxy.tlv(proxy.SSL, b"\1\0\0\0\0\x21\0")), "cut off"),
        (proxy.header(tlvs=proxy.tlv(proxy.SSL, b"\1\0\0\0\0\x21\0\xff")), "longer than its room"),
        (proxy.header(tlvs=proxy.tls() * 2), "twice"),
        (proxy.header(tlvs=proxy.tls(b"x" * 257)), "257 bytes"),
        (proxy.header(tlvs=proxy.tlv(proxy.AUTHORITY, b"x" * 257)), "257 bytes"),
        (proxy.with_checksum(error=1), "CRC32C"),
        (proxy.header(tlvs=proxy.tlv(proxy.CRC32C, b"abc")), "3 bytes"),
        (proxy.header("::", "::1"), "source address"),
    )
    with t.daemon(listener=LISTENER) as daemon:
        for count, (header, reason) in enumerate(cases, 1):
            with behind(daemon, header) as client:
                t.check(is_closed(client), f"closed after {header!r}")
            event = daemon.wait_event("refuse", count=count, client=re.escape(BALANCER), listener="smtp")
            t.check(reason in event["reason"] and "PROXY" in event["reason"], f"{reason!r} in {event.line}")
        t.equal(daemon.events("connect", client="192.*"), [], "connections that were taken")


@test(covers="C-25 security.md:unbounded-header", timeout=120)
def late(t):
    """A header that does not come, or comes too slowly, in timeouts.proxy ends the connection."""
    with t.daemon(listener=LISTENER, timeouts={"proxy": 1}) as daemon:
        with daemon.connect(source=BALANCER) as client:
            t.check(is_closed(client), "who says nothing is closed")
        daemon.wait_event("disconnect", client=re.escape(BALANCER), reason=".*timeouts\\.proxy.*")
        for header in (line(), proxy.header(tlvs=proxy.tlv(proxy.NOOP, bytes(4000)))):
            with daemon.connect(source=BALANCER) as client:
                client.socket.settimeout(0.2)
                # Each byte well within the time; all of them never.
                for byte in header[:-1]:
                    try:
                        client.send(bytes([byte]))
                        t.equal(client.socket.recv(100), b"", "what it says")
                        break
                    except TimeoutError:
                        continue
                    except ConnectionError:
                        break
                else:
                    t.check(False, "it is not closed")
        daemon.wait_event("disconnect", count=3, client=re.escape(BALANCER), reason=".*timeouts\\.proxy.*")
        daemon.wait_event("refuse", count=3, client=re.escape(BALANCER), listener="smtp", limit="timeouts.proxy", value=1,
                          reason=".*PROXY.*")


def mutated(chance, header):
    """The header with some bytes changed, left out, put in or said twice."""
    content = bytearray(header)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(content) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            content[at:at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del content[at:at + chance.randrange(1, 20)]
        elif kind == 2:
            content[at:at] = chance.randbytes(chance.randrange(1, 20))
        else:
            content[at:at] = content[at:at + chance.randrange(1, 40)]
    return bytes(content)


@test(covers="C-25 security.md:PROXY", timeout=180)
def by_chance(t):
    """Headers with faults made by chance: taken or refused, and all goes on."""
    chance = random.Random(17)
    seeds = (line(), line("2001:db8::7", "TCP6", "::1"), b"PROXY UNKNOWN\r\n", proxy.header(),
             proxy.header("2001:db8::7", "::1", proxy.tls() + proxy.tlv(proxy.AUTHORITY, b"a.example")), proxy.with_checksum(),
             proxy.raw(proxy.LOCAL, proxy.UNSPEC, b""))
    with t.daemon(listener=LISTENER, limits={"sessions-per-address": 0}) as daemon:
        for _ in range(2000):
            with behind(daemon, mutated(chance, chance.choice(seeds)) + b"QUIT\r\n") as client:
                try:
                    client.socket.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # it is closed already
                everything(client)
        daemon.wait_event("disconnect", count=2000)
        t.check(len(daemon.events("connect", proxy=re.escape(BALANCER))) > 200 and len(daemon.events("refuse")) > 200,
                "some were taken, some refused")


@test(covers="C-25 A-18")
def left_alone(t):
    """Clients that leave in the middle of the header, gently or not, and a stop meanwhile."""
    header = proxy.header(tlvs=proxy.tls())
    with t.daemon(listener=LISTENER) as daemon:
        for cut in range(len(header)):
            client = behind(daemon, header[:cut])
            if cut % 2:
                client.abort()
            client.close()
        daemon.wait_event("disconnect", count=len(header), client=re.escape(BALANCER), commands=0)
        t.equal(daemon.events("refuse"), [], "refused headers")
        waiting = behind(daemon, header[:-1])
        daemon.require_answer()
        t.equal(daemon.stop(), 0, "the exit status")
        daemon.wait_event("disconnect", client=re.escape(BALANCER), reason="stopping")
        waiting.close()


@test(covers="C-25 B-09 B-49")
def limits(t):
    """limits.sessions-per-address counts the real clients; the balancer has as many as it wants."""
    with t.daemon(listener=LISTENER, limits={"sessions-per-address": 2}, workers={"count": 1}) as daemon:
        silent = [daemon.connect(source=BALANCER) for _ in range(5)]
        clients = [behind(daemon, proxy.header()).greet() for _ in range(2)]
        with behind(daemon, proxy.header()) as third:
            reply = third.reply()
            t.equal((reply.code, reply.enhanced), (421, "4.7.0"), "the third of one address")
            t.check(is_closed(third), "it is closed")
        daemon.wait_event("reject", client=re.escape(REAL), code=421, limit="limits.sessions-per-address", value=2)
        with behind(daemon, line("192.0.2.8")) as other, behind(daemon, line("2001:db8::7", "TCP6", "::1")) as third:
            other.greet().expect("QUIT", 221)
            third.greet().expect("QUIT", 221)
        # Those of a /64 are one client.
        more = [behind(daemon, line(f"2001:db8:1::{number}", "TCP6", "::1")) for number in range(1, 4)]
        t.equal(sorted(client.reply().code for client in more), [220, 220, 421], "clients of one /64")
        # Health checks, and clients whom the balancer does not name.
        unnamed = [behind(daemon, header).greet() for header in (proxy.raw(proxy.LOCAL, 0, b""), b"PROXY UNKNOWN\r\n") * 2]
        clients.pop().close()
        daemon.wait_event("disconnect", client=re.escape(REAL), reason="client closed")
        with behind(daemon, proxy.header()) as again:
            again.greet().expect("QUIT", 221)
        for client in silent:
            client.send(line("198.51.100.%d" % silent.index(client)))
            client.greet().expect("QUIT", 221)
        for client in silent + clients + more + unnamed:
            client.close()


@test(covers="C-25 C-17 B-09")
def limits_before_tls(t):
    """Who would begin with TLS is told nothing in the clear."""
    pair = encrypted.make_pair(t.path("pair"))
    with t.daemon(listener={}, other_listeners={"tls": LISTENER | {"tls": "implicit"}}, tls=pair,
                  limits={"sessions-per-address": 1}) as daemon:
        with behind(daemon, line(), to="tls") as first:
            encrypted.secure(first).greet()
            with behind(daemon, line(), to="tls") as second:
                t.check(is_closed(second), "it is closed without a word")
            daemon.wait_event("reject", client=re.escape(REAL), limit="limits.sessions-per-address")
            first.expect("QUIT", 221)
        # The proxy's TLS needs none of ours: there the reply can be read.
        over_tls = proxy.header(tlvs=proxy.tls())
        daemon.wait_event("disconnect", client=re.escape(REAL), reason="quit")
        with behind(daemon, over_tls, to="tls") as first, behind(daemon, over_tls, to="tls") as second:
            codes = [first.greet() and 220, second.reply().code]
            t.equal(codes, [220, 421], "replies")


@test(covers="C-25 D-32 B-16")
def by_socket(t):
    """A balancer on the same host, by a unix socket: the network "unix"."""
    with t.daemon(listener={"protocol": "lmtp", "proxy": ["unix"], "xclient": ["unix"]}, by_socket=True,
                  other_listeners={"plain": {}}) as daemon:
        for header, shown in ((line(), rf"\[{REAL}\]"), (proxy.header("2001:db8::7", "::1"), r"\[IPv6:2001:db8::7\]"),
                              (b"PROXY UNKNOWN\r\n", "unix socket")):
            with daemon.connect() as client:
                client.send(header)
                offered = client.greet(verb="LHLO").expect("LHLO client.example", 250)
                t.equal(any("XCLIENT" in text for text in offered.lines), shown == "unix socket", "XCLIENT is offered")
                body = header[-20:].hex().encode() + b"\n"
                t.equal(client.deliver("a@client.example", ["alice@example.org"], body).code, 250, "a reply")
            t.check(re.search(rf"\({shown}\)", received(daemon, body)), received(daemon, body))
        daemon.wait_event("connect", client=re.escape(REAL), proxy="unix", listener="smtp")
        daemon.address, daemon.port = daemon.places["plain"]


@test(covers="C-25 A-23")
def reloaded(t):
    """Who is a balancer is what the configuration in force says."""
    with t.daemon(listener=LISTENER) as daemon:
        with behind(daemon, line()) as client:
            client.greet().expect("QUIT", 221)
        old = daemon.workers()
        daemon.write_configuration(listen=[daemon.listen("smtp", {"proxy": [STRANGER]})])
        daemon.signal(signal.SIGHUP)
        daemon.wait_event("reload", count=1)
        # They may take some more until they hear of it.
        processes.wait_until(lambda: not set(old) & set(daemon.workers()), 20, "the old workers have ended")
        with behind(daemon, line()) as client:
            t.equal([client.reply().code for _ in range(2)], [220, 500], "replies")
        with daemon.connect(source=STRANGER) as client:
            client.send(line())
            client.greet().expect("QUIT", 221)


@test(covers="C-25 B-05", timeout=120)
def many(t):
    """Many at a time, each with its own address, while some leave at once."""
    with t.daemon(listener=LISTENER, limits={"sessions-per-address": 1}) as daemon:
        clients = []
        for number in range(200):
            client = behind(daemon, proxy.header(f"10.0.{number // 250}.{number % 250}"))
            if number % 3 == 0:
                client.close()
            else:
                clients.append((number, client))
        for number, client in clients:
            client.greet()
            t.equal(client.deliver("a@client.example", ["alice@example.org"], b"%d\n" % number).code, 250, "a reply")
            client.close()
        texts = {one.body: one.header("Received") for one in daemon.mail().messages("alice@example.org")}
        t.equal(len(texts), len(clients), "messages")
        for number, _ in clients:
            t.check(f"([10.0.{number // 250}.{number % 250}])" in texts[b"%d\n" % number], texts[b"%d\n" % number])
