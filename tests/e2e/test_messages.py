"""What lies in the Maildir is what was sent, however it came and however big it was."""

import os
import random
import re
import socket
import struct
import threading

from harness import processes
from harness.session import wire
from harness.trial import test

MEBIBYTE = 1 << 20


def random_body(seed, lines):
    """Lines of any bytes but NUL, CR and LF, dots in front among them."""
    chance = random.Random(seed)
    allowed = [byte for byte in range(1, 256) if byte not in (10, 13)]
    result = [b"Subject: random %d" % seed, b""]
    for _ in range(lines):
        length = chance.choice((0, 1, 2, 10, 70, 400))
        result.append(b"." * chance.choice((0, 0, 1, 2)) + bytes(chance.choices(allowed, k=length)))
    return b"\n".join(result) + b"\n"


@test(covers="A-10 A-13 A-15 B-52")
def byte_for_byte(t):
    """Random bodies, in one piece and cut at random places."""
    with t.daemon() as daemon:
        bodies = [random_body(seed, 40) for seed in range(30)]
        with daemon.greeted() as client:
            for seed, body in enumerate(bodies):
                client.begin_data("a@client.example", ["alice@example.org"])
                content, chance = wire(body) + b".\r\n", random.Random(seed)
                while content:
                    length = chance.choice((1, 2, 3, 500, 5000))
                    client.send(content[:length])
                    content = content[length:]
                t.equal(client.reply().code, 250, "the reply")
        t.equal(sorted(daemon.mail().bodies("alice@example.org")), sorted(bodies), "the messages")


@test(covers="B-52 B-17")
def slow_client(t):
    """A whole session, each byte a segment of its own with a pause behind it, while others are served."""
    with t.daemon() as daemon, daemon.connect() as slow:
        slow.reply()
        for line, code in (("EHLO slow.example", 250), ("MAIL FROM:<a@client.example>", 250),
                           ("RCPT TO:<alice@example.org>", 250), ("DATA", 354),
                           ("Subject: slow\r\n\r\nslow\r\n.", 250)):
            slow.send_slowly(line.encode() + b"\r\n", pause=0.005)
            t.equal(slow.reply().code, code, line)
            daemon.send(["bob@example.org"])
        t.equal(daemon.mail().bodies("alice@example.org"), [b"Subject: slow\n\nslow\n"], "the slow message")
        t.equal(len(daemon.mail().files("bob@example.org")), 5, "messages meanwhile")


@test(covers="A-13 B-18 A-17 D-09")
def message_id(t):
    """The id that the sender is told is in every log line of the message and in its file name."""
    with t.daemon() as daemon:
        text = daemon.send(["alice@example.org", "bob@example.org"])
        found = re.search(r"[0-9a-v]{8,}-\d+", text)
        t.check(found, f"an id in {text!r}")
        session = found[0].split("-")[0]
        message = daemon.wait_event("message", message=found[0], session=session)
        t.check(message["size"].isdigit() and int(message["size"]) > 0, message.line)
        for mailbox in ("alice@example.org", "bob@example.org"):
            line = daemon.wait_event("delivery", message=found[0], session=session, mailbox=mailbox)
            (stored,) = daemon.mail().messages(mailbox)
            t.check(found[0] in stored.name, f"{found[0]} in {stored.name}")
            t.check(line["file"].endswith(stored.name), line.line)
            t.equal(int(line["size"]), len(stored.bytes), "the size logged")
            t.check(f"S={len(stored.bytes)}" in stored.name, f"S= in {stored.name}")
            t.check(f"id {found[0]}" in stored.header("Received"), stored.header("Received"))


@test(covers="B-18 B-45 A-22 B-17")
def session_lines(t):
    """Connection, commands (verbose) and disconnection bear the same session id; ids sort by time."""
    with t.daemon(verbose=True) as daemon:
        daemon.send()
        daemon.send()
        daemon.wait_event("disconnect", count=2)
        connects = daemon.events("connect")
        for connect in connects:
            own = [event["event"] for event in daemon.events() if event.get("session") == connect["session"]]
            t.equal((own[0], own[-1]), ("connect", "disconnect"), "first and last line of a session")
            t.check(own.count("command") >= 5 and own.count("reply") >= 5, f"commands and replies: {own}")
            t.check(connect["client"].startswith("127.") and connect["port"].isdigit(), connect.line)
        t.check(connects[0]["session"] < connects[1]["session"], "ids are in the order of time")


@test(covers="A-16 B-49", timeout=180)
def big_messages(t):
    """Several of 5 MiB at once come through unchanged."""
    line = b"0123456789abcdef" * 4 + b"\n"
    bodies = [b"Subject: big %d\n\n" % number + line * (5 * MEBIBYTE // len(line)) for number in range(4)]
    with t.daemon() as daemon:
        clients = [daemon.greeted() for _ in bodies]
        for client in clients:
            client.begin_data("a@client.example", ["alice@example.org", "bob@example.org"])
        pieces = [wire(body) + b".\r\n" for body in bodies]
        for start in range(0, max(map(len, pieces)), MEBIBYTE):
            for client, piece in zip(clients, pieces):
                client.send(piece[start:start + MEBIBYTE])
        for client in clients:
            t.equal(client.reply().code, 250, "the reply")
            client.close()
        for mailbox in ("alice@example.org", "bob@example.org"):
            t.check(sorted(daemon.mail().bodies(mailbox)) == sorted(bodies), f"{mailbox} has them unchanged")


def peak(daemon):
    """The highest memory of workers and delivery so far, in KiB."""
    pids = daemon.workers() + [daemon.delivery()]
    return {pid: int(processes.status(pid)["VmHWM"].split()[0]) for pid in pids}


@test(covers="A-16 D-02", timeout=180, plain=True)
def memory_is_flat(t):
    """A message of 40 MiB needs no more memory than one of 1 MiB, in the worker and in delivery."""
    line = b"x" * 998 + b"\r\n"
    with t.daemon(workers={"count": 1}) as daemon:
        def send(mebibytes):
            with daemon.greeted() as client:
                client.begin_data("a@client.example", ["alice@example.org", "bob@example.org"])
                for _ in range(mebibytes):
                    client.send(line * (MEBIBYTE // len(line)))
                client.send(b".\r\n")
                t.equal(client.reply().code, 250, "the reply")
        send(1)
        before = peak(daemon)
        send(40)
        after = peak(daemon)
        t.equal(set(after), set(before), "the processes")
        for pid, kibibytes in after.items():
            t.check(kibibytes - before[pid] < 2048, f"{pid} grew from {before[pid]} to {kibibytes} KiB")


@test(covers="A-16 D-02")
def spool_leaves_nothing(t):
    """Where the spool lies nothing is visible, neither during a big message nor after it."""
    spool = t.path("spool")
    os.mkdir(spool)
    os.chmod(spool, 0o1777)
    with t.daemon(spool=spool) as daemon:
        with daemon.greeted() as client:
            client.begin_data("a@client.example", ["alice@example.org"])
            client.send((b"x" * 998 + b"\r\n") * 1000)
            t.equal(os.listdir(spool), [], "the spool folder during the message")
            client.send(b".\r\n")
            t.equal(client.reply().code, 250, "the reply")
        t.equal(os.listdir(spool), [], "the spool folder afterwards")


@test(covers="B-52 A-13")
def client_half_closes(t):
    """A client that closes its side behind the message still hears what became of it."""
    with t.daemon() as daemon, daemon.connect() as client:
        client.send(b"EHLO client.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n"
                    b"half closed\r\n.\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        codes = [client.reply().code for _ in range(6)]
        t.equal(codes, [220, 250, 250, 250, 354, 250], "the replies")
        t.check(client.is_closed(), "the connection is closed")
        t.equal(daemon.mail().bodies("alice@example.org"), [b"half closed\n"], "messages")


@test(covers="A-18 B-52")
def client_breaks_off(t):
    """A connection that is reset, within a message and right behind its end, leaves no half message."""
    envelope = b"EHLO x\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n"
    with t.daemon() as daemon:
        for number in range(40):
            client = daemon.connect()
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.send(envelope + b"x\r\n" * 2 * number * 100 + b".\r\n" * (number % 2))
            client.close()
        daemon.wait_event("disconnect", count=40)
        whole = {b"x\n" * 2 * number * 100 for number in range(1, 40, 2)}
        t.equal([body for body in daemon.mail().bodies("alice@example.org") if body not in whole], [], "halves")


@test(covers="B-52 D-06", timeout=120)
def many_messages_in_one_stream(t):
    """A thousand transactions without waiting for any reply."""
    count = 1000
    with t.daemon() as daemon, daemon.connect() as client:
        stream = b"EHLO client.example\r\n" + b"".join(
            b"MAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\nmessage %d\r\n.\r\n" % number
            for number in range(count)) + b"QUIT\r\n"
        sender = threading.Thread(target=client.send, args=(stream,), daemon=True)
        sender.start()
        codes = [client.reply().code for _ in range(3 + 4 * count)]
        sender.join()
        t.equal(codes, [220, 250] + [250, 250, 354, 250] * count + [221], "the replies")
        t.equal(sorted(daemon.mail().bodies("alice@example.org")),
                sorted(b"message %d\n" % number for number in range(count)), "messages")
