"""Quota for each mailbox: refused at RCPT and at the end of the message, and room again when the owner makes it."""

import os
import signal

from harness import processes
from harness.session import wire
from harness.trial import test

FULL = (452, "4.2.2")
NEVER = (552, "5.2.2")
FINE = (250, "2.1.5")
ALICE, BOB = "alice@example.org", "bob@example.org"


def verdict(reply):
    return reply.code, reply.enhanced


def rcpt(client, recipient, parameters=""):
    """MAIL and RCPT, then RSET: what RCPT was answered."""
    client.expect(f"MAIL FROM:<a@client.example>{parameters}", 250)
    reply = client.command(f"RCPT TO:<{recipient}>")
    client.expect("RSET", 250)
    return verdict(reply)


def deliver(client, recipients, length, parameters=""):
    """A message of about that length; what its end was answered."""
    client.expect(f"MAIL FROM:<a@client.example>{parameters}", 250)
    for recipient in recipients:
        client.expect(f"RCPT TO:<{recipient}>", 250)
    client.expect("DATA", 354)
    client.send(wire(b"x" * 70 + b"\n") * (length // 71) + b".\r\n")
    return client.reply()


def size_path(daemon, mailbox=ALICE):
    return os.path.join(daemon.mail().folder(mailbox), "maildirsize")


def forget_size(daemon, mailbox=ALICE):
    """There is none yet where the mailbox was made by its first message."""
    if os.path.exists(size_path(daemon, mailbox)):
        os.unlink(size_path(daemon, mailbox))


def size_lines(daemon, mailbox=ALICE):
    with open(size_path(daemon, mailbox), encoding="ascii") as file:
        return file.read().splitlines()


def held(daemon, mailbox=ALICE):
    """What maildirsize says: (bytes, messages)."""
    numbers = [list(map(int, line.split())) for line in size_lines(daemon, mailbox)[1:]]
    return tuple(map(sum, zip(*numbers)))


def stored(daemon, mailbox=ALICE):
    """What is there: (bytes, messages)."""
    files = daemon.mail().files(mailbox) + daemon.mail().files(mailbox, "cur")
    return sum(os.path.getsize(path) for path in files), len(files)


def fill(daemon, client, mailbox=ALICE, length=4000):
    """Messages until one is refused."""
    for count in range(100):
        client.expect("MAIL FROM:<a@client.example>", 250)
        if client.command(f"RCPT TO:<{mailbox}>").code != 250:
            client.expect("RSET", 250)
            return count
        client.expect("DATA", 354)
        client.send(wire(b"x" * 70 + b"\n") * (length // 71) + b".\r\n")
        if client.reply().code != 250:
            return count
    raise AssertionError("the mailbox never fills")


@test(covers="C-11 A-17")
def full_by_messages(t):
    """As many as it may hold, then 452 at RCPT, with the line of the table and the limit in the log."""
    with t.daemon(mailboxes=["bob", "alice quota-messages=2"]) as daemon, daemon.greeted() as client:
        for _ in range(2):
            t.equal(deliver(client, [ALICE], 200).code, 250, "the message")
        t.equal(rcpt(client, ALICE), FULL, "the third")
        event = daemon.wait_event("reject", code="452")
        t.equal((event.get("decided"), event.get("limit"), event.get("value")), ("mailboxes:2", "quota-messages", "2"),
                "what the log says")
        t.equal(rcpt(client, "ALICE+tag@example.org"), FULL, "by another name")
        t.equal(rcpt(client, "alice@example.net"), FINE, "the same name in another domain")
        t.equal(rcpt(client, BOB), FINE, "without a quota")
        t.equal(size_lines(daemon)[0], "2C", "the quota in maildirsize")
        t.equal(held(daemon), stored(daemon), "what maildirsize says")
        t.check(not os.path.exists(size_path(daemon, BOB)), "a mailbox without a quota has no maildirsize")


@test(covers="C-11")
def declared_size(t):
    """SIZE of MAIL counts at RCPT: 452 where it does not fit now, 552 where it never will."""
    with t.daemon(mailboxes=["alice quota=10K", "bob"]) as daemon, daemon.greeted() as client:
        t.equal(rcpt(client, ALICE, " SIZE=10240"), FINE, "all of it")
        t.equal(rcpt(client, ALICE, " SIZE=10241"), NEVER, "more than it may ever hold")
        event = daemon.wait_event("reject", code="552")
        t.equal((event.get("decided"), event.get("limit"), event.get("value")), ("mailboxes:1", "quota", "10240"), "the log")
        t.equal(deliver(client, [ALICE], 5000).code, 250, "half of it")
        used, _ = stored(daemon)
        t.equal(rcpt(client, ALICE, f" SIZE={10240 - used}"), FINE, "what is left")
        t.equal(rcpt(client, ALICE, f" SIZE={10240 - used + 1}"), FULL, "one byte more")
        t.equal(rcpt(client, BOB, " SIZE=10241"), FINE, "without a quota")
        t.equal(rcpt(client, ALICE), FINE, "without SIZE")


@test(covers="C-11 A-18")
def over_by_the_body(t):
    """What was not declared is refused at the end of the message, and leaves nothing."""
    with t.daemon(mailboxes=["alice quota=10K", "bob"]) as daemon, daemon.greeted() as client:
        t.equal(deliver(client, [ALICE], 6000).code, 250, "the first")
        before = stored(daemon)
        t.equal(verdict(deliver(client, [ALICE], 6000)), FULL, "the second")
        daemon.wait_event("failed", mailbox=ALICE, code="452", reason=".*quota.*10240.*")
        t.equal(verdict(deliver(client, [ALICE], 12000)), NEVER, "one that will never fit")
        t.equal(verdict(deliver(client, [BOB, ALICE], 6000)), FULL, "all or none")
        t.equal(daemon.mail().files(BOB), [], "messages of bob")
        t.equal(stored(daemon), before, "messages of alice")
        t.equal(held(daemon), before, "what maildirsize says")
        t.equal(deliver(client, [ALICE], 2000).code, 250, "one that fits")


@test(covers="C-11")
def full_to_the_last_byte(t):
    """A message of exactly the quota fits; then not even one of unknown size is begun."""
    with t.daemon() as daemon:
        with daemon.greeted() as client:
            t.equal(deliver(client, [BOB], 2000).code, 250, "a message to measure")
        size, _ = stored(daemon, BOB)
    # Delivered-To and Received name the mailbox, and ids are of one length but for their number.
    with t.daemon(mailboxes=[f"bob quota={size}"]) as daemon, daemon.greeted() as client:
        t.equal(deliver(client, [BOB], 2000).code, 250, "one that fills it")
        t.equal(stored(daemon, BOB)[0], size, "its size")
        t.equal(rcpt(client, BOB), FULL, "without SIZE")
        t.equal(rcpt(client, BOB, " SIZE=1"), FULL, "SIZE=1")


@test(covers="C-11")
def owner_makes_room(t):
    """A reader removes a message: with its line in maildirsize, or without one, which counting finds."""
    with t.daemon(mailboxes=["alice quota=20K"]) as daemon, daemon.greeted() as client:
        fill(daemon, client)
        t.equal(rcpt(client, ALICE, " SIZE=8000"), FULL, "full")
        first, second, *_ = daemon.mail().files(ALICE)
        with open(size_path(daemon), "a", encoding="ascii") as file:
            file.write(f"-{os.path.getsize(first)} -1\n")
        os.unlink(first)
        os.rename(second, second.replace("/new/", "/cur/") + ":2,S")
        t.equal(rcpt(client, ALICE, " SIZE=4000"), FINE, "room by the line")
        lines = len(size_lines(daemon))
        t.check(lines > 2, f"it was not counted: {lines} lines")
        t.equal(held(daemon), stored(daemon), "what maildirsize says")
        for path in daemon.mail().files(ALICE):
            os.unlink(path)
        t.equal(rcpt(client, ALICE, " SIZE=12000"), FINE, "room by counting")
        t.equal(len(size_lines(daemon)), 2, "lines of the new file")
        t.equal(held(daemon), stored(daemon), "what maildirsize says")
        t.equal(rcpt(client, ALICE, " SIZE=18000"), FULL, "and not more than that")


@test(covers="C-11")
def counted_when_old(t):
    """A file of one line is believed for a quarter of an hour."""
    with t.daemon(mailboxes=["alice quota-messages=3"]) as daemon, daemon.greeted() as client:
        fill(daemon, client)
        t.equal(rcpt(client, ALICE), FULL, "full")
        t.equal(len(size_lines(daemon)), 2, "lines")
        for path in daemon.mail().files(ALICE):
            os.unlink(path)
        t.equal(rcpt(client, ALICE), FULL, "the file is new")
        for seconds in (-1000, 10000):
            owner = os.stat(size_path(daemon))
            os.utime(size_path(daemon), (owner.st_atime + seconds, owner.st_mtime + seconds))
            t.equal(rcpt(client, ALICE), FINE, f"{seconds} seconds")
            with open(size_path(daemon), "w", encoding="ascii") as file:
                file.write("3C\n9 3\n")


@test(covers="C-11")
def sub_folders(t):
    """Messages in sub-folders count, by the size in their name or that of the file; links and others do not."""
    with t.daemon(mailboxes=["alice quota=100K"]) as daemon, daemon.greeted() as client:
        t.equal(deliver(client, [ALICE], 2000).code, 250, "the message")
        box, owner = daemon.mail().folder(ALICE), os.stat(daemon.mail().folder(ALICE))

        def make(name, content=b"x"):
            os.makedirs(os.path.dirname(os.path.join(box, name)), exist_ok=True)
            with open(os.path.join(box, name), "wb") as file:
                file.write(content)
            for folder, _, names in os.walk(box):
                for path in [folder, *(os.path.join(folder, name) for name in names)]:
                    os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        make(".Sent/cur/1.a,S=50000:2,S")
        make(".Sent/new/2.a", b"y" * 1000)
        make(".Trash/tmp/3.a,S=50000")
        make("other/cur/4.a,S=50000")
        os.symlink(os.path.join(box, ".Sent"), os.path.join(box, ".Link"))
        os.symlink("/etc/passwd", os.path.join(box, "cur/5.a"))
        forget_size(daemon)
        t.equal(rcpt(client, ALICE), FINE, "room")
        size, count = stored(daemon)
        size, count = size - os.path.getsize("/etc/passwd"), count - 1
        t.equal(held(daemon), (size + 51000, count + 2), "what was counted")
        t.equal(rcpt(client, ALICE, " SIZE=51000"), FULL, "with the sub-folders it is too much")
        os.unlink(os.path.join(box, ".Trash/tmp/3.a,S=50000"))


@test(covers="C-11 A-18")
def strange_maildirsize(t):
    """What cannot be relied on is counted anew, whatever it is: no crash, no wait, no link followed."""
    with t.daemon(mailboxes=["alice quota=10K quota-messages=9"]) as daemon, daemon.greeted() as client:
        t.equal(deliver(client, [ALICE], 2000).code, 250, "the message")
        path, target = size_path(daemon), daemon.path("target")
        wanted = stored(daemon)
        for content in (b"", b"10240S,9C", b"10240S,9C\n", b"10240S\n10 1\n", b"10240S,9C\n10 1", b"10240S,9C\nten 1\n",
                        b"10240S,9C\n-10 1\n", b"10240S,9C\n9223372036854775807 1\n9 1\n", b"\0" * 64,
                        b"10240S,9C\n" + b"0 0\n" * 1500):
            with open(path, "wb") as file:
                file.write(content)
            t.equal(rcpt(client, ALICE), FINE, f"{content[:30]!r}")
            t.equal(held(daemon), wanted, f"counted anew after {content[:30]!r}")
        for make in (lambda: os.mkfifo(path), lambda: os.symlink(target, path), lambda: os.link(target, path)):
            with open(target, "w", encoding="ascii") as file:
                file.write("10240S,9C\n9999 1\n")
            os.unlink(path)
            make()
            t.equal(rcpt(client, ALICE, " SIZE=5000"), FINE, "something else in its place")
            t.equal(held(daemon), wanted, "counted anew")
        os.unlink(path)
        os.mkdir(path)
        t.equal(rcpt(client, ALICE), FINE, "a folder in its place")
        t.equal(deliver(client, [ALICE], 2000).code, 250, "and mail comes")
        daemon.wait_event("short", what="maildirsize")
        os.rmdir(path)


@test(covers="C-11 A-13")
def several_recipients(t):
    """Each RCPT is answered for itself, pipelined, too; the message goes to those that have room."""
    with t.daemon(mailboxes=["alice quota-messages=1", "bob quota=1M", "carol"]) as daemon, daemon.greeted() as client:
        t.equal(deliver(client, [ALICE], 100).code, 250, "the first message")
        names = [ALICE, BOB, "carol@example.org", "nobody@example.org", ALICE, "bob@example.net"]
        lines = ["MAIL FROM:<a@client.example>", *(f"RCPT TO:<{name}>" for name in names), "DATA"]
        client.send("".join(line + "\r\n" for line in lines).encode())
        t.equal([client.reply().code for _ in lines], [250, 452, 250, 250, 550, 452, 250, 354], "replies")
        client.send(b"several\r\n.\r\n")
        t.equal(client.reply().code, 250, "the message")
        for name in (BOB, "carol@example.org", "bob@example.net"):
            t.equal(daemon.mail().bodies(name), [b"several\n"], name)
        t.equal(len(daemon.mail().files(ALICE)), 1, "messages of alice")


@test(covers="C-11 A-13")
def all_refused(t):
    """Without a recipient that was taken there is no DATA."""
    with t.daemon(mailboxes=["alice quota-messages=1"]) as daemon, daemon.greeted() as client:
        t.equal(deliver(client, [ALICE], 100).code, 250, "the first message")
        client.send(f"MAIL FROM:<a@client.example>\r\nRCPT TO:<{ALICE}>\r\nDATA\r\nRSET\r\n".encode())
        t.equal([client.reply().code for _ in range(4)], [250, 452, 503, 250], "replies")


@test(covers="C-11")
def alias_for_two(t):
    """One of them is full: so is the alias; the line in the log is that of the alias."""
    with t.daemon(mailboxes=["alice quota-messages=1", "bob"], aliases=["both: bob, alice", "other: bob"]) as daemon, \
            daemon.greeted() as client:
        t.equal(deliver(client, ["both@example.org"], 100).code, 250, "the first message")
        t.equal(rcpt(client, "both@example.org"), FULL, "the alias")
        event = daemon.wait_event("reject", code="452")
        t.equal((event.get("decided"), event.get("limit")), ("aliases:1", "quota-messages"), "the log")
        t.equal(rcpt(client, "other@example.org"), FINE, "an alias without the full one")
        t.equal(rcpt(client, "both@example.net"), FINE, "the alias in another domain")


def each(client, names, length, parameters=""):
    client.expect(f"MAIL FROM:<a@client.example>{parameters}", 250)
    for name in names:
        client.expect(f"RCPT TO:<{name}>", 250)
    client.expect("DATA", 354)
    client.send(wire(b"x" * 70 + b"\n") * (length // 71) + b".\r\n")


@test(covers="C-11 C-27")
def lmtp(t):
    """Each recipient has its own verdict: the one without room 452, the others 250."""
    with t.daemon(listener={"protocol": "lmtp"}, mailboxes=["alice quota=3K", "bob", "carol quota=10K"]) as daemon, \
            daemon.greeted() as client:
        names = [BOB, ALICE, "carol@example.org"]
        each(client, names, 2000)
        t.equal([client.reply().code for _ in names], [250, 250, 250], "the first")
        each(client, names, 2000)
        t.equal([verdict(client.reply()) for _ in names], [(250, "2.0.0"), FULL, (250, "2.0.0")], "the second")
        each(client, names, 4000)
        t.equal([verdict(client.reply()) for _ in names], [(250, "2.0.0"), NEVER, (250, "2.0.0")], "the third")
        t.equal([len(daemon.mail().files(name)) for name in names], [3, 1, 3], "messages")


@test(covers="C-11 C-27")
def prdr(t):
    with t.daemon(mailboxes=["alice quota=3K", "bob"]) as daemon, daemon.greeted() as client:
        t.equal(deliver(client, [ALICE], 2000).code, 250, "the first")
        each(client, [BOB, ALICE], 2000, " PRDR")
        t.equal([client.reply().code for _ in range(4)], [353, 250, 452, 250], "replies")
        t.equal([len(daemon.mail().files(name)) for name in (BOB, ALICE)], [1, 1], "messages")


@test(covers="C-11 A-14")
def messages_at_once(t):
    """Those that are stored together count each other: exactly as many as fit are taken."""
    with t.daemon(mailboxes=["alice quota-messages=5"], workers={"count": 2}) as daemon:
        clients = [daemon.greeted() for _ in range(20)]
        for client in clients:
            client.begin_data("a@client.example", [ALICE])
            client.send(b"together\r\n")
        os.kill(daemon.delivery(), signal.SIGSTOP)
        for client in clients:
            client.send(b".\r\n")
        os.kill(daemon.delivery(), signal.SIGCONT)
        found = sorted(client.reply().code for client in clients)
        t.equal(found, [250] * 5 + [452] * 15, "replies")
        t.equal(len(daemon.mail().files(ALICE)), 5, "messages")
        with daemon.greeted() as client:
            t.equal(rcpt(client, ALICE), FULL, "at RCPT")
        t.equal(held(daemon), stored(daemon), "what maildirsize says")
        for client in clients:
            client.close()


@test(covers="C-11 A-18", timeout=120)
def delivery_is_killed(t):
    """A question that is open when delivery dies is asked again; sessions notice a pause."""
    with t.daemon(mailboxes=["alice quota-messages=1", "bob quota=1M"]) as daemon:
        daemon.deaths_allowed = True
        with daemon.greeted() as client:
            t.equal(deliver(client, [ALICE], 100).code, 250, "the first message")
        clients = [daemon.greeted() for _ in range(30)]
        for client in clients:
            client.expect("MAIL FROM:<a@client.example>", 250)
        for count in range(2):
            delivery = daemon.delivery()
            os.kill(delivery, signal.SIGSTOP)
            for client in clients:
                client.send(f"RCPT TO:<{ALICE}>\r\nRCPT TO:<{BOB}>\r\n".encode())
            clients.pop().close()  # one that does not wait
            os.kill(delivery, signal.SIGKILL)
            for client in clients:
                t.equal([client.reply().code for _ in range(2)], [452, 250], "replies")
            daemon.wait_event("end", count=count + 1, program="postern-delivery", signal="9|.*KILL.*")
        for client in clients:
            client.expect("DATA", 354)
            client.send(b"after all\r\n.\r\n")
        t.equal({client.reply().code for client in clients}, {250}, "the messages")
        t.equal(len(daemon.mail().files(BOB)), len(clients), "messages of bob")
        for client in clients:
            client.close()


@test(covers="C-11 A-18", timeout=120)
def messages_of_a_killed_delivery(t):
    """Messages that are handed over twice count once."""
    with t.daemon(mailboxes=["alice quota-messages=50"]) as daemon:
        daemon.deaths_allowed = True
        with daemon.greeted() as client:
            t.equal(deliver(client, [ALICE], 100).code, 250, "the first message")
        clients = [daemon.greeted() for _ in range(10)]
        for client in clients:
            client.begin_data("a@client.example", [ALICE])
        for client in clients:
            client.send(b"x\r\n.\r\n")
        os.kill(daemon.delivery(), signal.SIGKILL)
        t.equal({client.reply().code for client in clients}, {250}, "replies")
        with daemon.greeted() as client:
            t.equal(rcpt(client, ALICE), FINE, "room")
        t.equal(held(daemon), stored(daemon), "what maildirsize says")
        for client in clients:
            client.close()


@test(covers="C-11 A-18", timeout=120)
def delivery_does_not_answer(t):
    """Past timeouts.delivery RCPT hears 451; the session goes on, and the late answer harms nothing."""
    with t.daemon(timeouts={"delivery": 1}, mailboxes=["alice quota=1M", "bob"]) as daemon, daemon.greeted() as client:
        delivery = daemon.delivery()
        os.kill(delivery, signal.SIGSTOP)
        client.expect("MAIL FROM:<a@client.example>", 250)
        client.send(f"RCPT TO:<{ALICE}>\r\nRCPT TO:<{BOB}>\r\n".encode())
        t.equal([verdict(client.reply()) for _ in range(2)], [(451, "4.3.0"), FINE], "replies")
        event = daemon.wait_event("reject", code="451")
        t.equal((event.get("decided"), event.get("limit"), event.get("value")), ("delivery", "timeouts.delivery", "1"), "the log")
        os.kill(delivery, signal.SIGCONT)
        processes.wait_until(lambda: client.command(f"RCPT TO:<{ALICE}>").code == 250, 30, "the next question")
        client.expect("DATA", 354)
        client.send(b"late\r\n.\r\n")
        t.equal(client.reply().code, 250, "the message")
        t.equal([daemon.mail().bodies(name) for name in (ALICE, BOB)], [[b"late\n"]] * 2, "messages")


@test(covers="C-11 A-18")
def clients_that_leave(t):
    """A session that ends with its question open leaves nothing behind."""
    with t.daemon(mailboxes=["alice quota=1M"], workers={"count": 1}) as daemon:
        delivery = daemon.delivery()
        os.kill(delivery, signal.SIGSTOP)
        for number in range(30):
            client = daemon.greeted()
            client.expect("MAIL FROM:<a@client.example>", 250)
            client.send(f"RCPT TO:<{ALICE}>\r\n".encode())
            if number % 2:
                client.abort()
            client.close()
        with daemon.greeted() as client:
            client.expect("MAIL FROM:<a@client.example>", 250)
            client.send(f"RCPT TO:<{ALICE}>\r\n".encode())
            os.kill(delivery, signal.SIGCONT)
            t.equal(client.reply().code, 250, "the last one")
        daemon.wait_event("disconnect", count=31)


@test(covers="C-11 A-18")
def stopped_with_a_question(t):
    """SIGTERM while delivery is asked: the question is answered, then the session closed."""
    daemon = t.prepare(mailboxes=["alice quota=1M"])
    daemon.start()
    with daemon.greeted() as client:
        client.expect("MAIL FROM:<a@client.example>", 250)
        os.kill(daemon.delivery(), signal.SIGSTOP)
        client.send(f"RCPT TO:<{ALICE}>\r\n".encode())
        daemon.signal(signal.SIGTERM)
        daemon.wait_event("stop")
        os.kill(daemon.delivery(), signal.SIGCONT)
        t.equal([client.reply().code for _ in range(2)], [250, 421], "replies")
    t.equal(daemon.process.wait(40), 0, "exit status")
    daemon.require_clean_log()


@test(covers="C-11 A-23")
def changed_by_reload(t):
    """A new quota is in force after a reload, and stands in maildirsize; a faulty one changes nothing."""
    with t.daemon(mailboxes=["alice quota-messages=1"]) as daemon:
        with daemon.greeted() as client:
            t.equal(deliver(client, [ALICE], 100).code, 250, "the first message")
            t.equal(rcpt(client, ALICE), FULL, "full")
        daemon.write_lines("mailboxes", ["alice quota-messages=two"])
        daemon.signal(signal.SIGHUP)
        event = daemon.wait_event("refused-reload")
        t.check("mailboxes:1: quota-messages" in event.get("reason"), event.line)
        daemon.write_lines("mailboxes", ["alice quota=1M quota-messages=2"])
        daemon.signal(signal.SIGHUP)
        daemon.wait_event("reload")

        def has_room():
            with daemon.greeted() as client:
                return rcpt(client, ALICE) == FINE
        processes.wait_until(has_room, 30, "room by the new quota")
        t.equal(size_lines(daemon)[0], "1048576S,2C", "the quota in maildirsize")
        t.equal(held(daemon), stored(daemon), "what it says")


@test(covers="C-11")
def default_for_all(t):
    """delivery { quota } holds for who lists none; 0 is no limit."""
    with t.daemon(mailboxes=["alice", "bob quota=0", "carol quota=1M"], delivery={"quota": "2K"}) as daemon, \
            daemon.greeted() as client:
        found = [rcpt(client, f"{name}@example.org", " SIZE=4096") for name in ("alice", "bob", "carol", "postmaster")]
        t.equal(found, [NEVER, FINE, FINE, NEVER], "answers")
