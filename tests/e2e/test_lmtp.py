"""LMTP and PRDR: a reply for each recipient, and what is behind it: some mailboxes fail, delivery dies,
clients leave, the service stops."""

import os
import re
import signal
import threading

from harness import encrypted, processes
from harness.session import Closed, wire
from harness.trial import test

LMTP = {"protocol": "lmtp"}
EVERYBODY = ["alice@example.org", "bob@example.org", "alice@example.net", "bob@example.net"]
STORED = re.compile(r"250 2\.0\.0 Stored as ([0-9a-v]+-\d+)")


def mailboxes_ready(daemon):
    path = daemon.mail().folder("postmaster@example.net")
    processes.wait_until(lambda: os.path.isdir(path + "/tmp") and os.path.isdir(path + "/new"), 20, path)


def begin(client, recipients, parameters=""):
    client.expect(f"MAIL FROM:<a@client.example>{parameters}", 250)
    for recipient in recipients:
        client.expect(f"RCPT TO:<{recipient}>", 250)
    client.expect("DATA", 354)


def replies(client, count):
    return [client.reply() for _ in range(count)]


def deliver_each(client, recipients, body, parameters=""):
    """The replies: one for each recipient, with PRDR one more in front and one behind."""
    begin(client, recipients, parameters)
    client.send(wire(body) + b".\r\n")
    return replies(client, len(recipients) + (2 if "PRDR" in parameters else 0))


def codes(found):
    return [reply.code for reply in found]


def ids(found):
    return [match[1] for match in map(STORED.match, (reply.text for reply in found)) if match]


class Broken:
    """Mailboxes into which nothing can be put: one kind after the other."""

    def __init__(self, daemon, mailbox):
        self.folder = daemon.mail().folder(mailbox)

    def ways(self):
        for part in ("tmp", "new"):
            os.chmod(os.path.join(self.folder, part), 0o500)
            yield
            os.chmod(os.path.join(self.folder, part), 0o700)
        for place in (os.path.join(self.folder, "new"), self.folder):
            owner = os.stat(place)
            os.rename(place, self.folder + ".away")
            with open(place, "wb"):
                os.chown(place, owner.st_uid, owner.st_gid)
            yield
            os.unlink(place)
            os.rename(self.folder + ".away", place)


@test(covers="C-27 A-13 A-17")
def one_mailbox_fails(t):
    """Its recipient hears 4xx and the others 250, in their order; they are stored once."""
    with t.daemon(listener=LMTP) as daemon, daemon.greeted() as client:
        mailboxes_ready(daemon)
        for number, _ in enumerate(Broken(daemon, "bob@example.org").ways()):
            body = b"way %d\n" % number
            found = deliver_each(client, EVERYBODY, body)
            t.equal(codes(found), [250, 451, 250, 250], f"replies, way {number}")
            t.equal(found[1].enhanced, "4.3.0", "the enhanced code")
            t.equal(len(set(ids(found))), 3, "ids")
            for mailbox in EVERYBODY:
                count = daemon.mail().bodies(mailbox).count(body)
                t.equal(count, int(mailbox != "bob@example.org"), f"copies of {mailbox}")
            for mailbox, name in zip([one for one in EVERYBODY if one != "bob@example.org"], ids(found)):
                daemon.wait_event("delivery", mailbox=re.escape(mailbox), message=name)
                daemon.wait_event("message", message=name, code=250, recipients=1)
            daemon.wait_event("failed", count=number + 1, mailbox="bob@example.org", code=451)
            t.equal(codes(deliver_each(client, ["bob@example.org"], b"alone\n")), [451], "of it alone")
            # Retried, as a sender would that one.
            t.equal(daemon.mail().all_files("tmp"), [], "files in tmp/")
        t.equal(codes(deliver_each(client, ["bob@example.org"], b"again\n")), [250], "when it is mended")
        client.expect("QUIT", 221)


@test(covers="C-32 C-27 A-13")
def some_mailboxes_fail(t):
    """PRDR: the last reply is 250 if one of the recipients had it, else 4xx."""
    with t.daemon() as daemon, daemon.greeted() as client:
        mailboxes_ready(daemon)
        fails = Broken(daemon, "bob@example.org").ways()
        next(fails)
        found = deliver_each(client, EVERYBODY, b"some\n", " PRDR")
        t.equal(codes(found), [353, 250, 451, 250, 250, 250], "replies")
        also_fails = [Broken(daemon, mailbox).ways() for mailbox in EVERYBODY if mailbox != "bob@example.org"]
        for way in also_fails:
            next(way)
        found = deliver_each(client, EVERYBODY, b"none\n", " PRDR")
        t.equal(codes(found), [353, 451, 451, 451, 451, 450], "replies when all fail")
        t.equal(codes(deliver_each(client, EVERYBODY[:2] * 2, b"twice\n", " PRDR")), [353, 451, 451, 451, 451, 450], "twice")
        # Without PRDR it is all or none.
        next(also_fails[0])
        next(fails)
        t.equal(client.deliver("a@client.example", EVERYBODY, b"all\n").code, 451, "the reply without PRDR")
        client.expect("QUIT", 221)
        for mailbox in EVERYBODY:
            wanted = [b"some\n"] if mailbox != "bob@example.org" else []
            t.equal(daemon.mail().bodies(mailbox), wanted, f"messages of {mailbox}")
        for way in [fails, *also_fails]:
            for _ in way:
                pass


@test(covers="C-27 A-13")
def alias_fails(t):
    """A recipient that stands for several mailboxes has all of them or none."""
    with t.daemon(listener=LMTP, aliases=["sales: alice, bob"]) as daemon, daemon.greeted() as client:
        mailboxes_ready(daemon)
        for _ in Broken(daemon, "bob@example.org").ways():
            found = deliver_each(client, ["sales@example.org", "alice@example.net", "sales@example.org"], b"x\n")
            t.equal(codes(found), [451, 250, 451], "replies")
            t.equal(daemon.mail().bodies("alice@example.org"), [], "messages of alice")
        found = deliver_each(client, ["sales@example.org", "alice@example.net", "sales@example.org"], b"x\n")
        t.equal(codes(found), [250, 250, 250], "replies")
        t.equal(found[0].text, found[2].text, "the reply to the same once more")
        for mailbox in ("alice@example.org", "bob@example.org"):
            t.equal(daemon.mail().bodies(mailbox), [b"x\n"], f"messages of {mailbox}")


@test(covers="C-27 B-49 security.md:qmail", timeout=180)
def many_recipients(t):
    """As many as limits.recipients, the rest is put off; each has its own reply, id and log lines."""
    names = [f"user{number}" for number in range(400)]
    with t.daemon(listener=LMTP, mailboxes=names, domains=["example.org"], limits={"recipients": 300}) as daemon:
        with daemon.greeted() as client:
            lines = [f"RCPT TO:<{name}@example.org>\r\n" for name in names]
            client.send(("MAIL FROM:<a@client.example>\r\n" + "".join(lines) + "DATA\r\n").encode())
            t.equal(codes(replies(client, 1 + len(names))), [250] * 301 + [452] * 100, "replies to RCPT")
            t.equal(client.reply().code, 354, "the reply to DATA")
            client.send(b"one\r\n.\r\n")
            found = replies(client, 300)
            t.equal(codes(found), [250] * 300, "replies")
            t.equal(len(set(ids(found))), 300, "ids")
            client.expect("QUIT", 221)
        delivered = {event["mailbox"]: event["message"] for event in daemon.events("delivery")}
        t.equal([delivered[f"{name}@example.org"] for name in names[:300]], ids(found), "ids in their order")
        t.equal(len(daemon.mail().all_files("new")), 300, "files")


@test(covers="C-27 A-08 A-13")
def names_of_one_mailbox(t):
    """However many names a client finds for a mailbox, it fills it once; each of them has its reply."""
    names = [f"alice+{number}@example.org" for number in range(40)] + ["ALICE@example.org", "boss@example.org"]
    with t.daemon(aliases=["boss@example.org: alice"]) as daemon, daemon.greeted() as client:
        found = deliver_each(client, names + ["bob@example.org"], b"once\n", " PRDR")
        t.equal(codes(found), [353] + [250] * (len(names) + 2), "replies")
        t.equal(len(set(ids(found))), 2, "messages by their ids")
        t.equal(daemon.mail().bodies("alice@example.org"), [b"once\n"], "messages of alice")
        t.equal(daemon.mail().bodies("bob@example.org"), [b"once\n"], "messages of bob")


@test(covers="C-27 B-52", timeout=120)
def pipelined(t):
    """Several messages in one segment: the replies come in the order of all that was asked."""
    rows, wanted = [], [220, 250]
    for number in range(20):
        recipients = EVERYBODY[:number % 5]
        rows += ["MAIL FROM:<a@client.example>", "RCPT TO:<nobody@example.org>"]
        rows += [f"RCPT TO:<{recipient}>" for recipient in recipients]
        wanted += [250, 550] + [250] * len(recipients)
        if number % 2:
            rows += ["BDAT 5", "one", "BDAT 5 LAST", "two"]
            wanted += [250] + [250] * len(recipients) if recipients else [503, 503]
        elif recipients:
            rows += ["DATA", f"message {number}", "."]
            wanted += [354] + [250] * len(recipients)
        rows += ["RSET"]
        wanted += [250]
    content = ("LHLO client.example\r\n" + "\r\n".join(rows) + "\r\nQUIT\r\n").encode()
    with t.daemon(listener=LMTP, limits={"errors": 0}) as daemon, daemon.connect() as client:
        client.send(content)
        t.equal(codes(replies(client, len(wanted) + 1)), wanted + [221], "replies")


def stopped(daemon):
    delivery = daemon.delivery()
    os.kill(delivery, signal.SIGSTOP)
    return delivery


@test(covers="C-27 A-18 A-13 security.md:go-guerrilla", timeout=120)
def delivery_is_killed(t):
    """With messages on their way to it: each of them comes to each mailbox once."""
    with t.daemon(listener=LMTP, limits={"sessions-per-address": 0}) as daemon:
        mailboxes_ready(daemon)
        daemon.deaths_allowed = True
        delivery = stopped(daemon)
        clients = [daemon.greeted() for _ in range(20)]
        for number, client in enumerate(clients):
            begin(client, EVERYBODY)
            client.send(b"message %d\r\n.\r\n" % number)
        os.kill(delivery, signal.SIGKILL)
        for client in clients:
            found = replies(client, len(EVERYBODY))
            t.equal((codes(found), len(set(ids(found)))), ([250] * 4, 4), "replies and ids")
            client.close()
        wanted = sorted(b"message %d\n" % number for number in range(20))
        for mailbox in EVERYBODY:
            t.equal(sorted(daemon.mail().bodies(mailbox)), wanted, f"messages of {mailbox}")


def keep_sending(daemon, name, count, outcome, lock):
    """Messages one after the other; what each recipient was told of each."""
    client = None
    for number in range(count):
        body = b"%s-%d\n" % (name, number)
        try:
            client = client or daemon.greeted()
            found = deliver_each(client, EVERYBODY, body)
            with lock:
                outcome.update({(mailbox, body): reply.code for mailbox, reply in zip(EVERYBODY, found)})
        except (OSError, Closed, AssertionError):
            client = client and client.close()
    if client:
        client.close()


@test(covers="C-27 A-18 A-13 security.md:go-guerrilla", timeout=240)
def anything_is_killed(t):
    """Delivery and workers die while mail comes: what had its 250 is there, nothing is there twice."""
    with t.daemon(listener=LMTP, limits={"sessions-per-address": 0}) as daemon:
        mailboxes_ready(daemon)
        daemon.deaths_allowed = True
        outcome, lock = {}, threading.Lock()
        threads = [threading.Thread(target=keep_sending, args=(daemon, b"sender%d" % number, 60, outcome, lock), daemon=True)
                   for number in range(8)]
        for thread in threads:
            thread.start()
        kills = 0
        while kills < 8 and any(thread.is_alive() for thread in threads):
            seen = len(outcome)
            processes.wait_until(lambda: len(outcome) >= seen + 100 or not any(one.is_alive() for one in threads), 60, "replies")
            victims = [pid for pid in [daemon.delivery()] if pid] if kills % 2 == 0 else daemon.workers()
            if victims:
                os.kill(victims[0], signal.SIGKILL)
                kills += 1
                daemon.wait_event("end", count=kills, signal="9|.*KILL.*")
        for thread in threads:
            thread.join(120)
        t.check(kills >= 3 and len(outcome) > 500, f"{kills} were killed, {len(outcome)} replies")
        for mailbox in EVERYBODY:
            bodies = daemon.mail().bodies(mailbox)
            t.equal(len(bodies), len(set(bodies)), f"messages of {mailbox}, and different ones")
            lost = [key for key, code in outcome.items() if key[0] == mailbox and code == 250 and key[1] not in bodies]
            t.equal(lost, [], f"acknowledged and not in {mailbox}")
            kept = [key for key, code in outcome.items() if key[0] == mailbox and code != 250 and key[1] in bodies]
            t.equal(kept, [], f"refused and yet in {mailbox}")


@test(covers="C-27 A-18", timeout=120)
def delivery_does_not_answer(t):
    """Past timeouts.delivery each recipient hears 451; the session lives, and so do others."""
    with t.daemon(listener=LMTP, timeouts={"delivery": 1}, other_listeners={"smtp2": {}}) as daemon:
        mailboxes_ready(daemon)
        daemon.deaths_allowed = True
        delivery = stopped(daemon)
        with daemon.greeted() as client, daemon.greeted(to="smtp2") as other:
            begin(client, EVERYBODY)
            begin(other, EVERYBODY, " PRDR")
            client.send(b"x\r\n.\r\n")
            other.send(b"x\r\n.\r\n")
            found = replies(client, 4)
            t.equal([(reply.code, reply.enhanced) for reply in found], [(451, "4.3.0")] * 4, "replies")
            t.equal(codes(replies(other, 6)), [353] + [451] * 4 + [450], "replies by PRDR")
            client.expect("NOOP", 250)
            os.kill(delivery, signal.SIGCONT)
            processes.wait_until(lambda: set(codes(deliver_each(client, EVERYBODY, b"again\n"))) == {250}, 30, "the next")


@test(covers="C-27 A-18 security.md:go-guerrilla", timeout=120)
def clients_leave(t):
    """Who does not wait for the replies: the messages come all the same, once, and nobody stumbles."""
    with t.daemon(listener=LMTP, timeouts={"delivery": 2}, limits={"sessions-per-address": 0}) as daemon:
        mailboxes_ready(daemon)
        delivery = stopped(daemon)
        for number in range(20):
            client = daemon.greeted()
            begin(client, EVERYBODY)
            client.send(b"message %d\r\n.\r\n" % number)
            if number % 2:
                client.abort()
            client.close()
        with daemon.greeted() as client:
            begin(client, EVERYBODY)
            client.send(b"late\r\n.\r\n")
            t.equal(codes(replies(client, 4)), [451] * 4, "replies")
            os.kill(delivery, signal.SIGCONT)
            processes.wait_until(lambda: set(codes(deliver_each(client, EVERYBODY, b"again\n"))) == {250}, 30, "the next")
        for mailbox in EVERYBODY:
            bodies = [body for body in daemon.mail().bodies(mailbox) if body.startswith(b"message")]
            t.equal(len(bodies), len(set(bodies)), "messages, and different ones")


def pipelined_prdr(count):
    """Replies that a client does not take, and a message behind them that waits for delivery."""
    return (b"HELP\r\n" * count + b"MAIL FROM:<a@client.example> PRDR\r\n"
            + b"".join(b"RCPT TO:<%s>\r\n" % mailbox.encode() for mailbox in EVERYBODY) + b"BDAT 3 LAST\r\nx\r\n")


@test(covers="C-27 A-18", timeout=120)
def blocked_clients_leave(t):
    """Clients that take no replies and then reset, while their messages are given up one by one."""
    with t.daemon(timeouts={"delivery": 1, "write": 1}, limits={"idle-commands": 0, "sessions-per-address": 0}) as daemon:
        mailboxes_ready(daemon)
        delivery = stopped(daemon)
        clients = [daemon.greeted() for _ in range(10)]
        for client in clients:
            client.send(pipelined_prdr(50))
            client.abort()
        with daemon.greeted() as client:
            begin(client, EVERYBODY, " PRDR")
            client.send(b"late\r\n.\r\n")
            for one in clients:
                one.close()
            t.equal(codes(replies(client, 6)), [353] + [451] * 4 + [450], "replies")
        os.kill(delivery, signal.SIGCONT)


@test(covers="C-27 B-50", timeout=120)
def stop(t):
    """SIGTERM while replies are awaited: all of them come, then 421."""
    daemon = t.prepare(listener=LMTP)
    daemon.start()
    mailboxes_ready(daemon)
    delivery = stopped(daemon)
    with daemon.greeted() as client, daemon.greeted() as chunks:
        begin(client, EVERYBODY)
        client.send(b"x\r\n.\r\n")
        # Between two chunks: the message may come to its end.
        for command in ("MAIL FROM:<a@client.example>", "RCPT TO:<alice@example.org>", "RCPT TO:<bob@example.org>"):
            chunks.expect(command, 250)
        chunks.send(b"BDAT 5\r\none\r\n")
        t.equal(chunks.reply().code, 250, "the reply to a chunk")
        daemon.signal(signal.SIGTERM)
        daemon.wait_event("stop")
        os.kill(delivery, signal.SIGCONT)
        t.equal(codes(replies(client, 5)), [250] * 4 + [421], "replies")
        t.check(client.is_closed(), "it is closed")
        chunks.send(b"BDAT 5 LAST\r\ntwo\r\n")
        t.equal(codes(replies(chunks, 3)), [250, 250, 421], "replies to the last chunk")
        t.check(chunks.is_closed(), "it is closed")
    t.equal(daemon.process.wait(40), 0, "the exit status")
    t.equal(sorted(daemon.mail().bodies("bob@example.org")), [b"one\ntwo\n", b"x\n"], "messages")
    daemon.require_clean_log()


@test(covers="C-27 B-50", timeout=120)
def cut(t):
    """At the end of timeouts.stop who still waits hears one 421, and each message has its line."""
    daemon = t.prepare(listener=LMTP, timeouts={"stop": 1})
    daemon.deaths_allowed = True
    daemon.start()
    mailboxes_ready(daemon)
    stopped(daemon)
    with daemon.greeted() as client:
        begin(client, EVERYBODY)
        client.send(b"x\r\n.\r\n")
        daemon.signal(signal.SIGTERM)
        t.equal(client.reply().code, 421, "the reply")
        t.check(client.is_closed(), "it is closed")
        daemon.wait_event("message", count=4, code=421)
    daemon.process.wait(60)
    daemon.require_clean_log()


@test(covers="C-27 C-15 C-17")
def under_tls(t):
    """LMTPS, by STARTTLS and from the beginning; RFC 3848's names in Received."""
    pair = encrypted.make_pair(t.path("pair"))
    with t.daemon(listener=LMTP, other_listeners={"tls": LMTP | {"tls": "implicit"}, "must": LMTP | {"tls": "required"}},
                  tls=pair) as daemon:
        for title, body in (("smtp", b"starttls\n"), ("must", b"required\n"), ("tls", b"implicit\n")):
            with daemon.connect(to=title) as client:
                if title == "tls":
                    encrypted.secure(client)
                client.greet(verb="LHLO")
                if title == "must":
                    t.equal(client.command("MAIL FROM:<a@client.example>").code, 530, "MAIL in the clear")
                if title != "tls":
                    client.expect("STARTTLS", 220)
                    encrypted.secure(client)
                    t.equal(client.command("MAIL FROM:<a@client.example>").code, 503, "MAIL before LHLO")
                    t.equal(client.command("EHLO client.example").code, 500, "EHLO")
                    client.expect("LHLO client.example", 250)
                t.equal(codes(deliver_each(client, EVERYBODY[:2], body)), [250, 250], "replies")
                client.expect("MAIL FROM:<ä@client.example> SMTPUTF8 REQUIRETLS", 250)
                client.expect("RCPT TO:<alice@example.org>", 250)
                client.expect("DATA", 354)
                client.send(b"utf8 " + body.replace(b"\n", b"\r\n") + b".\r\n")
                t.equal(client.reply().code, 250, "the reply")
            texts = {one.body: one.header("Received") for one in daemon.mail().messages("alice@example.org")}
            t.check(" with LMTPS (TLSv1.3 " in texts[body], texts[body])
            t.check(" with UTF8LMTPS (TLSv1.3 " in texts[b"utf8 " + body], texts[b"utf8 " + body])


@test(covers="C-27 B-43")
def no_room(t):
    """A message that does not fit in the spool: each recipient hears it."""
    with t.daemon(listener=LMTP, limits={"message-size": 2 << 20, "spool": 2 << 20}, workers={"count": 1}) as daemon:
        with daemon.greeted() as holder, daemon.greeted() as client:
            begin(holder, EVERYBODY[:1])
            holder.send((b"x" * 70 + b"\r\n") * 20000)
            wide = (b"y" * 70 + b"\n") * 20000
            processes.wait_until(lambda: codes(deliver_each(client, EVERYBODY, wide)) == [452] * 4, 60, "no room")
            t.equal(codes(deliver_each(client, EVERYBODY, b"small\n")), [250] * 4, "a small one")
            holder.send(b".\r\n")
            t.equal(holder.reply().code, 250, "the one that held the room")
            t.equal(codes(deliver_each(client, EVERYBODY, wide)), [250] * 4, "when there is room again")
        for mailbox in EVERYBODY:
            t.check(wide in daemon.mail().bodies(mailbox), f"{mailbox} has it")
