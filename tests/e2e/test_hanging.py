"""A disk that hangs: sessions see a pause; past timeouts.delivery the sender is told to try again, and when it does
there is one copy, although what it sent first was stored at last."""

import os
import signal
import threading

from harness import faults, processes
from harness.session import wire
from harness.trial import test

BOX, BODY = "m0@example.org", b"Subject: slow\n\nslow\n"
LONG = 2500  # milliseconds; longer than timeouts.delivery of these tests


def hanging(t, **options):
    """A daemon that has delivered, and whose calls can be made to hang."""
    made = faults.Faults(t, workers={"count": 1}, domains=["example.org"], mailboxes=["m0", "m1"], **options)
    made.daemon.start()
    processes.wait_until(lambda: os.path.isdir(made.daemon.mail().folder("m1@example.org") + "/new"), 20, "mailboxes")
    made.daemon.send([BOX], b"before\n")
    return made


@test(covers="A-13 A-18")
def pause(t):
    """Nobody is refused while the disk takes its time; what comes meanwhile is answered behind it."""
    bench = hanging(t)
    daemon, replies = bench.daemon, []
    bench.arm(*faults.slow_sync(1000))
    threads = [threading.Thread(target=lambda: replies.append(daemon.send(["m1@example.org"]))) for _ in range(5)]
    for thread in threads:
        thread.start()
    with daemon.greeted() as client:
        client.expect("MAIL FROM:<a@client.example>", 250)
        client.expect(f"RCPT TO:<{BOX}>", 250)
        client.expect("RSET", 250)
    for thread in threads:
        thread.join()
    bench.disarm()
    t.check(bench.hits() > 0, "no call was delayed")
    t.equal(len(daemon.mail().files("m1@example.org")), len(threads), "messages")
    t.equal(len(replies), len(threads), "sessions that heard 250")
    daemon.finish()


def stored_late(t, bench, session):
    """Sends it while fsync hangs; it is there when the disk is back. What the sender heard meanwhile."""
    daemon = bench.daemon
    bench.arm(*faults.slow_sync(LONG))
    reply = session(daemon)
    processes.wait_until(lambda: BODY in daemon.mail().bodies(BOX), 30, "the message is stored at last")
    bench.disarm()
    return reply


@test(covers="A-18 C-12", timeout=120)
def too_long(t):
    """451 past timeouts.delivery; sent again, the message is stored already."""
    bench = hanging(t, timeouts={"delivery": 1})
    daemon = bench.daemon

    def session(daemon):
        with daemon.greeted() as client:
            reply = client.deliver("a@client.example", [BOX], BODY)
            client.expect("NOOP", 250)
            return reply
    reply = stored_late(t, bench, session)
    t.equal((reply.code, reply.enhanced), (451, "4.3.0"), "the reply")
    daemon.send([BOX], BODY, sender="a@client.example")
    t.equal(daemon.mail().bodies(BOX).count(BODY), 1, "copies after the second try")
    daemon.send([BOX], BODY, sender="a@client.example")
    t.equal(daemon.mail().bodies(BOX).count(BODY), 2, "copies after one more message, whose 250 was taken")
    daemon.finish()


@test(covers="A-18 C-12", timeout=120)
def client_goes(t):
    """A client that does not wait for the reply, and sends its message again later."""
    bench = hanging(t)

    def session(daemon):
        with daemon.greeted() as client:
            client.begin_data("a@client.example", [BOX])
            client.send(wire(BODY) + b".\r\n")
            processes.wait_until(lambda: bench.hits() > 0, 20, "the fsync")
            client.abort()
    stored_late(t, bench, session)
    bench.daemon.wait_event("disconnect", count=2)
    bench.daemon.send([BOX], BODY, sender="a@client.example")
    t.equal(bench.daemon.mail().bodies(BOX).count(BODY), 1, "copies after the second try")
    bench.daemon.finish()


@test(covers="A-18 B-05", timeout=120)
def killed_while_it_hangs(t):
    """Delivery is killed in the fsync; the next one stores the message, and the session hears 250."""
    bench = hanging(t)
    daemon = bench.daemon
    daemon.deaths_allowed = True
    bench.arm(*faults.slow_sync(60000))
    with daemon.greeted() as client:
        client.begin_data("a@client.example", [BOX, "m1@example.org"])
        client.send(wire(BODY) + b".\r\n")
        processes.wait_until(lambda: bench.hits() > 0, 20, "the fsync")
        victim = daemon.delivery()
        bench.arm()
        os.kill(victim, signal.SIGKILL)
        t.equal(client.reply().code, 250, "the reply")
    t.equal([daemon.mail().bodies(box).count(BODY) for box in (BOX, "m1@example.org")], [1, 1], "copies")
    daemon.finish()


def restart_with_fault(t, count, moved, index, error):
    """Delivery is killed while it makes its message durable, before or after it has moved it; of what the next delivery
    does the call `index` fails. False: there is no such call."""
    bench = hanging(t)
    daemon, boxes = bench.daemon, [f"m{number}@example.org" for number in range(count)]
    daemon.deaths_allowed = True
    bench.arm(*faults.slow_sync(60000, moved))
    with daemon.greeted() as client:
        client.begin_data("a@client.example", boxes)
        client.send(wire(BODY) + b".\r\n")
        processes.wait_until(lambda: bench.hits() > 0, 20, "the fsync")
        victim = daemon.delivery()
        bench.arm(faults.fail(index, error))
        os.kill(victim, signal.SIGKILL)
        reply = client.reply()
    calls = bench.disarm()
    processes.wait_until(lambda: attempt(daemon), 30, "mail after the fault")
    what = f"{calls[index] if index < len(calls) else 'no fault'} after the restart, {moved=}, for {count}: {reply}"
    t.check(reply.code in (250, 451, 452), what)
    processes.wait_until(lambda: not daemon.mail().all_files("tmp"), 20, f"no debris after {what}")
    t.equal([daemon.mail().bodies(box).count(BODY) for box in boxes], [int(reply.code == 250)] * count, f"copies: {what}")
    daemon.finish()
    daemon.remove()
    return index < len(calls)


def attempt(daemon):
    with daemon.greeted() as client:
        if client.command("MAIL FROM:<a@client.example>").code != 250:
            return False
        client.expect("RSET", 250)
        return client.deliver("a@client.example", [BOX], b"after\n").code == 250


@test(covers="A-13 A-18", timeout=600)
def restart(t):
    """A message that was in hand when delivery was killed, and the next delivery meets a fault: it is in all of its
    mailboxes with a 250, or in none."""
    for count in (1, 2):
        for moved in (False, True):
            index, more = 0, True
            while more:
                more = restart_with_fault(t, count, moved, index, ("EIO", "EMFILE", "ENOSPC")[index % 3])
                index += 1 if t.is_long else 19
