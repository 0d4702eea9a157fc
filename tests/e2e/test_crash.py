"""kill -9 at each system call in turn: of a worker, of delivery, and of the master while it starts, reloads
and stops.  Afterwards the numbered messages are counted: acknowledged ones are in each of their mailboxes
once and whole, refused ones nowhere, those whose connection died in all of their mailboxes or in none."""

import os
import shutil
import signal
import threading
import time

from harness import ledger, processes, tracer
from harness.session import Closed
from harness.trial import test

MANY = [f"u{number:02}@example.org" for number in range(50)]
TWO = ["alice@example.org", "bob@example.org"]
MAILBOXES = TWO + MANY
LOCALS = [mailbox.split("@", maxsplit=1)[0] for mailbox in MAILBOXES]
# More of them one after the other, and the master waits longer each time (master/backoff.h).
KILLS_PER_START = 3
# Places in the short run, for each program and moment.
PLACES, PLACES_MASTER = 20, 10
BIG = 100 << 10


def prepared(t, **options):
    daemon = t.prepare(mailboxes=LOCALS, workers={"count": 1}, limits={"sessions-per-address": 0}, **options)
    daemon.deaths_allowed = True
    return daemon


def mailboxes_ready(daemon):
    mail = daemon.mail()
    processes.wait_until(lambda: all(os.path.isdir(os.path.join(mail.folder(mailbox), part))
                                     for mailbox in MAILBOXES for part in ("new", "tmp")), 30, "the mailboxes")


def greeted(daemon):
    """A session; one that breaks before its greeting is tried again with the next worker."""
    def trial():
        try:
            return daemon.greeted()
        except (OSError, Closed):
            return None
    return processes.wait_until(trial, 40, "a session")


def send_all(daemon, book):
    """Messages with 1, 2 and 50 recipients, in two sessions; a session that breaks is followed by another.
    The number of sessions that broke."""
    broken, client = 0, greeted(daemon)
    for number, (recipients, size) in enumerate(((TWO[:1], 2000), (TWO, BIG), (MANY, 2000))):
        if client is None or number == 2:
            if client:
                client.close()
            client = greeted(daemon)
        if not ledger.attempt(ledger.transmit, client, book.new(recipients, size)):
            broken += 1
            client.close()
            client = None
    if client:
        client.close()
    return broken


def require_right(t, daemon, book, what):
    """One more message shows that delivery has finished what another has left."""
    with greeted(daemon) as client:
        t.check(ledger.attempt(ledger.transmit, client, book.new(TWO[:1])), f"the next message, {what}")
    wrong = ledger.judge(book, daemon.mail(), MAILBOXES)
    t.check(not wrong, f"{what}: {wrong[:3]}, {len(wrong)} in all")
    daemon.mail().empty()


def require_clean(daemon):
    """Nothing in tmp/: what is swept away is swept in the background."""
    processes.wait_until(lambda: not daemon.mail().all_files("tmp"), 30,
                         f"nothing in tmp/: {daemon.mail().all_files('tmp')[:3]}")


def say(what, killed, calls):
    print(f"note: {what} was killed {len(killed)} times at {len(set(killed))} kinds of calls, {calls} in a round", flush=True)


# ---- a worker, delivery


class Rounds:
    """Kills one program at one call after the other, in one daemon that is started again now and then."""

    def __init__(self, t, victim, with_worker=False):
        tracer.require(t)
        self.t, self.victim, self.with_worker = t, victim, with_worker
        self.daemon, self.tracer = prepared(t), tracer.Tracer(t, victim)
        self.number = self.kills = 0
        self.killed = []

    def start(self):
        self.daemon.check_configuration()
        self.tracer.start(self.daemon)
        mailboxes_ready(self.daemon)
        self.kills = 0

    def stop(self):
        require_clean(self.daemon)
        self.daemon.finish()
        self.tracer.close()

    def settle(self):
        """The process that is watched has done its first work."""
        if self.kills == KILLS_PER_START:
            self.stop()
            self.start()
        self.tracer.wait("attached", self.kills + 1)
        with greeted(self.daemon) as client:
            client.deliver("warm@client.example", TWO[:1], b"warm\n")
            client.expect("QUIT", 221)
        self.daemon.mail().empty()

    def count(self):
        """The calls of a round in which nothing is killed."""
        self.settle()
        self.tracer.arm(0, "before")
        send_all(self.daemon, ledger.Ledger("count"))
        self.daemon.mail().empty()
        return self.tracer.disarm()

    def round(self, number, when):
        """False: the round ended before that call."""
        self.settle()
        self.number += 1
        book = ledger.Ledger(f"r{self.number}")
        self.tracer.arm(number, when, self.daemon.workers()[0] if self.with_worker else 0)
        broken = send_all(self.daemon, book)
        self.tracer.send("disarm")
        self.tracer.wait("calls", len(self.tracer.said("calls")) or 1)
        reached = len(self.tracer.killed()) > self.kills
        self.kills += reached
        self.killed += [self.tracer.killed()[-1].call] if reached else []
        what = f"{self.victim} killed {when} {self.tracer.killed()[-1] if reached else f'no call {number}'}"
        require_right(self.t, self.daemon, book, what)
        if self.victim == "postern-delivery" and not self.with_worker:
            self.t.equal((broken, book.count(ledger.STORED)), (0, 4), f"sessions that broke, and stored ones, {what}")
        return reached

    def all(self):
        self.start()
        calls = self.count()
        self.t.check(len(calls) > 20, f"calls: {calls}")
        for when in ("before", "after"):
            for number in tracer.chosen(calls, PLACES, self.t.is_long):
                self.round(number, when)
            # A round has a few calls more or less, as its bytes arrive.
            number = len(calls) + 1
            while self.t.is_long and self.round(number, when):
                number += 1
        self.stop()
        say(self.victim + " with the worker" * self.with_worker, self.killed, len(calls))


@test(covers="A-18 A-13 C-06 D-06 security.md:go-guerrilla", timeout=7200, plain=True)
def worker_at_each_call(t):
    Rounds(t, "postern-worker").all()


@test(covers="A-18 A-13 C-06 D-06 security.md:go-guerrilla", timeout=7200, plain=True)
def delivery_at_each_call(t):
    """No session breaks, and each message gets its 250."""
    Rounds(t, "postern-delivery").all()


@test(covers="A-18 A-13 C-06 D-06 security.md:go-guerrilla", timeout=7200, plain=True)
def delivery_and_worker_at_each_call(t):
    """Nobody submits again what delivery had in hand: what lies on the disk decides."""
    Rounds(t, "postern-delivery", with_worker=True).all()


# ---- the master


class Sender:
    """A thread that sends the messages of send_all() until it is told to end."""

    def __init__(self, daemon, book):
        self.daemon, self.book = daemon, book
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def run(self):
        number = 0
        while not self.stopping.is_set():
            try:
                with self.daemon.greeted() as client:
                    for _ in range(3):
                        recipients, size = ((TWO[:1], 2000), (TWO, BIG), (MANY, 2000))[number % 3]
                        number += 1
                        if not ledger.attempt(ledger.transmit, client, self.book.new(recipients, size)):
                            break
            except (OSError, Closed, AssertionError):
                time.sleep(0.01)


class MasterRounds:
    """Each round is a start; then what `moment` does, during which the master is killed; then another start at
    once, while workers and delivery of the killed one still finish."""

    def __init__(self, t, moment):
        tracer.require(t)
        self.t, self.moment = t, moment
        self.daemon, self.tracer = prepared(t), tracer.Tracer(t, "posternd")
        self.number = 0
        self.killed = []

    def start_again(self):
        """As a service manager would: until it starts.  The sockets may still be in use for a moment."""
        def trial():
            before = len(self.daemon.events("ready"))
            self.daemon.launch()
            processes.wait_until(lambda: len(self.daemon.events("ready")) > before or
                                 self.daemon.process.poll() is not None, 40, "a start")
            return self.daemon.process.poll() is None
        processes.wait_until(trial, 40, f"it starts again: {self.daemon.tail()}")

    def round(self, number, when):
        """False: the moment was over before that call."""
        self.number += 1
        book = ledger.Ledger(f"m{self.number}")
        orphans = []
        getattr(self, self.moment)(book, number, when, orphans)
        reached = self.daemon.process.poll() == -signal.SIGKILL
        if reached:
            killed = self.tracer.wait("killed")
            self.killed.append(killed[2])
            what = f"the master killed {when} {killed[1:]} while {self.moment}"
            self.start_again()
        else:
            what = f"{self.moment} was over before call {number}"
            if self.daemon.process.poll() is not None:
                self.start_again()
        self.tracer.close()
        mailboxes_ready(self.daemon)
        self.t.equal(send_all(self.daemon, book), 0, f"sessions that broke after the start, {what}")
        processes.wait_until(lambda: not any(processes.is_alive(pid) for pid in orphans), 60,
                             f"orphans end: {what}")
        require_right(self.t, self.daemon, book, what)
        require_clean(self.daemon)
        self.daemon.finish()
        return reached

    # ---- moments

    def counting(self, number, when):
        return (number, when) if number else (0, "before")

    def starting(self, book, number, when, orphans):
        """The first one: the mail root is made in it."""
        shutil.rmtree(self.daemon.mail_root, ignore_errors=True)
        before = len(self.daemon.events("ready"))
        self.tracer.launch(self.daemon, self.counting(number, when))
        processes.wait_until(lambda: len(self.daemon.events("ready")) > before or
                             self.daemon.process.poll() is not None, 40, "a start")
        self.end(orphans)

    def with_mail(self, book, number, when, orphans, act, done):
        self.tracer.start(self.daemon)
        mailboxes_ready(self.daemon)
        with Sender(self.daemon, book):
            processes.wait_until(lambda: book.count(ledger.STORED) >= 1, 40, "messages")
            orphans += processes.descendants(self.daemon.pid())
            self.tracer.arm(*self.counting(number, when))
            act()
            processes.wait_until(lambda: self.daemon.process.poll() is not None or done(), 60, self.moment)
            self.end(orphans)

    def reloading(self, book, number, when, orphans):
        before = len(self.daemon.events("reload"))
        self.with_mail(book, number, when, orphans, lambda: self.daemon.signal(signal.SIGHUP),
                       lambda: len(self.daemon.events("reload")) > before)

    def stopping(self, book, number, when, orphans):
        self.with_mail(book, number, when, orphans, lambda: self.daemon.signal(signal.SIGTERM), lambda: False)

    def end(self, orphans):
        """Children whose parent was killed are this process's own now, a subreaper."""
        self.calls = []
        if self.daemon.process.poll() is None:
            self.calls = self.tracer.disarm()

    def count(self):
        self.round(0, "before")
        return self.calls

    def all(self):
        self.daemon.check_configuration()
        calls = self.count()
        if self.moment == "stopping":
            calls = self.tracer.wait("ended")[1:]
        for when in ("before", "after"):
            for number in tracer.chosen(calls, PLACES_MASTER, self.t.is_long):
                self.round(number, when)
        say(f"the master while {self.moment}", self.killed, len(calls))


@test(covers="A-18 B-50 C-06", timeout=7200, plain=True)
def master_at_each_call_of_a_start(t):
    MasterRounds(t, "starting").all()


@test(covers="A-18 A-23 B-50 C-06", timeout=7200, plain=True)
def master_at_each_call_of_a_reload(t):
    MasterRounds(t, "reloading").all()


@test(covers="A-18 A-19 B-50 C-06", timeout=7200, plain=True)
def master_at_each_call_of_a_stop(t):
    MasterRounds(t, "stopping").all()


def start_beside(daemon):
    """Starts the service again and does not wait until it is ready: until it has a delivery process."""
    def trial():
        daemon.launch()
        processes.wait_until(lambda: daemon.delivery() or daemon.process.poll() is not None, 40, "a delivery")
        return daemon.process.poll() is None
    processes.wait_until(trial, 40, f"it starts again: {daemon.tail()}")


@test(covers="A-18 B-50 C-06 D-06", timeout=180)
def new_service_beside_the_old_delivery(t):
    """The delivery of a killed master, held up with messages in hand, finishes while the new service begins."""
    daemon, book = prepared(t), ledger.Ledger("b")
    daemon.start()
    mailboxes_ready(daemon)
    old = daemon.delivery()
    orphans = processes.descendants(daemon.pid())
    os.kill(old, signal.SIGSTOP)
    threads = [threading.Thread(target=send_all, args=(daemon, book), daemon=True) for _ in range(6)]
    for thread in threads:
        thread.start()
    processes.wait_until(lambda: len(book.messages()) == len(threads), 40, "messages on their way")
    before = len(daemon.events("ready"))
    os.kill(daemon.pid(), signal.SIGKILL)
    daemon.process.wait()
    start_beside(daemon)
    os.kill(old, signal.SIGCONT)
    daemon.wait_event("ready", count=before + 1)
    for thread in threads:
        thread.join()
    processes.wait_until(lambda: not any(processes.is_alive(pid) for pid in orphans), 60, "the old ones end")
    t.equal(send_all(daemon, book), 0, "sessions that broke")
    require_right(t, daemon, book, "a new service beside the old delivery")
    require_clean(daemon)
    daemon.finish()
