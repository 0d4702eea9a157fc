"""Messages in chunks: cut anywhere, of any bytes, and never taken for commands."""

import hashlib
import random
import re
import threading

from harness import processes
from harness.session import Closed
from harness.trial import test

TEXT = ("Subject: chunks\r\nX-Dots: .\r\n\r\n.\r\n..\r\n\r\n.\r\nQUIT\r\nBDAT 5 LAST\r\n"
        "Grüße – 日本語 😀\r\n\r\n.\r\n").encode()
STORED = TEXT.replace(b"\r\n", b"\n")
FORGED = b"MAIL FROM:<forged@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: forged\r\n.\r\n"
# What one server or another has taken for the end of the data.
ENDS = (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n", b"\r\n\0.\r\n",
        b"\r\n.\0\r\n", b"\r\n.\r\0\n", b"\n\n.\r\n", b"\r\n.\r\n", b"\r\n.\n\r\n", b"\r\r\n.\r\r\n", b"\r\n\x00.\n",
        b"\n.\n\n", b"\r\n. \r\n", b"\r\n.\r\r\n", b"\r\n.\x0b\n", b"\r\n.\x85\r\n")


def chunk(content, is_last=False):
    return b"BDAT %d%s\r\n" % (len(content), b" LAST" if is_last else b"") + content


def chunks(pieces):
    """The pieces, the last of which is the last."""
    return b"".join(chunk(piece, number == len(pieces) - 1) for number, piece in enumerate(pieces))


def begin(client, parameters="", recipient="alice@example.org"):
    client.expect(f"MAIL FROM:<sender@client.example>{parameters}", 250)
    client.expect(f"RCPT TO:<{recipient}>", 250)


def codes(client, count):
    return [client.reply().code for _ in range(count)]


def cut_in(content, size):
    return [content[at:at + size] for at in range(0, len(content), size)]


def require_bodies(t, daemon, wanted):
    bodies = daemon.mail().bodies("alice@example.org")
    t.equal((len(bodies), set(bodies)), (wanted, {STORED}), "messages, and different ones")
    daemon.mail().empty()


@test(covers="C-32 C-10 B-52", timeout=180)
def every_size(t):
    """Chunks of each size, with the envelope in one segment."""
    with t.daemon() as daemon, daemon.greeted() as client:
        for size in range(1, len(TEXT) + 1):
            pieces = cut_in(TEXT, size)
            client.send(b"MAIL FROM:<sender@client.example> BODY=8BITMIME\r\nRCPT TO:<alice@example.org>\r\n" + chunks(pieces))
            t.equal(codes(client, 2 + len(pieces)), [250] * (2 + len(pieces)), f"replies to chunks of {size}")
        require_bodies(t, daemon, len(TEXT))


@test(covers="C-32 C-10 D-48 B-52", timeout=180)
def every_cut(t):
    """Two chunks, cut at each byte: within CR LF, within a character, within the dots."""
    with t.daemon() as daemon, daemon.greeted() as client:
        for cut in range(len(TEXT) + 1):
            begin(client, " BODY=8BITMIME")
            client.send(chunk(TEXT[:cut]))
            t.equal(client.reply().code, 250, f"the reply to the first, cut at {cut}")
            client.send(chunk(TEXT[cut:], True))
            t.equal(client.reply().code, 250, f"the reply to the second, cut at {cut}")
        require_bodies(t, daemon, len(TEXT) + 1)


@test(covers="C-32 B-52", timeout=180)
def every_segment(t):
    """The whole dialogue in two segments, cut at each byte: within the commands, too."""
    content = b"MAIL FROM:<sender@client.example>\r\nRCPT TO:<alice@example.org>\r\n" + chunks(cut_in(TEXT, 50)) + b"NOOP\r\n"
    count = 3 + len(cut_in(TEXT, 50))
    with t.daemon() as daemon, daemon.greeted() as client:
        for cut in range(1, len(content)):
            client.send(content[:cut])
            client.send(content[cut:])
            t.equal(codes(client, count), [250] * count, f"replies, cut at {cut}")
        require_bodies(t, daemon, len(content) - 1)


def smuggle(t, client, cut_pieces, end, line_endings):
    """A message that holds an end and commands: one message or one rejection, never a second one."""
    begin(client)
    client.send(chunks(cut_pieces))
    found = codes(client, len(cut_pieces))
    client.expect("NOOP", 250)
    is_text = b"\0" not in end and (line_endings == "normalise"
                                    or not re.search(rb"(?<!\r)\n|\r(?!\n)", b"Subject: one" + end))
    wanted = 250 if is_text else 554
    t.equal([code for code in found if code != 503][-1], wanted, f"the reply to {end!r} in {len(cut_pieces)} chunks")
    return is_text


@test(covers="C-14 security.md:smuggling security.md:BDAT", timeout=240)
def smuggling(t):
    """Each sequence that somebody has taken for the end of the data, in chunks that are cut at each byte of it."""
    for line_endings in ("strict", "normalise"):
        with t.daemon(listener={"line-endings": line_endings}, limits={"errors": 0}) as daemon, daemon.greeted() as client:
            stored = 0
            for end in ENDS:
                content = b"Subject: one" + end + FORGED
                first = len(b"Subject: one")
                for cut in range(first, first + len(end) + 2):
                    stored += smuggle(t, client, [content[:cut], content[cut:]], end, line_endings)
                stored += smuggle(t, client, [content], end, line_endings)
                stored += smuggle(t, client, cut_in(content, 1), end, line_endings)
            t.equal(len(daemon.mail().files("alice@example.org")), stored, "messages of alice")
            t.equal(len(daemon.mail().all_files("new")), stored, "messages in all")
            t.equal(daemon.events("message", **{"from": "forged@example.org"}), [], "forged messages")
            for body in daemon.mail().bodies("alice@example.org"):
                t.check(body.endswith(b"Subject: forged\n.\n"), f"the message ends where it did: {body!r}")
            daemon.mail().empty()
        t.daemons[-1].remove()


@test(covers="C-32 security.md:BDAT", timeout=120)
def random_commands(t):
    """Commands within chunks, chunks out of order, sizes that fit and do not, faults: each octet is either
    of a command or of a chunk, as announced, whatever was said to it."""
    chance = random.Random(11)
    with t.daemon(limits={"errors": 0, "idle-commands": 0, "message-size": 2000}) as daemon:
        for _ in range(40):
            with daemon.greeted() as client:
                content, replies = b"", 0
                for _ in range(60):
                    kind = chance.randrange(8)
                    if kind < 4:
                        body = chance.choice((b"QUIT\r\n", b"x\n", b"a\0b", FORGED, b"", TEXT, b"y" * 1500, b".\r\n"))
                        content += chunk(body, chance.random() < 0.3)
                    else:
                        content += chance.choice((b"MAIL FROM:<sender@client.example>\r\n", b"RCPT TO:<alice@example.org>\r\n",
                                                  b"RSET\r\n", b"NOOP\r\n", b"MAIL FROM:<s@client.example> BODY=BINARYMIME\r\n",
                                                  b"RCPT TO:<nobody@example.org>\r\n", b"EHLO client.example\r\n"))
                    replies += 1
                client.send(content + b"RSET\r\n")
                t.equal(len([client.reply() for _ in range(replies + 1)]), replies + 1, "replies")
                t.equal(client.command("QUIT").code, 221, "the reply to QUIT: none was left out or too many")
        t.equal(len(daemon.mail().files("bob@example.org")), 0, "messages of bob")
        t.equal(daemon.events("message", **{"from": "forged@example.org"}), [], "forged messages")


@test(covers="C-10 C-32 C-21", timeout=120)
def binary(t):
    """Any bytes in chunks of any size, stored as they are: by digest."""
    chance = random.Random(5)
    contents = [bytes(range(256)) * 20, b"\0" * 70000, b"\r" * 1000 + b"\n" * 1000, b"\r\n.\r\n" * 1000,
                chance.randbytes(3_000_000), b"x" * 500_000]
    with t.daemon() as daemon, daemon.greeted() as client:
        for content in contents:
            begin(client, f" BODY=BINARYMIME SIZE={len(content)}")
            at = 0
            while at < len(content):
                size = chance.choice((1, 2, 7, 100, 1000, 65535, 65536, 65537, 1_000_000))
                client.send(chunk(content[at:at + size], at + size >= len(content)))
                t.equal(client.reply().code, 250, "the reply")
                at += size
        client.expect("QUIT", 221)
        found = sorted(hashlib.sha256(body).hexdigest() for body in daemon.mail().bodies("alice@example.org"))
        t.equal(found, sorted(hashlib.sha256(content).hexdigest() for content in contents), "digests")


@test(covers="C-10 C-32", timeout=120)
def large_text(t):
    """20 MB of text by chunks of 1 MB: the digest is that of the bytes with LF for CR LF."""
    chance = random.Random(6)
    lines = [b"".join(chance.choice((b"word ", b"more words ", b".", b"\xc3\xa4 ")) for _ in range(10)) for _ in range(1000)]
    content = b"\r\n".join(lines) + b"\r\n"
    content *= 20_000_000 // len(content)
    with t.daemon() as daemon, daemon.greeted() as client:
        begin(client, " BODY=8BITMIME")
        pieces = cut_in(content, 1 << 20)
        for number, piece in enumerate(pieces):
            client.send(chunk(piece, number == len(pieces) - 1))
        t.equal(codes(client, len(pieces)), [250] * len(pieces), "replies")
        (body,) = daemon.mail().bodies("alice@example.org")
        t.check(hashlib.sha256(body).digest() == hashlib.sha256(content.replace(b"\r\n", b"\n")).digest(), "the digest")


@test(covers="C-32 A-18 security.md:BDAT")
def broken_off(t):
    """A chunk of which fewer bytes come than were announced, and then the end of the connection."""
    openings = (chunk(b"x" * 100, True)[:-1], chunk(b"x" * 100)[:-1], chunk(TEXT) + b"BDAT 5 LAST\r\n", chunk(TEXT),
                b"BDAT 1000000 LAST\r\n" + TEXT, b"BDAT 18446744073709551615 LAST\r\n" + TEXT, b"BDAT 5", chunk(b"x" * 200000)[:-1])
    with t.daemon() as daemon:
        for number, opening in enumerate(openings * 2):
            with daemon.greeted() as client:
                begin(client)
                client.send(opening)
                if number >= len(openings):
                    client.abort()
        daemon.wait_event("disconnect", count=len(openings) * 2)
        t.equal(daemon.mail().all_files("new"), [], "messages")
        t.equal(daemon.events("message"), [], "messages in the log")


@test(covers="C-21 B-43 security.md:qmail", plain=True, timeout=120)
def memory(t):
    """What a chunk announces is not allocated, and what is dropped is not kept."""
    with t.daemon(workers={"count": 1}, limits={"message-size": 1 << 20}) as daemon, daemon.greeted() as client:
        (worker,) = daemon.workers()
        before = int(processes.status(worker)["VmRSS"].split()[0])
        others = [daemon.greeted() for _ in range(20)]
        for one in others:
            begin(one)
            one.send(b"BDAT 9223372036854775807 LAST\r\nx")
        piece = b"y" * 998 + b"\r\n"
        for command, wanted in ((b"", 503), (b"MAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.org>\r\n", 552)):
            client.send(command + b"BDAT %d LAST\r\n" % (len(piece) * 50000) + piece * 50000)
            if command:
                t.equal(codes(client, 2), [250, 250], "replies")
            t.equal(client.reply().code, wanted, "the reply to the chunk")
        after = int(processes.status(worker)["VmRSS"].split()[0])
        t.check(after - before < 8192, f"the worker had {before} KiB, and has {after} KiB")
        for one in others:
            one.close()


@test(covers="C-32 B-05", timeout=120)
def many_at_a_time(t):
    """Sessions that send chunks byte by byte beside one another."""
    errors = []

    def run(daemon, number):
        try:
            with daemon.greeted() as client:
                client.send_slowly(b"MAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.org>\r\n" + chunks(cut_in(TEXT, 3)), 200)
                wanted = 2 + len(cut_in(TEXT, 3))
                if codes(client, wanted) != [250] * wanted:
                    errors.append(number)
        except (OSError, Closed, AssertionError) as error:
            errors.append(repr(error))
    with t.daemon() as daemon:
        threads = [threading.Thread(target=run, args=(daemon, number), daemon=True) for number in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(90)
        t.equal(errors, [], "sessions that failed")
        require_bodies(t, daemon, 30)
