"""Clients that do not wait for replies where RFC 2920 wants them to."""

from harness.arrival import send_at_once, wait_for_arrival
from harness.session import Session
from harness.tls_client import make_certificate, secured
from harness.trial import test

REFUSE = {"pipelining": "refuse"}
# What the worker gives to the engine at once.
PIECE = 1024
ENVELOPE = b"MAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.org>\r\n"
MESSAGE = b"Subject: x\r\n\r\nx\r\n.\r\n"
# RFC 2920 3.1, RFC 3207 4, RFC 4954 4, and what is a greeting.
LAST = ("EHLO again.example", "HELO again.example", "NOOP", "VRFY alice", "EXPN team", "TURN", "QUIT", "STARTTLS",
        "AUTH PLAIN", "XCLIENT ADDR=192.0.2.1", "ehlo again.example", "NoOp x")
# The replies that groups get which are allowed.
GROUPS = (
    (ENVELOPE + b"DATA\r\n", [250, 250, 354], b""),
    (b"RSET\r\n" + ENVELOPE + b"RCPT TO:<bob@example.org>\r\nDATA\r\n", [250, 250, 250, 250, 354], b""),
    (ENVELOPE + b"RSET\r\n" + ENVELOPE + b"QUIT\r\n", [250] * 5 + [221], b""),
    (b"RSET\r\nRSET\r\nNOOP\r\n", [250] * 3, b""),
    (b"MAIL FROM:<a@client.example>\r\nRCPT TO:<nobody@example.org>\r\nRCPT TO:<alice@example.org>\r\nVRFY alice\r\n",
     [250, 550, 250, 252], b""),
    # RFC 2920 3.1: a message may be the first one of a group.
    (ENVELOPE + b"DATA\r\n", [250, 250, 354], MESSAGE + ENVELOPE + b"DATA\r\n"),
    (ENVELOPE + b"DATA\r\n", [250, 250, 354], MESSAGE + b"QUIT\r\n"),
    # RFC 3030 4.2: chunks may be pipelined.
    (ENVELOPE + b"BDAT 3\r\nabcBDAT 5 LAST\r\nNOOP!" + ENVELOPE + b"BDAT 0 LAST\r\nRSET\r\nNOOP\r\n",
     [250, 250, 250, 250, 250, 250, 250, 250, 250], b""),
    (b"MAIL FROM:<>\r\nBDAT 8 LAST\r\nNOOP\r\n\r\nQUIT\r\n", [250, 503, 221], b""),
    # The octets of a chunk are no commands, whatever becomes of it.
    (b"BDAT 12 LAST\r\nNOOP\r\nNOOP\r\nNOOP\r\n", [503, 250], b""),
)


def codes(client, count):
    return [client.reply().code for _ in range(count)]


def require_refused(t, client, what):
    reply = client.reply()
    t.equal((reply.code, reply.enhanced, "did not wait" in reply.text), (554, "5.5.1", True), f"the reply to {what}")
    t.check(reply.session, f"the id of the session in {reply}")
    t.check(client.is_closed(), f"{what}: it is closed")
    client.close()


@test(covers="B-47 B-49 security.md:pipelining")
def commands_that_end_a_group(t):
    """With more behind it, even one byte, each of them ends the session, and neither is carried out."""
    with t.daemon(listener=REFUSE, verbose=True) as daemon:
        for line in LAST:
            for behind in (b"RSET\r\n", b"\n", b"X", b"QUIT\r\n", ENVELOPE, b"\x16\x03\x01"):
                client = daemon.greeted()
                client.send(line.encode() + b"\r\n" + behind)
                require_refused(t, client, f"{line} and {behind!r}")
            verb = line.split()[0]
            daemon.wait_event("reject", count=6, code="554", command=verb, decided="protocol")
            daemon.wait_event("disconnect", count=6, reason="bad-pipelining", commands="2")
        t.equal(len(daemon.events("disconnect")), 6 * len(LAST), "sessions")


@test(covers="B-47 B-49 C-14 security.md:pipelining")
def data_and_body_at_once(t):
    """A body that comes without waiting for 354: DATA is refused, and what stands in the body is no
    command and no mail."""
    with t.daemon(listener=REFUSE) as daemon:
        for body in (MESSAGE, b"x", b".\r\n", MESSAGE + ENVELOPE + b"DATA\r\n" + MESSAGE, b"x" * 70000):
            client = daemon.greeted()
            client.send(ENVELOPE + b"DATA\r\n" + body)
            t.equal(codes(client, 2), [250, 250], "the envelope")
            require_refused(t, client, f"DATA and {body[:40]!r}")
        daemon.wait_event("reject", count=5, code="554", command="DATA")
        t.equal(daemon.mail().all_files("new"), [], "messages")


@test(covers="B-47 C-14")
def groups_that_are_allowed(t):
    with t.daemon(listener=REFUSE) as daemon:
        for content, wanted, more in GROUPS:
            with daemon.greeted() as client:
                client.send(content)
                t.equal(codes(client, len(wanted)), wanted, f"the replies to {content!r}")
                client.send(more)
                if more:
                    t.equal(client.reply().code, 250, "the message")
                if more and not more.endswith(b"QUIT\r\n"):
                    t.equal(codes(client, 3), [250, 250, 354], "the group behind the message")
        t.equal(len(daemon.mail().files("alice@example.org")), 4, "messages")
        t.equal(len(daemon.events("reject", code="554")), 0, "sessions refused")


@test(covers="B-47 B-49")
def who_waits_is_served(t):
    """Whatever the pieces are that the commands come in."""
    with t.daemon(listener=REFUSE) as daemon, daemon.connect() as client:
        client.reply()
        for number, (line, code) in enumerate((("EHLO client.example", 250), ("NOOP", 250), ("VRFY x", 252), ("HELP", 214), (
                "MAIL FROM:<a@client.example>", 250), ("RCPT TO:<alice@example.org>", 250), ("DATA", 354), (
                    "x\r\n.", 250), ("HELO client.example", 250), ("MAIL FROM:<b@client.example>", 250), (
                        "RCPT TO:<alice@example.org>", 250), ("DATA", 354), ("y\r\n.", 250), ("QUIT", 221))):
            (client.send_slowly if number % 2 else client.send)(line.encode() + b"\r\n")
            t.equal(client.reply().code, code, line)
        t.check(client.is_closed(), "it is closed")
        t.equal(daemon.mail().bodies("alice@example.org"), [b"x\n", b"y\n"], "messages")


# Where PIPELINING was not offered: two commands at once, the first of which is the one that is refused.
PAIRS = (b"MAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.org>\r\n", b"RSET\r\nRSET\r\n", b"HELP\r\nHELP\r\n",
         b"NOOP\r\nNOOP\r\n", b"FROBNICATE\r\nRSET\r\n", b"WIZ\r\nRSET\r\n", b"MAIL\r\nRSET\r\n", b"RCPT TO:<x@x>\r\nRSET\r\n",
         b"BDAT 0 LAST\r\nRSET\r\n", b"R\0SET\r\nRSET\r\n", b"R\rSET\r\nRSET\r\n", b"\r\n\r\n")


def begin(client, greeting):
    client.reply()
    if greeting:
        client.expect(greeting, 250)
    return client


@test(covers="B-47 B-49 C-22 security.md:pipelining")
def nothing_was_offered(t):
    """Before EHLO, behind HELO, and where PIPELINING is hidden, every line waits for its reply."""
    others = {"hidden": REFUSE | {"hide": ["PIPELINING"]}}
    with t.daemon(listener=REFUSE, other_listeners=others) as daemon:
        for title, greeting in (("smtp", ""), ("smtp", "HELO client.example"), ("hidden", "EHLO client.example")):
            for pair in PAIRS:
                client = begin(daemon.connect(to=title), greeting)
                client.send(pair)
                require_refused(t, client, f"{pair!r} behind {greeting!r}")
        with daemon.greeted(to="hidden") as client:
            t.check("PIPELINING" not in client.expect("EHLO client.example", 250).text, "it is not offered")
            t.equal(client.deliver("a@client.example", ["alice@example.org"], b"x\n").code, 250, "who waits")


@test(covers="B-47 B-49 security.md:pipelining security.md:smuggling")
def behind_a_message(t):
    """The same of the end of a message. It is what a smuggled message begins with: of two that come at
    once neither is taken."""
    two = MESSAGE + ENVELOPE + b"DATA\r\n" + MESSAGE
    others = {"hidden": REFUSE | {"hide": ["PIPELINING"]}}
    with t.daemon(listener=REFUSE, other_listeners=others) as daemon:
        for title, greeting in (("smtp", "HELO client.example"), ("hidden", "EHLO client.example")):
            for before, content in ((b"", two), (b"", MESSAGE + b"Q"), (b"", b".\r\n\r\n"), (b"Subject: one\r\n" * 5000, two)):
                client = begin(daemon.connect(to=title), greeting)
                client.begin_data("a@client.example", ["alice@example.org"])
                client.send(before)
                wait_for_arrival(client)
                client.send(content)
                require_refused(t, client, f"{content[-60:]!r} behind {greeting}")
            client = begin(daemon.connect(to=title), greeting)
            client.envelope("a@client.example", ["alice@example.org"])
            client.send(b"BDAT 2 LAST\r\nx\nRSET\r\n")
            require_refused(t, client, f"BDAT and RSET behind {greeting}")
        t.equal(daemon.mail().all_files("new"), [], "messages")


def group_that_ends_at(size, end):
    """A group of so many bytes whose last command is `end`."""
    rest = size - len(ENVELOPE) - len(end)
    lines, room = divmod(rest, 1000)
    return (b"RSET" + b" " * 994 + b"\r\n") * lines + b"RSET" + b" " * (room - 6) + b"\r\n" + ENVELOPE + end


@test(covers="B-47 B-49 security.md:pipelining")
def at_the_edge_of_a_piece(t):
    """Nothing depends on where the worker's own pieces end."""
    with t.daemon(listener=REFUSE, limits={"idle-commands": 0}) as daemon:
        for size in (PIECE, 2 * PIECE, 16 * PIECE, 31 * PIECE):
            content = group_that_ends_at(size, b"DATA\r\n")
            t.equal(len(content), size, "the size of the group")
            client = daemon.greeted()
            send_at_once(daemon, client, content + MESSAGE)
            replies = codes(client, content.count(b"\r\n") - 1)
            t.equal(set(replies), {250}, "the group")
            require_refused(t, client, f"DATA at {size} and a body")
        t.equal(daemon.mail().all_files("new"), [], "messages")


@test(covers="B-47 B-49 C-17 security.md:pipelining")
def in_records(t):
    """Under TLS each record is read by itself; they have come together all the same."""
    listeners = {"smtps": REFUSE | {"tls": "implicit"}}
    with t.daemon(other_listeners=listeners, tls=make_certificate(t)) as daemon:
        for first, second in ((b"DATA\r\n", MESSAGE), (b"NOOP\r\n", b"NOOP\r\n"), (b"EHLO again.example\r\n", b"NOOP\r\n")):
            client = secured(daemon.connect(to="smtps")).greet()
            client.envelope("a@client.example", ["alice@example.org"])
            client.send_records(first, second)
            require_refused(t, client, f"{first!r} and {second!r}")
        with secured(daemon.connect(to="smtps")).greet() as client:
            client.send_records(ENVELOPE, b"DATA\r\n")
            t.equal(codes(client, 3), [250, 250, 354], "a group that is allowed")
        t.equal(daemon.mail().all_files("new"), [], "messages")


@test(covers="B-47 C-27")
def lmtp(t):
    """LHLO is as good as EHLO; and a message has as many replies as recipients."""
    with t.daemon(listener=REFUSE | {"protocol": "lmtp"}) as daemon:
        client = daemon.greeted()
        client.send(ENVELOPE + b"RCPT TO:<bob@example.org>\r\nDATA\r\n")
        t.equal(codes(client, 4), [250, 250, 250, 354], "the group")
        client.send(MESSAGE + ENVELOPE + b"LHLO again.example\r\n")
        t.equal(codes(client, 5), [250] * 5, "two replies, and those to the next group")
        client.send(b"LHLO again.example\r\nRSET\r\n")
        require_refused(t, client, "LHLO and RSET")


@test(covers="B-47 B-49")
def tolerated(t):
    """The default: a whole session at once, in an order that no RFC allows, is served."""
    with t.daemon() as daemon, Session(daemon.address, daemon.port) as client:
        client.send(b"NOOP\r\nHELO client.example\r\n" + ENVELOPE + b"DATA\r\n" + MESSAGE + b"EHLO client.example\r\nNOOP\r\n"
                    + ENVELOPE + b"DATA\r\n" + MESSAGE + b"QUIT\r\n")
        t.equal(codes(client, 13), [220, 250, 250, 250, 250, 354, 250, 250, 250, 250, 250, 354, 250], "the replies")
        t.equal(client.reply().code, 221, "the last reply")
        t.equal(len(daemon.mail().files("alice@example.org")), 2, "messages")
