"""kill -9: nothing that was acknowledged is lost, nothing is stored twice, and the service goes on."""

import os
import random
import signal

from harness import processes
from harness.load import Load, require_exactly_once
from harness.session import Closed
from harness.trial import test


def kill_and_wait(daemon, pid, program, deaths):
    os.kill(pid, signal.SIGKILL)
    daemon.wait_event("end", count=deaths, program=program, signal="9|.*KILL.*")


@test(covers="A-18 B-05")
def idle_worker(t):
    """Only the sessions of the worker that was killed are lost."""
    with t.daemon(workers={"count": 1}) as daemon:
        daemon.deaths_allowed = True
        with daemon.greeted() as client:
            (worker,) = daemon.workers()
            kill_and_wait(daemon, worker, "postern-worker", 1)
            t.check(client.is_closed(), "the session is closed")
        processes.wait_until(lambda: daemon.workers() not in ([], [worker]), 30, "another worker")
        daemon.send()


@test(covers="A-18 A-13")
def idle_delivery(t):
    """Sessions do not notice that delivery was killed between their messages."""
    with t.daemon() as daemon, daemon.greeted() as client:
        daemon.deaths_allowed = True
        client.deliver("a@client.example", ["alice@example.org"], b"one\n")
        before = daemon.delivery()
        kill_and_wait(daemon, before, "postern-delivery", 1)
        t.equal(client.deliver("a@client.example", ["alice@example.org"], b"two\n").code, 250, "the reply")
        t.equal(sorted(daemon.mail().bodies("alice@example.org")), [b"one\n", b"two\n"], "the messages")
        t.check(daemon.delivery() not in (None, before), "another delivery process")


@test(covers="A-18 A-13")
def delivery_in_a_message(t):
    """A message that was half handed over when delivery died is handed over again, once."""
    with t.daemon() as daemon, daemon.greeted() as client:
        daemon.deaths_allowed = True
        body = b"x" * 70 + b"\n"
        client.begin_data("a@client.example", ["alice@example.org", "bob@example.org"])
        client.send((body * 20000).replace(b"\n", b"\r\n"))
        kill_and_wait(daemon, daemon.delivery(), "postern-delivery", 1)
        client.send(b".\r\n")
        t.equal(client.reply().code, 250, "the reply")
        for mailbox in ("alice@example.org", "bob@example.org"):
            t.check(daemon.mail().bodies(mailbox) == [body * 20000], f"{mailbox} has it once, whole")


def stopped_delivery_is_killed(t, mailboxes):
    """SIGSTOP holds delivery with messages on their way to it, SIGKILL ends it: the worker submits
    them again to the next one."""
    with t.daemon(limits={"sessions-per-address": 0}) as daemon:
        daemon.deaths_allowed = True
        delivery = daemon.delivery()
        os.kill(delivery, signal.SIGSTOP)
        clients = [daemon.greeted() for _ in range(20)]
        for number, client in enumerate(clients):
            client.begin_data("a@client.example", mailboxes)
            client.send(b"message %d\r\n.\r\n" % number)
        os.kill(delivery, signal.SIGKILL)
        for client in clients:
            t.equal(client.reply().code, 250, "the reply")
            client.close()
        wanted = sorted(b"message %d\n" % number for number in range(20))
        for mailbox in mailboxes:
            t.equal(sorted(daemon.mail().bodies(mailbox)), wanted, f"messages of {mailbox}")


@test(covers="A-18 A-13")
def delivery_with_messages_waiting(t):
    stopped_delivery_is_killed(t, ["alice@example.org"])


@test(covers="A-18 A-13 A-08")
def delivery_with_messages_for_several(t):
    stopped_delivery_is_killed(t, ["alice@example.org", "bob@example.org", "bob@example.net"])


@test(covers="A-18", timeout=120)
def delivery_does_not_answer(t):
    """Past timeouts.delivery the sender is told to come again; the session lives."""
    with t.daemon(timeouts={"delivery": 1}) as daemon, daemon.greeted() as client:
        daemon.deaths_allowed = True
        delivery = daemon.delivery()
        os.kill(delivery, signal.SIGSTOP)
        reply = client.deliver("a@client.example", ["alice@example.org"], b"late\n")
        t.equal((reply.code, reply.enhanced), (451, "4.3.0"), "the reply")
        client.expect("NOOP", 250)
        os.kill(delivery, signal.SIGCONT)
        processes.wait_until(lambda: client.deliver("a@client.example", ["alice@example.org"],
                                                    b"again\n").code == 250, 30, "the next message")
        t.check(b"again\n" in daemon.mail().bodies("alice@example.org"), "the next message is there")


def kill_under_load(t, victims, clients, messages, name):
    with t.daemon(limits={"sessions-per-address": 0}) as daemon:
        daemon.deaths_allowed = True
        chance, kills = random.Random(7), 0
        with Load(daemon, clients=clients, messages=messages, name=name,
                  recipients=("alice@example.org", "bob@example.org")) as load:
            while load.is_running() and kills < 6:
                seen = load.count()
                processes.wait_until(lambda: load.count() >= seen + 40 or not load.is_running(), 60, "messages")
                found = victims(daemon)
                if found and load.is_running():
                    os.kill(chance.choice(found), signal.SIGKILL)
                    kills += 1
                    daemon.wait_event("end", count=kills, signal="9|.*KILL.*")
            load.wait()
        t.check(kills >= 3, f"only {kills} were killed before the load ended")
        t.check(load.count() > clients * messages // 2, f"only {load.count()} were acknowledged: {load.errors[:5]}")
        require_exactly_once(t, load, ("alice@example.org", "bob@example.org"))
        return load


@test(covers="A-18 A-13 B-05", timeout=180)
def workers_under_load(t):
    kill_under_load(t, lambda daemon: daemon.workers(), 10, 80, "w")


@test(covers="A-18 A-13 B-05", timeout=180)
def delivery_under_load(t):
    """No session breaks, and nobody is refused: the messages wait for the next delivery process."""
    load = kill_under_load(t, lambda daemon: [daemon.delivery()] if daemon.delivery() else [], 10, 80, "d")
    t.equal(load.errors, [], "broken sessions")


@test(covers="A-18 A-13 B-05", timeout=180)
def anything_under_load(t):
    kill_under_load(t, lambda daemon: daemon.workers() + [pid for pid in [daemon.delivery()] if pid],
                    10, 80, "x")


@test(covers="A-18", timeout=180)
def crash_loop(t):
    """Workers that crash again and again end the service, loudly."""
    daemon = t.prepare(workers={"count": 1})
    daemon.deaths_allowed = True
    daemon.start()
    crashed = set()

    def crashed_until_it_ended():
        # What somebody kills is no crash; a fault of its own is.
        for pid in set(daemon.workers()) - crashed:
            if any(event.writer == pid for event in daemon.events("start")):
                crashed.add(pid)
                os.kill(pid, signal.SIGABRT)
        return daemon.process.poll() is not None
    processes.wait_until(crashed_until_it_ended, 120, "the service gives up")
    t.check(daemon.process.returncode not in (0, -9), f"exit status {daemon.process.returncode}")
    t.check(daemon.events("give-up", program="postern-worker"), f"event=give-up: {daemon.tail()}")
    try:
        daemon.connect().close()
        t.check(False, "nobody listens any more")
    except (ConnectionError, Closed):
        pass


@test(covers="A-18 B-50")
def master_is_killed(t):
    """When the master dies its children end by themselves, and what was acknowledged is stored."""
    daemon = t.prepare()
    daemon.start()
    daemon.send()
    children = processes.descendants(daemon.pid())
    t.check(len(children) >= 3, f"children: {children}")
    os.kill(daemon.pid(), signal.SIGKILL)
    daemon.process.wait(20)
    processes.wait_until(lambda: not any(processes.is_alive(pid) for pid in children), 60, "the children end")
    t.equal(len(daemon.mail().files("alice@example.org")), 1, "messages")
    daemon.require_clean_log()
