"""XCLIENT and XFORWARD: clients that speak for others, those that must not, and what others told them."""

import random
import re

from harness import encrypted
from harness.session import Closed
from harness.trial import test

TRUSTED = "127.0.0.2"
LISTENER = {"xclient": [TRUSTED], "xforward": [TRUSTED]}


def trusted(daemon, **options):
    return daemon.greeted(source=TRUSTED, **options)


def speak_for(client, address, more="", verb="EHLO"):
    """XCLIENT, and a greeting of the one it speaks for."""
    client.expect(f"XCLIENT ADDR={address}{more}", 220)
    client.expect(f"{verb} other.example", 250)
    return client


def deliver(client, body):
    reply = client.deliver("sender@client.example", ["alice@example.org"], body)
    if reply.code != 250:
        raise AssertionError(f"the message was answered with {reply}")


def received(daemon):
    return {one.body: one.header("Received") for one in daemon.mail().messages("alice@example.org")}


@test(covers="C-26 C-15 security.md:session-fixation")
def with_tls(t):
    """What XCLIENT has said holds behind STARTTLS, and TLS holds behind XCLIENT; the greeting is forgotten."""
    pair = encrypted.make_pair(t.path("pair"))
    with t.daemon(listener=LISTENER, other_listeners={"must": LISTENER | {"tls": "required"}}, tls=pair) as daemon:
        with trusted(daemon) as client:
            speak_for(client, "192.0.2.7", " HELO=said.example")
            client.expect("STARTTLS", 220)
            encrypted.secure(client)
            t.equal(client.command("MAIL FROM:<a@client.example>").code, 503, "MAIL before EHLO")
            lines = client.expect("EHLO other.example", 250).lines
            t.check(not any("STARTTLS" in line for line in lines), f"{lines}")
            deliver(client, b"before\n")
            speak_for(client, "192.0.2.8")
            lines = client.expect("EHLO other.example", 250).lines
            t.check(not any("STARTTLS" in line for line in lines), f"{lines}")
            t.equal(client.command("STARTTLS").code, 503, "STARTTLS once more")
            deliver(client, b"behind\n")
        with trusted(daemon, to="must") as client:
            t.equal(client.command("XCLIENT ADDR=192.0.2.9").code, 530, "XCLIENT in the clear")
            client.expect("STARTTLS", 220)
            encrypted.secure(client).expect("EHLO proxy.example", 250)
            deliver(speak_for(client, "192.0.2.9"), b"required\n")
        texts = received(daemon)
        for body, address in ((b"before\n", "192.0.2.7"), (b"behind\n", "192.0.2.8"), (b"required\n", "192.0.2.9")):
            t.check(f"from other.example ([{address}])" in texts[body] and "with ESMTPS (TLSv1.3 " in texts[body], texts[body])


@test(covers="C-26 B-09 B-49")
def limits(t):
    """limits.sessions-per-address counts whom a session speaks for, and him no more when it ends or goes on."""
    with t.daemon(listener=LISTENER, limits={"sessions-per-address": 1}) as daemon:
        first = speak_for(trusted(daemon), "192.0.2.7")
        # The trusted client itself is free again.
        second = trusted(daemon)
        second.send(b"XCLIENT ADDR=192.0.2.7\r\nEHLO other.example\r\n")
        reply = second.reply()
        t.equal((reply.code, reply.enhanced), (421, "4.7.0"), "the second of one address")
        t.check(second.is_closed(), "it is closed")
        daemon.wait_event("reject", client=r"192\.0\.2\.7", code=421, limit="limits.sessions-per-address")
        second.close()
        speak_for(first, "192.0.2.8")
        with trusted(daemon) as third:
            deliver(speak_for(third, "192.0.2.7"), b"x\n")
            third.expect("QUIT", 221)
        daemon.wait_event("disconnect", client=r"192\.0\.2\.7", reason="quit")
        # Many addresses in one session leave nothing behind.
        for number in range(1, 250):
            first.expect(f"XCLIENT ADDR=198.51.100.{number}", 220)
        first.expect("XCLIENT ADDR=203.0.113.1", 220)
        for number in range(1, 250, 25):
            with trusted(daemon) as client:
                speak_for(client, f"198.51.100.{number}").expect("QUIT", 221)
            daemon.wait_event("disconnect", client=rf"198\.51\.100\.{number}", reason="quit")
        first.expect("EHLO first.example", 250)
        first.close()


@test(covers="C-26 D-32 B-16")
def by_socket(t):
    """A local proxy by a unix socket; it has no address, and whom it speaks for has one."""
    with t.daemon(listener={"xclient": ["unix"]}, by_socket=True, limits={"sessions-per-address": 1}) as daemon:
        clients = [daemon.greeted() for _ in range(3)]
        for number, client in enumerate(clients):
            deliver(speak_for(client, f"192.0.2.{number}"), b"%d\n" % number)
        with daemon.greeted() as client:
            t.equal(client.command("XCLIENT ADDR=192.0.2.1").code, 421, "one too many")
        for number, text in enumerate(received(daemon)[b"%d\n" % number] for number in range(3)):
            t.check(f"([192.0.2.{number}])" in text, text)
        daemon.wait_event("xclient", count=3, former="unix")
        for client in clients:
            client.expect("QUIT", 221)
            client.close()


@test(covers="C-26 B-52 security.md:pipelining")
def pipelined(t):
    """What comes behind XCLIENT in the same segment is of the session that begins with it; where pipelining is
    refused nothing may."""
    with t.daemon(listener=LISTENER, other_listeners={"strict": LISTENER | {"pipelining": "refuse"}}) as daemon:
        with trusted(daemon) as client:
            client.send(b"XCLIENT ADDR=192.0.2.7\r\nMAIL FROM:<a@client.example>\r\nEHLO other.example\r\n"
                        b"MAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.org>\r\nXCLIENT ADDR=192.0.2.8\r\nDATA\r\n")
            t.equal([client.reply().code for _ in range(7)], [220, 503, 250, 250, 250, 503, 354], "replies")
            client.send(b"x\r\n.\r\nXCLIENT ADDR=192.0.2.8\r\nEHLO other.example\r\nRCPT TO:<alice@example.org>\r\n")
            t.equal([client.reply().code for _ in range(4)], [250, 220, 250, 503], "replies")
        t.check("([192.0.2.7])" in received(daemon)[b"x\n"], received(daemon)[b"x\n"])
        with trusted(daemon, to="strict") as client:
            client.send(b"XCLIENT ADDR=192.0.2.7\r\nEHLO other.example\r\n")
            t.equal(client.reply().code, 554, "the reply")
            t.check(client.is_closed(), "it is closed")
        # XFORWARD is no such command: Postfix sends several of them at once.
        with trusted(daemon, to="strict") as client:
            client.send(b"XFORWARD ADDR=192.0.2.7\r\nXFORWARD HELO=a.example\r\nMAIL FROM:<a@client.example>\r\n")
            t.equal([client.reply().code for _ in range(3)], [250, 250, 250], "replies")


NAMES = "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT IDENT SOURCE TTL X".split()
PIECES = [b"192.0.2.7", b"IPV6:2001:db8::1", b"25", b"ESMTP", b"a.example", b"[UNAVAILABLE]", b"+0D+0A", b"+00", b"+20", b"+", b"=",
          b"(", b")", b"\\", b'"', b"\xff", "ü".encode(), b"\x1b[31m", b"+1B", b"+E2+80+AE", b"event=delivery", b"[", b"]", b"%n", b"LOCAL",
          b"x" * 300, b"\t", b"\0", b"\r", b" "]


@test(covers="C-26 security.md:header-injection security.md:log-injection", timeout=120)
def forged_values(t):
    """Whatever stands in an attribute: a reply each, a log that can be read, and a Received that says what it must."""
    chance = random.Random(3)
    with t.daemon(listener=LISTENER, limits={"errors": 0, "idle-commands": 0}, verbose=True) as daemon:
        for number in range(30):
            with trusted(daemon) as client:
                for _ in range(100):
                    arguments = [b"%s=%s" % (chance.choice(NAMES).encode(), b"".join(chance.choices(PIECES, k=chance.choice((1, 1, 1, 2, 3)))))
                                 for _ in range(chance.choice((1, 1, 2, 3)))]
                    reply = client.command(chance.choice((b"XCLIENT ", b"XFORWARD ")) + b" ".join(arguments))
                    t.check(reply.code in (220, 250, 500, 501, 503), f"{reply}")
                    if reply.code == 220:
                        client.expect("EHLO other.example", 250)
                deliver(client, b"%d\n" % number)
        for text in received(daemon).values():
            t.check(re.fullmatch(r"from (other|client)\.example \(\[[0-9A-Fa-f:.IPv]+\]\) by mx\.example\.org \(postern\) with ESMTP "
                                 r"id \S+ for <alice@example\.org>; [^()]+", text), text)
        t.check(len(daemon.events("xclient")) > 20 and len(daemon.events("xforward")) > 20, "some were taken")
        for event in daemon.events("xclient") + daemon.events("xforward"):
            t.check(not re.search(r"[\x00-\x1f\x7f]", "".join(map(str, event.values()))), f"a control byte in {event.line}")


@test(covers="C-26")
def refused_elsewhere(t):
    """The network of one listener says nothing at another; a stranger learns nothing by trying."""
    with t.daemon(listener=LISTENER, other_listeners={"other": {}}) as daemon:
        for options in ({"to": "other", "source": TRUSTED}, {"source": "127.0.0.3"}):
            with daemon.greeted(**options) as client:
                lines = client.expect("EHLO client.example", 250).lines
                t.check(not any("XCLIENT" in line or "XFORWARD" in line for line in lines), f"{lines}")
                for command in ("XCLIENT ADDR=192.0.2.7", "XCLIENT", "XCLIENT FOO=bar", "XFORWARD ADDR=192.0.2.7", "XFORWARD"):
                    reply = client.command(command)
                    t.equal((reply.code, reply.enhanced), (550, "5.7.1"), command)
        # It counts as an error of the protocol.
        with daemon.greeted(source="127.0.0.3") as client:
            found = []
            try:
                for _ in range(100):
                    found.append(client.command("XCLIENT ADDR=192.0.2.7").code)
            except (Closed, ConnectionError):
                pass
            t.equal((len(found), found[-1]), (21, 421), "replies before the end")
        t.equal(daemon.events("xclient"), [], "XCLIENT in the log")
