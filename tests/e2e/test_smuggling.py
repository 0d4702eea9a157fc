"""SMTP smuggling: the end of the data is CR LF . CR LF, whatever bare CRs and LFs are taken for.

Each sequence stands in a message whose rest would be a second one, if the sequence were taken for its
end.  It is sent by DATA and by BDAT, cut at each byte, to listeners of each kind: one reply comes, for
one message, and its words are those of a slow reference.
"""

import re
import time

from harness.tls_client import make_certificate, secured
from harness.trial import test

# CVE-2023-51764, -51765, -51766, CVE-2023-52354, CVE-2024-27305, and what is like them.
SEQUENCES = (
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n", b"\n\n.\n\n", b"\n\n.\r\n",
    b"\n\r.\r\n", b"\n\r.\n\r", b"\r\r.\r\n", b"\n\r\n.\n", b"\r\n.\r\r\n", b"\r\n.\r\r", b"\r\n.\n\r\n", b"\r\n.\n\n",
    b"\r\n.\n\r", b"\r\r\n.\r\r\n", b"\r\r\n.\n", b"\r\n\r.\r\n", b"\r\n\n.\r\n", b"\r\n.\r.\r\n", b"\r\n.\n.\r\n",
    b"\n..\r\n", b"\r..\r\n", b"\r\n..\n", b"\r\n..\r", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\0\n.\r\n", b"\r\n.\r\0\n",
    b"\n\0.\r\n", b"\r\0.\r\n", b"\0\n.\n", b"\r \n.\r\n", b"\r\n.\r \n", b"\x8d\n.\r\n", b"\r\x8a.\r\n", b"\r\n.\x8d\n",
    b"\r\n.\r\x8a", b"\r\n.\x0b\n", b"\r\n.\x0c\r", b"\r\n.\xc2\x85\n", b"\r\n.\xe2\x80\xa8\n", b"\r\n. \n", b"\r\n.\t\r",
    b"\n.\x00\r\n", b"\r\n.\r\x0b\n", b"\r\n\r\n.\n\r\n", b"\r\n.\r\x00", b"\n\n\n.\n\n\n",
)
BEFORE = b"Subject: one\r\n\r\nfirst"
BEHIND = (b"MAIL FROM:<forged@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nFrom: forged@example.org\r\n\r\n"
          b"forged\r\n.\r\n")
LISTENERS = {"normalise": {"line-endings": "normalise"}}
NONE = {"errors": 0, "unknown-commands": 0, "idle-commands": 0}
# So that each piece is a segment of its own, and most of them a read; nothing depends on it.
PAUSE = 0.0005


def faults(content):
    """What is wrong with a message, in the order in which it is named."""
    found = [(re.search(rb"(?<!\r)\n", content), "Bare LF"), (re.search(rb"\r(?!\n)", content), "Bare CR"),
             (b"\0" in content, "NUL")]
    return [name for is_there, name in found if is_there]


def normalised(content, by_data):
    """Lines end in CR LF; what is bare within them is one end each. A dot is doubled behind CR LF only."""
    lines = content.split(b"\r\n")
    if by_data:
        lines = [line[1:] if line.startswith(b".") else line for line in lines]
    return b"\n".join(lines).replace(b"\r", b"\n")


class Case:
    def __init__(self, sequence, title, by_data):
        self.sequence, self.title, self.by_data = sequence, title, by_data
        # Of DATA the last line is the end; a chunk says its size, and dots are dots.
        self.content = BEFORE + sequence + BEHIND
        self.message = self.content.removesuffix(b".\r\n") if by_data else self.content
        self.faults = faults(self.message)
        if title == "normalise":
            self.faults = [name for name in self.faults if name == "NUL"]

    def places(self):
        """Where it is cut: within the sequence and around it, and within the end."""
        start, end = len(BEFORE), len(BEFORE + self.sequence)
        return [*range(start - 1, end + 3), *range(len(self.content) - 5, len(self.content) + 1)]

    def pieces(self, cut):
        return [piece for piece in (self.content[:cut], self.content[cut:]) if piece]

    def __str__(self):
        return f"{self.sequence!r} to {self.title} by {'DATA' if self.by_data else 'BDAT'}"


def send_by_chunks(client, pieces):
    """Each piece is a chunk; those before the last one get replies of their own, unless they are at fault."""
    for piece in pieces[:-1]:
        client.send(b"BDAT %d\r\n" % len(piece) + piece)
        if client.reply().code != 250:
            client.send(b"NOOP\r\n")
            return False
    client.send(b"BDAT %d LAST\r\n" % len(pieces[-1]) + pieces[-1] + b"NOOP\r\n")
    return True


def require_one_reply(t, client, case, what):
    """To the message, and then to the NOOP behind it: nothing of the message was a command."""
    reply, noop = client.reply(), client.reply()
    t.equal(noop.text, "250 2.0.0 OK", f"{what}: the reply to NOOP; before it {reply}")
    if case.faults:
        t.equal((reply.code, reply.enhanced, case.faults[0] in reply.text), (554, "5.6.0", True), f"{what}: {reply}")
    else:
        t.check(reply.text.startswith("250 2.0.0 Stored as "), f"{what}: {reply}")
    return reply.code


def play(t, client, case, cut):
    client.envelope("a@client.example", ["alice@example.org"])
    if case.by_data:
        client.expect("DATA", 354)
    else:
        client.send(b"BDAT %d LAST\r\n" % len(case.content))
    client.send(case.content[:cut])
    time.sleep(PAUSE)
    client.send(case.content[cut:] + b"NOOP\r\n")
    return require_one_reply(t, client, case, f"{case} cut at {cut}")


def require_mail(t, daemon, wanted, what):
    mail = daemon.mail()
    t.equal(sorted(mail.bodies("alice@example.org")), sorted(wanted), f"{what}: messages")
    t.equal(mail.files("bob@example.org"), [], f"{what}: smuggled messages")
    mail.empty()


@test(covers="C-14 B-52 D-08 security.md:smuggling", timeout=300)
def by_data(t):
    """Cut at each byte of the sequence, of what is around it, and of the end."""
    with t.daemon(other_listeners=LISTENERS, limits=NONE) as daemon:
        for title in ("smtp", "normalise"):
            with daemon.greeted(to=title) as client:
                for sequence in SEQUENCES:
                    case = Case(sequence, title, True)
                    codes = [play(t, client, case, cut) for cut in case.places()]
                    require_mail(t, daemon, [normalised(case.message, True)] * codes.count(250), case)
        t.check(daemon.events("message", code="250"), "messages were taken")


@test(covers="C-14 B-52 D-08 security.md:smuggling", timeout=300)
def by_bdat(t):
    """In one chunk, cut in the same way: all of it is the message."""
    with t.daemon(other_listeners=LISTENERS, limits=NONE) as daemon:
        for title in ("smtp", "normalise"):
            with daemon.greeted(to=title) as client:
                for sequence in SEQUENCES:
                    case = Case(sequence, title, False)
                    codes = [play(t, client, case, cut) for cut in case.places()]
                    require_mail(t, daemon, [normalised(case.message, False)] * codes.count(250), case)


@test(covers="C-14 B-52 D-08 security.md:smuggling", timeout=300)
def by_two_chunks(t):
    """The same as two chunks: what is cut there is put together again, and the first chunk that is at fault
    ends the transaction."""
    with t.daemon(other_listeners=LISTENERS, limits=NONE) as daemon:
        for title in ("smtp", "normalise"):
            with daemon.greeted(to=title) as client:
                for sequence in SEQUENCES:
                    case, stored = Case(sequence, title, False), 0
                    for cut in case.places():
                        client.envelope("a@client.example", ["alice@example.org"])
                        if send_by_chunks(client, case.pieces(cut)):
                            stored += require_one_reply(t, client, case, f"{case} in chunks of {cut}") == 250
                        else:
                            t.check(case.faults, f"{case} in chunks of {cut}: the first one was refused")
                            t.equal(client.reply().text, "250 2.0.0 OK", "the reply to NOOP")
                    require_mail(t, daemon, [normalised(case.message, False)] * stored, case)


@test(covers="C-14 B-52 D-08 security.md:smuggling", timeout=300)
def byte_by_byte(t):
    """Each byte of the whole transaction a segment of its own, and all sequences in one segment."""
    with t.daemon(other_listeners=LISTENERS, limits=NONE) as daemon:
        for title in ("smtp", "normalise"):
            cases = [Case(sequence, title, True) for sequence in SEQUENCES]
            stream = b"".join(b"MAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n" + case.content
                              for case in cases)
            wanted = [code for case in cases for code in (250, 250, 354, 554 if case.faults else 250)]
            for send in (lambda client, content: client.send(content),
                         lambda client, content: client.send_slowly(content, slow=len(content), pause=0)):
                with daemon.greeted(to=title) as client:
                    send(client, stream)
                    t.equal([client.reply().code for _ in wanted], wanted, f"{title}: the replies")
                    client.expect("QUIT", 221)
                require_mail(t, daemon, [normalised(case.message, True) for case in cases if not case.faults], title)


@test(covers="C-14 C-17 security.md:smuggling", timeout=300)
def under_tls(t):
    """The same behind a handshake, each piece a record."""
    tls = {"tls": "implicit"}
    listeners = {"smtps": tls, "normalise": LISTENERS["normalise"] | tls}
    with t.daemon(other_listeners=listeners, limits=NONE, tls=make_certificate(t)) as daemon:
        for title in listeners:
            with secured(daemon.connect(to=title)).greet() as client:
                for sequence in SEQUENCES:
                    case = Case(sequence, title, True)
                    cuts = range(len(BEFORE), len(BEFORE + sequence) + 1)
                    codes = [play(t, client, case, cut) for cut in cuts]
                    require_mail(t, daemon, [normalised(case.message, True)] * codes.count(250), case)


@test(covers="C-14 C-10 D-08 security.md:smuggling")
def what_is_stored_is_clean(t):
    """No file has a CR or a NUL, whatever was sent: who reads it and sends it on has nothing to smuggle."""
    with t.daemon(other_listeners=LISTENERS, limits=NONE) as daemon, daemon.greeted(to="normalise") as client:
        for sequence in SEQUENCES:
            for by_data_ in (True, False):
                case = Case(sequence, "normalise", by_data_)
                play(t, client, case, 1)
        stored = daemon.mail().messages("alice@example.org")
        t.check(len(stored) > len(SEQUENCES), f"{len(stored)} messages")
        t.equal([message.bytes for message in stored if b"\r" in message.bytes or b"\0" in message.bytes], [], "messages")
