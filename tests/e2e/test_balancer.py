"""HAProxy in front: its own headers of the PROXY protocol, its health checks, its TLS."""

import concurrent.futures
import re

from harness import encrypted
from harness.haproxy import SOURCE, HAProxy
from harness.processes import wait_until
from harness.session import Session
from harness.trial import test

LISTENER = {"proxy": [SOURCE], "early-talkers": "refuse"}
CHECK = "check inter 100ms fastinter 100ms"
SMTP_CHECK = ["option smtpchk EHLO check.example"]


def client_of(number):
    return f"127.0.1.{number + 1}"


def send_one(daemon, port, number, **options):
    """A message of a client of its own address, through the balancer."""
    with Session(daemon.address, port, source=client_of(number), **options) as client:
        client.greet()
        reply = client.deliver("sender@client.example", ["alice@example.org"], b"message %d\n" % number)
        client.expect("QUIT", 221)
        return reply.code


def require_clients(t, daemon, count, protocol="ESMTP"):
    texts = {one.body: one.header("Received") for one in daemon.mail().messages("alice@example.org")}
    t.equal(len(texts), count, "messages")
    for number in range(count):
        text = texts[b"message %d\n" % number]
        t.check(f"([{client_of(number)}])" in text and f"with {protocol} " in text, text)
        daemon.wait_event("connect", client=re.escape(client_of(number)), proxy=re.escape(SOURCE))


def through(t, server, lines=(), checked=True):
    with t.daemon(listener=LISTENER) as daemon, HAProxy(t, daemon, {"mail": ("smtp", server, lines)}) as balancer:
        if checked:
            wait_until(lambda: balancer.status()["mail"]["check_status"] in ("L4OK", "L7OK"), 30, "a health check")
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            codes = list(pool.map(lambda number: send_one(daemon, balancer.ports["mail"], number), range(50)))
        t.equal(codes, [250] * 50, "replies")
        require_clients(t, daemon, 50)
        t.equal(daemon.events("refuse"), [], "refused headers")
        t.equal(balancer.status()["mail"]["status"], "UP" if checked else "no check", "the server's status")


@test(covers="C-25", timeout=120)
def version_2(t):
    """send-proxy-v2, and health checks that end behind their header."""
    through(t, f"send-proxy-v2 {CHECK} check-send-proxy")


@test(covers="C-25", timeout=120)
def version_2_options(t):
    """With a checksum and a unique id, and health checks that speak SMTP."""
    through(t, f"send-proxy-v2 proxy-v2-options crc32c,unique-id {CHECK} check-send-proxy",
            [*SMTP_CHECK, "unique-id-format %{+X}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid"])


@test(covers="C-25", timeout=120)
def version_1(t):
    """send-proxy, and health checks with such a line."""
    through(t, f"send-proxy {CHECK} check-send-proxy", SMTP_CHECK)


@test(covers="C-25", timeout=120)
def without_health_checks(t):
    through(t, "send-proxy", checked=False)


@test(covers="C-25", timeout=120)
def wrong_health_checks(t):
    """Checks without a header (to a port that is named, HAProxy sends none) fail; mail goes on."""
    with t.daemon(listener=LISTENER, timeouts={"proxy": 1}) as daemon, HAProxy(t, daemon, {
            "mail": ("smtp", "send-proxy-v2", ()),
            "checked": ("smtp", f"send-proxy-v2 {CHECK} port {daemon.port}", SMTP_CHECK)}) as balancer:
        wait_until(lambda: balancer.status()["checked"]["status"] == "DOWN", 60, "the balancer says so")
        daemon.wait_event("disconnect", client=re.escape(SOURCE), reason=".*timeouts\\.proxy.*|client closed")
        t.equal(send_one(daemon, balancer.ports["mail"], 0), 250, "a message")
        require_clients(t, daemon, 1)


@test(covers="C-25 C-30", timeout=120)
def tls(t):
    """TLS at the balancer: told by its header, and what postern requires."""
    pair = encrypted.make_pair(t.path("pair"))
    with open(t.path("both.pem"), "wb") as both:
        for path in (*pair["certificate"], *pair["key"]):
            with open(path, "rb") as file:
                both.write(file.read())
    with t.daemon(listener=LISTENER | {"tls": "required"}, tls=pair) as daemon, HAProxy(t, daemon, {
            "mail": ("smtp", "send-proxy-v2-ssl-cn proxy-v2-options ssl,authority,ssl-cipher", ())},
            bind=f"ssl crt {t.path('both.pem')}") as balancer:
        for number in range(5):
            with Session(daemon.address, balancer.ports["mail"], source=client_of(number)) as client:
                encrypted.secure(client).greet()
                reply = client.deliver("a@client.example", ["alice@example.org"], b"message %d\n" % number)
                t.equal(reply.code, 250, "the reply")
        require_clients(t, daemon, 5, "ESMTPS")
        for one in daemon.mail().messages("alice@example.org"):
            t.check(re.search(r"\(TLSv1\.3 TLS_AES_\w+ mx\.example\.org\)", one.header("Received")), one.header("Received"))


@test(covers="C-25 C-27", timeout=120)
def lmtp(t):
    with t.daemon(listener=LISTENER | {"protocol": "lmtp"}) as daemon, HAProxy(
            t, daemon, {"mail": ("smtp", "send-proxy-v2", ())}) as balancer:
        with Session(daemon.address, balancer.ports["mail"], source=client_of(0)) as client:
            client.greet(verb="LHLO")
            client.begin_data("a@client.example", ["alice@example.org", "bob@example.org"])
            client.send(b"message 0\r\n.\r\n")
            t.equal([client.reply().code for _ in range(2)], [250, 250], "replies")
        require_clients(t, daemon, 1, "LMTP")
