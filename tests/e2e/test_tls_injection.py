"""STARTTLS where it does not belong, plain text that would reach into TLS, smuggling under TLS."""

import os
import re
import signal
import socket

from harness import dialogue, processes, tls
from harness.session import Closed, Session
from harness.trial import test

MAIL, RCPT = "MAIL FROM:<a@client.example>", "RCPT TO:<alice@example.org>"
SMUGGLING = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dialogues", "smuggling.smtp")
# All that a session may hold in which something came too early: 554, or 220 and an alert of TLS.
BROKEN_OFF = re.compile(rb"554 5\.5\.1 [^\r\n]*\r\n|220 2\.0\.0 [^\r\n]*\r\n(\x15\x03[\x01-\x03]\x00\x02[\x01\x02].)?", re.S)


def everything(client):
    """All bytes up to the end of the connection."""
    came, client.pending = client.pending, b""
    try:
        while got := client.socket.recv(65536):
            came += got
    except ConnectionResetError:
        pass
    return came


def half_close(client):
    try:
        client.socket.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # it is closed already


def require_broken_off(t, client, what):
    came = everything(client)
    t.check(BROKEN_OFF.fullmatch(came), f"{what}: the server says {came!r}")
    return came[:3]


def require_refused(t, client, what):
    t.equal(require_broken_off(t, client, what), b"554", f"{what}: the reply")


def shake_hands(client):
    """A handshake on a connection where STARTTLS has been answered; whether it can be used."""
    return client.secure().expect("EHLO client.example", 250)


# ---- out of place


@test(covers="B-06 B-07 B-14 security.md:STARTTLS-with-parameters")
def out_of_place(t):
    """With arguments, before EHLO, in a transaction, twice: refused, and nothing has changed."""
    with t.daemon(**tls.served(t), limits={"errors": 0}) as daemon, daemon.connect() as client:
        client.reply()
        client.expect("STARTTLS", 503)
        client.expect("EHLO client.example", 250)
        for line, code in ((b"STARTTLS now", 501), (b"STARTTLS \x01", 501), (b"STARTTLS  x", 501), (b"STARTTLS\x01", 500),
                           (b"STARTTLSX", 500), (b"STARTTLS\x00", 500), (b"STARTTLS:", 500), (b"START TLS", 500),
                           (b" STARTTLS", 500), (b"STARTTLS\r", 500), (b"\xe2\x84\xaaSTARTTLS", 500)):
            t.equal(client.command(line).code, code, f"the reply to {line!r}")
        client.expect(MAIL, 250)
        client.expect("STARTTLS", 503)
        client.expect(RCPT, 250)
        client.expect("STARTTLS", 503)
        client.expect(b"BDAT 3\r\na", 250)
        client.expect("STARTTLS", 503)
        client.expect(b"BDAT 0 LAST", 250)
        client.begin_data("a@client.example", ["alice@example.org"])
        client.send(b"STARTTLS\r\n.\r\n")
        t.equal(client.reply().code, 250, "the message that says STARTTLS")
        client.expect("starttls ", 220)
        shake_hands(client)
        client.expect("STARTTLS", 503)
        client.expect("STARTTLS now", 501)
        client.send(b"STARTTLS\r\nNOOP\r\n")
        t.equal((client.reply().code, client.reply().code), (503, 250), "the replies to STARTTLS and NOOP under TLS")
        client.expect(MAIL, 250)
        client.expect("STARTTLS", 503)
        client.expect(RCPT, 250)
        t.equal(len(daemon.events("tls")), 1, "handshakes")


@test(covers="B-06 B-49")
def again_and_again(t):
    """Each STARTTLS that is refused is a fault, and too many end the session, as ever."""
    with t.daemon(**tls.served(t), limits={"errors": 10}) as daemon, daemon.secured() as client:
        for _ in range(9):
            client.expect("STARTTLS", 503)
        client.expect("STARTTLS", 503)
        t.equal(client.reply().code, 421, "the last reply")
        t.check(client.is_closed(), "it is closed")


# ---- plain text behind it


@test(covers="C-15 security.md:STARTTLS-command-injection")
def in_the_same_segment(t):
    """Whatever stands behind STARTTLS in its segment: 554, and the session is over."""
    tails = (b"NOOP\r\n", b"EHLO forged.example\r\n", b"\0", b"\n", b"\r\n", b" ", b"\x16", b"\x16\x03\x01", b"STARTTLS\r\n",
             b"QUIT\r\n", MAIL.encode() + b"\r\n", b"N" * 600, b"NOOP\r\n" * 3000, tls.Machine().hello(),
             tls.Machine().hello() + b"NOOP\r\n", tls.Machine().hello()[:5])
    with t.daemon(**tls.served(t), verbose=True) as daemon:
        for tail in tails:
            with daemon.greeted() as client:
                client.send(b"STARTTLS\r\n" + tail)
                require_refused(t, client, f"STARTTLS and {tail[:30]!r}")
        daemon.wait_event("reject", count=len(tails), command="STARTTLS", code="554")
        t.equal(daemon.events("tls"), [], "handshakes")
        t.equal(len(daemon.events("command", line="EHLO.*")), len(tails), "commands EHLO")


@test(covers="C-15")
def last_of_a_group(t):
    """What stands before it is answered first; it is the last one of its group (RFC 2920 3.1), so that is allowed."""
    with t.daemon(**tls.served(t)) as daemon:
        with daemon.greeted() as client:
            client.send(b"NOOP\r\nRSET\r\n" + MAIL.encode() + b"\r\nRSET\r\nSTARTTLS\r\n")
            t.equal([client.reply().code for _ in range(5)], [250, 250, 250, 250, 220], "the replies")
            shake_hands(client)
        with daemon.greeted() as client:
            client.begin_data("a@client.example", ["alice@example.org"])
            client.send(b"x\r\n.\r\nSTARTTLS\r\n")
            t.equal([client.reply().code, client.reply().code], [250, 220], "the replies to a message and STARTTLS")
            shake_hands(client)
        with daemon.greeted() as client:
            client.begin_data("a@client.example", ["alice@example.org"])
            client.send(b"x\r\n.\r\nSTARTTLS\r\nNOOP\r\n")
            t.equal(client.reply().code, 250, "the message")
            require_refused(t, client, "STARTTLS and NOOP behind a message")


@test(covers="C-15 security.md:STARTTLS-command-injection", timeout=120)
def split_at_every_byte(t):
    """Where the plain text comes in its own segment it is found, or it breaks the handshake; it is never answered."""
    with t.daemon(**tls.served(t), limits={"sessions-per-address": 0}) as daemon:
        for tail in (b"NOOP\r\n", b"EHLO x\r\nMAIL FROM:<>\r\n", tls.Machine().hello()):
            line = b"STARTTLS\r\n" + tail
            for place in range(1, min(len(line), 60)):
                with daemon.greeted() as client:
                    client.send(line[:place])
                    try:
                        client.send(line[place:])
                    except ConnectionError:
                        pass
                    if tail[0] == 0x16 and place == len("STARTTLS\r\n"):
                        continue  # a ClientHello that comes in its own time is one
                    code = require_broken_off(t, client, f"{line[:place]!r} and {line[place:][:30]!r}")
                    if place < len("STARTTLS\r\n"):
                        t.equal(code, b"554", f"what is said to a line that is split at {place}")


@test(covers="C-15 security.md:STARTTLS-command-injection")
def before_the_reply_is_read(t):
    """Plain text that is sent when the 220 is under way, with and without a handshake behind it."""
    with t.daemon(**tls.served(t)) as daemon:
        for tail in (b"NOOP\r\n", b"EHLO forged.example\r\n", b"NOOP\r\n" + tls.Machine().hello(), b"\r\n", b"\0" * 5,
                     b"\x16\x03\x01\x00\x06NOOP\r\n", b"GET / HTTP/1.0\r\n\r\n"):
            with daemon.greeted() as client:
                client.send(b"STARTTLS\r\n")
                client.socket.recv(1, socket.MSG_PEEK)
                client.send(tail)
                # Too short for a record: then nothing is said, and the end of the connection is the end.
                half_close(client)
                t.equal(require_broken_off(t, client, f"{tail[:30]!r} behind the 220"), b"220", "the reply")
        daemon.wait_event("disconnect", count=7, reason="(handshake failed|client closed|.*reset.*)")
        t.equal(daemon.events("tls"), [], "handshakes")


@test(covers="C-15 security.md:STARTTLS-command-injection")
def while_a_message_waits(t):
    """STARTTLS behind a message whose verdict takes its time, and plain text that comes meanwhile."""
    with t.daemon(**tls.served(t)) as daemon:
        daemon.send()
        delivery = daemon.delivery()
        for tail in (b"", b"NOOP\r\n", b"EHLO x\r\n"):
            with daemon.greeted() as client:
                client.begin_data("a@client.example", ["alice@example.org"])
                os.kill(delivery, signal.SIGSTOP)
                client.send(b"x\r\n.\r\nSTARTTLS\r\n")
                for worker in daemon.workers():
                    processes.falls_asleep(worker)
                client.send(tail)
                os.kill(delivery, signal.SIGCONT)
                t.equal(client.reply().code, 250, "the message")
                if tail:
                    require_refused(t, client, f"STARTTLS and, later, {tail!r}")
                else:
                    t.equal(client.reply().code, 220, "the reply to STARTTLS")
                    shake_hands(client)


@test(covers="C-15 B-49")
def behind_replies_that_are_not_taken(t):
    """STARTTLS when the client has left so many replies unread that no more is taken."""
    helps = 3000
    for tail, wanted in ((b"", 220), (b"NOOP\r\n", 554)):
        daemon = t.prepare(**tls.served(t), limits={"idle-commands": 0})
        path = daemon.path("run", "mail")
        daemon.write_configuration(listen=[("smtp", {"address": [path]})])
        daemon.address = path
        daemon.start()
        with daemon.greeted() as client:
            client.send(b"HELP\r\n" * helps + b"STARTTLS\r\n" + tail)
            for worker in daemon.workers():
                processes.falls_asleep(worker)
            t.equal({client.reply().code for _ in range(helps)}, {214}, "the replies to HELP")
            if wanted == 220:
                t.equal(client.reply().code, wanted, "the reply to STARTTLS")
                shake_hands(client)
            else:
                require_refused(t, client, "STARTTLS and NOOP")
        daemon.finish()


@test(covers="C-15 security.md:STARTTLS-response-injection")
def nothing_behind_the_reply(t):
    """The 220 is the last thing in the clear: of pipelined commands nothing is answered behind it."""
    with t.daemon(**tls.served(t)) as daemon:
        for _ in range(50):
            with daemon.greeted() as client:
                client.send(b"NOOP\r\nSTARTTLS\r\n")
                t.equal([client.reply().code, client.reply().code], [250, 220], "the replies")
                t.equal(client.pending, b"", "what is read behind 220")
                machine = tls.Machine().shake_over(client.socket)
                client.socket.sendall(machine.seal(b"QUIT\r\n"))
                t.check(machine.open(everything(client)).startswith(b"221 "), "the reply under TLS")


# ---- smuggling (see dialogues/smuggling.smtp)


def sequences():
    """What that dialogue sends in place of messages."""
    found = [step[1] for step in dialogue.parse_dialogue(SMUGGLING).steps if step[0] == "send" and b"forged" in step[1]]
    return list(dict.fromkeys(found))


# Read at once: an ordinary user may not reach the file.
SEQUENCES = sequences()


def attempt(t, client, first, second, wanted):
    """One message in two records: one reply to it, and the next command has its own."""
    client.send(first)
    client.send(second)
    reply = client.reply()
    t.check(reply.code in wanted, f"{first!r} {second!r}: the reply is {reply}")
    client.expect("NOOP", 250)
    return int(reply.code == 250)


def attempts_by_data(t, client, content):
    for place in range(1, len(content)):
        client.begin_data("sender@client.example", ["alice@example.org"])
        attempt(t, client, content[:place], content[place:], (554,))


def attempts_by_bdat(t, client, content):
    """The records end anywhere; the chunk's length says what belongs to it."""
    whole = b"BDAT %d LAST\r\n%s" % (len(content), content)
    stored = 0
    for place in range(1, len(whole)):
        client.envelope("sender@client.example", ["alice@example.org"])
        stored += attempt(t, client, whole[:place], whole[place:], (250, 554))
    for place in range(1, len(content)):
        client.envelope("sender@client.example", ["alice@example.org"])
        client.send(b"BDAT %d\r\n%s" % (place, content[:place]))
        reply = client.reply()
        if reply.code == 250:
            stored += attempt(t, client, b"BDAT %d LAST\r\n" % (len(content) - place), content[place:], (250, 554))
        else:
            t.equal(reply.code, 554, "the reply to the first chunk")
            client.expect("RSET", 250)
    return stored


@test(covers="C-14 B-52 security.md:SMTP-smuggling", timeout=300)
def smuggling(t):
    """Each sequence, cut into two records at every byte, by DATA and by BDAT: one message or none."""
    t.check(len(SEQUENCES) >= 20, f"{len(SEQUENCES)} sequences")
    options = {"limits": {"errors": 0, "idle-commands": 0}}
    with t.daemon(**tls.served(t), **options) as daemon:
        stored = 0
        for content in SEQUENCES:
            with daemon.secured() as client:
                attempts_by_data(t, client, content)
                stored += attempts_by_bdat(t, client, content)
                client.expect("QUIT", 221)
        mail = daemon.mail()
        t.equal(len(mail.files("alice@example.org")), stored, "messages of alice")
        t.equal(len(mail.all_files("new")), stored, "messages in all")
        senders = {event["from"] for event in daemon.events("delivery")}
        t.check(senders <= {"sender@client.example"}, f"senders {senders}")


@test(covers="C-14 B-52 security.md:SMTP-smuggling")
def end_of_data_in_records(t):
    """CR LF . CR LF cut into records of one byte each is an end all the same; close_notify in it is none."""
    with t.daemon(**tls.served(t)) as daemon:
        with daemon.secured() as client:
            client.begin_data("a@client.example", ["alice@example.org"])
            for byte in b"Subject: x\r\n\r\n..\r\n.\r\n":
                client.send(bytes([byte]))
            t.equal(client.reply().code, 250, "the message")
        for part in (b"x\r\n", b"x\r\n.", b"x\r\n.\r"):
            client = daemon.secured()
            client.begin_data("a@client.example", ["alice@example.org"])
            client.send(part)
            try:
                client.socket.unwrap().close()
            except OSError:
                client.close()
        daemon.wait_event("disconnect", count=4, reason="client closed")
        t.equal(daemon.mail().bodies("alice@example.org"), [b"Subject: x\n\n.\n"], "messages")


def refused_at_once(daemon):
    """Whether a new session is refused as long as this one is held."""
    try:
        with Session(daemon.address, daemon.port) as client:
            return client.reply().code == 421
    except Closed:
        return True


@test(covers="B-49 C-15")
def sessions_are_counted_once(t):
    """A session that was broken off by STARTTLS makes room again."""
    with t.daemon(**tls.served(t), limits={"sessions-per-address": 2}) as daemon:
        for _ in range(10):
            with daemon.greeted() as client:
                client.send(b"STARTTLS\r\nNOOP\r\n")
                require_refused(t, client, "STARTTLS and NOOP")
            processes.wait_until(lambda: not refused_at_once(daemon), 30, "room")
