"""RFC 1047: a client that loses its connection before it has the 250 sends its message again; there is one copy then.
What it has taken the 250 of it can send as often as it likes.

One worker: what it says of the first session is in the pipe to delivery before the second one's message."""

import os
import signal
import socket
import time

from harness import processes, tls
from harness.session import wire
from harness.trial import test
from test_bdat import chunks
from test_reload import reload

SENDER, RECIPIENTS = "sender@client.example", ("alice@example.org", "bob@example.org")
BODY = b"Subject: once\n\n.\nHello.\n"
END = b".\r\n"
ONE = {"workers": {"count": 1}}
LMTP = {"protocol": "lmtp"}


def begin(client, sender=SENDER, recipients=RECIPIENTS, body=BODY):
    """All of the message but its end."""
    client.begin_data(sender, recipients)
    client.send(wire(body))


def await_stored(daemon, count=1):
    """The 250 of so many messages is on its way."""
    daemon.wait_event("message", count=count, code="250")


def leave(daemon, client, reset=True):
    """Gone before the reply was read, and the daemon knows."""
    before = len(daemon.events("disconnect"))
    if reset:
        client.abort()
    client.close()
    daemon.wait_event("disconnect", count=before + 1)


def lose(daemon, client=None, end=END, **message):
    """A message whose 250 is not taken."""
    client = client or daemon.greeted()
    before = len(daemon.events("message", code="250"))
    begin(client, **message)
    client.send(end)
    await_stored(daemon, before + 1)
    leave(daemon, client)


def lose_early(daemon, client, end, reset=True):
    """The same; the client has gone before the 250 is said."""
    delivery = daemon.delivery()
    (worker,) = daemon.workers()
    before = len(daemon.events("disconnect"))
    begin(client)
    os.kill(delivery, signal.SIGSTOP)
    client.send(end)
    processes.falls_asleep(worker)
    if reset:
        client.abort()
    client.close()
    os.kill(delivery, signal.SIGCONT)
    daemon.wait_event("disconnect", count=before + 1)


def deliver(client, sender=SENDER, recipients=RECIPIENTS, body=BODY):
    reply = client.deliver(sender, recipients, body)
    assert reply.code == 250, reply
    return reply


def send(daemon, **message):
    with daemon.greeted() as client:
        deliver(client, **message)
        client.expect("QUIT", 221)


def require_copies(t, daemon, count, mailbox="alice@example.org", body=BODY):
    t.equal(daemon.mail().bodies(mailbox), [body] * count, f"messages of {mailbox}")


@test(covers="A-13 C-06")
def reset_before_the_reply(t):
    """Sent again it is answered, logged, and in each mailbox once; so is every further try."""
    with t.daemon(**ONE) as daemon:
        for _ in range(3):
            lose(daemon)
        first = daemon.events("delivery")[0]
        with daemon.greeted() as client:
            deliver(client)
        for mailbox in RECIPIENTS:
            require_copies(t, daemon, 1, mailbox)
        seconds = daemon.events("delivery", duplicate="1")
        t.equal([event["mailbox"] for event in seconds], list(RECIPIENTS) * 3, "lines of second ones")
        t.equal({event["of"] for event in seconds}, {first["message"]}, "what they are of")
        t.check(first["message"] not in {event["message"] for event in seconds}, "each has an id of its own")


@test(covers="A-13 C-06")
def another_message(t):
    """One byte, one recipient, another sender or parameter make it another one; the order of recipients does not."""
    others = ({"body": BODY.replace(b"Hello", b"Hellp")}, {"body": BODY + b"\n"}, {"recipients": RECIPIENTS[:1]},
              {"recipients": RECIPIENTS + ("bob@example.net",)}, {"sender": ""}, {"sender": "Sender@client.example"})
    with t.daemon(**ONE) as daemon:
        lose(daemon)
        for number, other in enumerate(others):
            send(daemon, **other)
            t.equal(len(daemon.mail().files("alice@example.org")), 2 + number, f"messages after {other}")
        with daemon.greeted() as client:
            client.expect(f"MAIL FROM:<{SENDER}> BODY=8BITMIME", 250)
            for recipient in RECIPIENTS:
                client.expect(f"RCPT TO:<{recipient}>", 250)
            client.expect("DATA", 354)
            client.send(wire(BODY) + END)
            t.equal(client.reply().code, 250, "the reply")
        t.equal(daemon.events("delivery", duplicate="1"), [], "second ones")
        send(daemon, recipients=RECIPIENTS[::-1])
        t.equal(len(daemon.events("delivery", duplicate="1")), 2, "lines of second ones")


@test(covers="A-13 C-06")
def taken_and_sent_again(t):
    """However a client goes on that has read its 250, it can send the same again."""
    def goes_on(client):
        client.expect("RSET", 250)
        client.abort()

    def quits(client):
        client.expect("QUIT", 221)

    def quits_unheard(client):
        client.send(b"QUIT\r\n")

    def resets_after_quit(client):
        client.expect("QUIT", 221)
        client.abort()

    def half_closes(client):
        client.socket.shutdown(socket.SHUT_WR)
        t.check(client.is_closed(), "the server closes, too")
    ways = (goes_on, quits, quits_unheard, resets_after_quit, half_closes, lambda client: None)
    with t.daemon(**ONE) as daemon:
        for number, way in enumerate(ways):
            with daemon.greeted() as client:
                deliver(client)
                way(client)
            daemon.wait_event("disconnect", count=number + 1)
            require_copies(t, daemon, number + 1)
        with daemon.greeted() as client:
            for number in range(3):
                deliver(client)
                require_copies(t, daemon, len(ways) + number + 1)


@test(covers="A-13 C-06 A-03")
def quit_behind_the_end(t):
    """What was sent ahead of the 250 says nothing of it: the end of the connection does."""
    with t.daemon(**ONE) as daemon:
        lose_early(daemon, daemon.greeted(), END + b"QUIT\r\n")
        lose_early(daemon, daemon.greeted(), END + b"QUIT\r\n", reset=False)
        lose(daemon, end=END + b"RSET\r\nMAIL FROM:<>\r\n")
        require_copies(t, daemon, 1)
        copies = 1
        for ahead, codes in ((b"QUIT\r\n", [250, 221]), (b"RSET\r\nQUIT\r\n", [250, 250, 221])):
            for number in range(2):
                before = len(daemon.events("disconnect"))
                with daemon.greeted() as client:
                    begin(client)
                    client.send(END + ahead)
                    t.equal([client.reply().code for _ in codes], codes, "the replies")
                # The first of all takes the place of the one that was lost.
                copies += (copies, number, ahead) != (1, 0, b"QUIT\r\n")
                daemon.wait_event("disconnect", count=before + 1)
                require_copies(t, daemon, copies)


@test(covers="A-13 C-06 A-03")
def half_closed_behind_the_end(t):
    """A client that ends its side with the message, and reads what comes."""
    with t.daemon(**ONE) as daemon:
        for number in range(2):
            with daemon.greeted() as client:
                begin(client)
                client.send(END)
                client.socket.shutdown(socket.SHUT_WR)
                t.equal(client.reply().code, 250, "the reply")
                t.check(client.is_closed(), "it is the last word")
            daemon.wait_event("disconnect", count=number + 1)
            require_copies(t, daemon, number + 1)


@test(covers="A-13 C-06")
def left_while_it_waited(t):
    """Whether it is reset or ended in an orderly way, nobody has taken a reply that came later."""
    for reset in (True, False):
        with t.daemon(**ONE) as daemon:
            lose_early(daemon, daemon.greeted(), END, reset)
            send(daemon)
            require_copies(t, daemon, 1)


@test(covers="A-13 C-06")
def not_answered_in_time(t):
    """The 451 of timeouts.delivery is no 250, in the same session, too."""
    with t.daemon(timeouts={"delivery": 1}, **ONE) as daemon, daemon.greeted() as client:
        delivery = daemon.delivery()
        os.kill(delivery, signal.SIGSTOP)
        t.equal(client.deliver(SENDER, RECIPIENTS, BODY).code, 451, "the reply")
        os.kill(delivery, signal.SIGCONT)
        daemon.wait_event("delivery", count=2)
        processes.wait_until(lambda: client.deliver(SENDER, RECIPIENTS, BODY).code == 250, 30, "the second try")
        require_copies(t, daemon, 1)


@test(covers="A-13 C-06")
def first_session_lives(t):
    """Two clients may send the same; and one that does not read its reply may read it still."""
    with t.daemon(**ONE) as daemon:
        first = daemon.greeted()
        begin(first)
        first.send(END)
        await_stored(daemon)
        send(daemon)
        require_copies(t, daemon, 2)
        t.equal(first.reply().code, 250, "the reply")
        first.close()


@test(covers="A-18 A-13 C-06")
def worker_is_killed(t):
    """Before the verdict reached it, and when the 250 was said but not taken."""
    for verdict_waits in (True, False):
        with t.daemon(**ONE) as daemon:
            daemon.deaths_allowed = True
            (worker,) = daemon.workers()
            delivery = daemon.delivery()
            with daemon.greeted() as client:
                begin(client)
                if verdict_waits:
                    os.kill(delivery, signal.SIGSTOP)
                client.send(END)
                if verdict_waits:
                    processes.falls_asleep(worker)
                    os.kill(worker, signal.SIGSTOP)
                    os.kill(delivery, signal.SIGCONT)
                    daemon.wait_event("delivery", count=2)
                else:
                    await_stored(daemon)
                os.kill(worker, signal.SIGKILL)
                daemon.wait_event("end", program="postern-worker")
            processes.wait_until(lambda: daemon.workers() not in ([], [worker]), 30, "another worker")
            send(daemon)
            require_copies(t, daemon, 1)


def kill_delivery(daemon):
    before = daemon.delivery()
    ends = len(daemon.events("end", program="postern-delivery"))
    os.kill(before, signal.SIGKILL)
    daemon.wait_event("end", count=ends + 1, program="postern-delivery")
    processes.wait_until(lambda: daemon.delivery() not in (None, before), 30, "another delivery")


@test(covers="A-18 A-13 A-23 C-06")
def delivery_is_replaced(t):
    """By its death and by a reload: it is remembered what was lost, and what was taken is not."""
    for replace in (kill_delivery, reload):
        with t.daemon(**ONE) as daemon:
            daemon.deaths_allowed = True
            send(daemon, body=b"taken\n")
            lose(daemon)
            replace(daemon)
            daemon.wait_event("start", count=2, program="postern-delivery")
            send(daemon)
            send(daemon, body=b"taken\n")
            bodies = daemon.mail().bodies("bob@example.org")
            t.equal(sorted(bodies), sorted([b"taken\n", b"taken\n", BODY]), "messages")


@test(covers="A-18 A-13 C-06")
def everything_is_replaced(t):
    """The worker is killed, delivery is killed, the tables are new: the memory is the master's."""
    with t.daemon(**ONE) as daemon:
        daemon.deaths_allowed = True
        (worker,) = daemon.workers()
        with daemon.greeted() as client:
            begin(client)
            client.send(END)
            await_stored(daemon)
            os.kill(daemon.delivery(), signal.SIGKILL)
            os.kill(worker, signal.SIGKILL)
            daemon.wait_event("end", count=2)
        processes.wait_until(lambda: daemon.workers() not in ([], [worker]), 30, "another worker")
        reload(daemon)
        send(daemon)
        require_copies(t, daemon, 1)


@test(covers="A-18 A-13 C-06")
def session_outlives_delivery(t):
    """The 250 is taken when the delivery process that gave it is no more."""
    with t.daemon(**ONE) as daemon, daemon.greeted() as client:
        daemon.deaths_allowed = True
        begin(client)
        client.send(END)
        await_stored(daemon)
        kill_delivery(daemon)
        t.equal(client.reply().code, 250, "the reply")
        client.expect("QUIT", 221)
        send(daemon)
        require_copies(t, daemon, 2)


@test(covers="A-13 C-06")
def window(t):
    """It is forgotten after delivery.remember, and with 0 nothing is remembered."""
    for seconds in (1, 0):
        with t.daemon(delivery={"remember": seconds}, **ONE) as daemon:
            lose(daemon)
            time.sleep(seconds * 1.1)
            send(daemon)
            require_copies(t, daemon, 2)


@test(covers="A-13 C-06 C-10 A-25")
def other_ways(t):
    """BDAT, STARTTLS, and one after the other: the bytes of the message count, not how they came."""
    options = tls.served(t, listener={"tls": "optional"})

    def chunk(client):
        client.envelope(SENDER, RECIPIENTS)
        client.send(chunks([wire(BODY)[:9].replace(b"..", b"."), BODY.replace(b"\n", b"\r\n")[9:]]))

    with t.daemon(**options, **ONE) as daemon:
        client = daemon.greeted()
        chunk(client)
        await_stored(daemon, 1)
        leave(daemon, client)
        lose(daemon, daemon.secured())
        lose_early(daemon, daemon.secured(), END + b"QUIT\r\n")
        client = daemon.greeted()
        chunk(client)
        daemon.wait_event("delivery", count=8)
        leave(daemon, client)
        require_copies(t, daemon, 1)
        for number in range(3):
            before = len(daemon.events("disconnect"))
            with daemon.secured() as client:
                begin(client)
                client.send(END + (b"QUIT\r\n" if number else b""))
                t.equal(client.reply().code, 250, "the reply")
                if number:
                    t.equal(client.reply().code, 221, "the last reply")
                    client.socket.unwrap()
                else:
                    client.expect("QUIT", 221)
            daemon.wait_event("disconnect", count=before + 1)
            require_copies(t, daemon, 1 + number)


@test(covers="A-13 C-06 C-27")
def each_recipient(t):
    """LMTP: the reply to each of them; over TCP, and a unix socket, where it is known what was read."""
    for by_socket in (False, True):
        with t.daemon(listener=LMTP, by_socket=by_socket, **ONE) as daemon:
            for number in range(2):
                client = daemon.greeted()
                begin(client)
                client.send(END)
                await_stored(daemon, 2 * number + 2)
                leave(daemon, client, reset=not by_socket)
            for mailbox in RECIPIENTS:
                require_copies(t, daemon, 1, mailbox)
            for ahead in (b"", b"", b"QUIT\r\n", b""):
                before = len(daemon.events("disconnect"))
                with daemon.greeted() as client:
                    begin(client)
                    client.send(END + ahead)
                    t.equal([client.reply().code for _ in RECIPIENTS], [250, 250], "the replies")
                    if ahead:
                        t.equal(client.reply().code, 221, "the last reply")
                daemon.wait_event("disconnect", count=before + 1)
            for mailbox in RECIPIENTS:
                require_copies(t, daemon, 4, mailbox)
