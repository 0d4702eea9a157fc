"""A soak: mixed load while each second a random process is killed, with reloads and full disks in between.

It goes on in spells.  After each one the numbered messages are counted, and what the processes hold is
compared with the first.  A minute in the short run, an hour in the long one; how much is done in it
depends on the machine, what must come out does not.
"""

import contextlib
import os
import random
import signal
import threading
import time

from harness import certificates, isolate, ledger, processes, tls
from harness.session import Closed
from harness.trial import test

LOCALS = [f"m{number:02}" for number in range(20)]
MAILBOXES = [f"{local}@example.org" for local in LOCALS]
CLIENTS = 6
SPELL, SHORT, LONG = 12, 36, 3600
# A disk that only the full ones among the spells fill up: bytes that one spell may store.
DISK, ALLOWANCE = 256 << 20, 96 << 20
FEW = 8 << 20
SLACK_KIB, SLACK_DESCRIPTORS = 8192, 4


def prepared(t, **options):
    """Three listeners: SMTP with STARTTLS, with TLS from the beginning, and LMTP."""
    listens = tls.listeners(t)
    address = {"address": [t.address], "port": 3024, "protocol": "lmtp"}
    served = tls.settings(certificates.make(t.path("mx")))
    daemon = t.prepare(mailboxes=LOCALS, domains=["example.org"], workers={"count": 2}, tls=served,
                       listen=[*listens, ("lmtp", address)], limits={"sessions-per-address": 0},
                       timeouts={"stop": 5}, **options)
    daemon.places["lmtp"] = (t.address, 3024)
    daemon.deaths_allowed = True
    return daemon


# ---- load


def open_plain(daemon):
    return daemon.greeted()


def open_starttls(daemon):
    return daemon.secured()


def open_implicit(daemon):
    return daemon.connect_implicit().secure().greet()


def open_lmtp(daemon):
    return daemon.greeted(to="lmtp")


KINDS = (open_plain, open_starttls, open_implicit, open_lmtp)


class Client:
    """A thread with random messages in random sessions, until it is told to end."""

    def __init__(self, daemon, book, chance, allowance):
        self.daemon, self.book, self.chance = daemon, book, chance
        self.allowance = allowance
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.failure = None

    def message(self, is_lmtp):
        """Of 1 KiB to 1 MiB for 1 to 20 recipients, as long as there is room for such."""
        recipients = self.chance.sample(MAILBOXES, self.chance.choice((1, 1, 2, 5, 20)))
        size = int(1024 * 2 ** self.chance.uniform(0, 10))
        size = size if size * len(recipients) <= min(FEW, self.allowance) else 1024
        self.allowance -= size * len(recipients)
        return self.book.new_each(recipients, size) if is_lmtp else self.book.new(recipients, size)

    def session(self):
        kind = self.chance.choice(KINDS)
        with kind(self.daemon) as client:
            for _ in range(self.chance.randint(1, 5)):
                if self.stopping.is_set() or not self.one(client, kind is open_lmtp):
                    return

    def one(self, client, is_lmtp):
        message = self.message(is_lmtp)
        if is_lmtp:
            return ledger.attempt(ledger.transmit_each, client, message)
        return ledger.attempt(ledger.transmit, client, message, by_chunks=self.chance.random() < 0.5)

    def run(self):
        while not self.stopping.is_set():
            try:
                self.session()
            except (OSError, Closed, AssertionError):
                time.sleep(0.05)


# ---- what befalls it


class Trouble:
    """Kills, reloads and full disks, in an order that the seed gives."""

    def __init__(self, daemon, chance, disk):
        self.daemon, self.chance, self.disk = daemon, chance, disk
        self.kills = {}
        self.seconds = self.reloads = self.full = 0

    def start_again(self):
        def trial():
            before = len(self.daemon.events("ready"))
            self.daemon.launch()
            processes.wait_until(lambda: self.daemon.process.poll() is not None or
                                 len(self.daemon.events("ready")) > before, 40, "a start")
            return self.daemon.process.poll() is None
        processes.wait_until(trial, 60, "it starts again")

    def kill(self):
        """One of the processes; the master is started again as a service manager would."""
        children = [pid for pid, row in processes.table().items() if row[0] == self.daemon.pid() and row[2] != "Z"]
        pid = self.chance.choice([*sorted(children), *sorted(children), self.daemon.pid()])
        name = processes.table().get(pid, (0, "gone", ""))[1]
        self.kills[name] = self.kills.get(name, 0) + 1
        if pid != self.daemon.pid():
            processes.kill_quietly(pid)
            return
        self.daemon.kill()
        self.start_again()

    def reload(self):
        self.daemon.signal(signal.SIGHUP)
        self.reloads += 1

    def fill(self):
        if not self.disk.is_own:
            return
        self.full += 1
        with self.disk.full():
            time.sleep(1)

    def second(self):
        time.sleep(1)
        self.kill()
        self.seconds += 1
        if self.seconds % 4 == 2:
            self.reload()
        if self.seconds % 4 == 0:
            self.fill()


class Disk:
    """Where the mail root lies: a small one, on which there can be no room."""

    def __init__(self, t):
        self.path = t.path("disk")
        os.mkdir(self.path, 0o755)
        problem = isolate.own_mounts() if t.is_root else isolate.own_mounts_as_user()
        self.is_own = not problem
        if problem:
            print(f"note: soak: without full disks: {problem}", flush=True)
        else:
            isolate.mount_tmpfs(self.path, f"size={DISK},mode=0755")

    @contextlib.contextmanager
    def full(self):
        """Meanwhile no byte is free."""
        path = os.path.join(self.path, "fill")
        with open(path, "wb", buffering=0) as file:
            for piece in (b"x" * (1 << 20), b"x" * 4096):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(piece)
        yield
        os.unlink(path)

    def remove(self):
        if self.is_own:
            isolate.unmount(self.path)


# ---- what they hold


def reap_orphans(daemon):
    """Those of a killed master are children of this process."""
    for pid, row in processes.table().items():
        if row[0] == os.getpid() and row[2] == "Z" and pid != daemon.pid():
            processes.reap_one(pid)


def descriptors_of(pid):
    """0 where only root may look."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        return 0


def holdings(daemon):
    """program -> (the most KiB resident, the most descriptors) of its processes."""
    found = {}
    for pid in [daemon.pid(), *processes.descendants(daemon.pid())]:
        values = processes.status(pid)
        kib, most = found.get(values["Name"], (0, 0))
        found[values["Name"]] = max(kib, int(values["VmRSS"].split()[0])), max(most, descriptors_of(pid))
    return found


def is_settled(daemon):
    """One generation of workers, one delivery, nobody else."""
    reap_orphans(daemon)
    mine = [row for row in processes.table().values() if row[0] in (daemon.pid(), os.getpid())]
    return (len(daemon.workers()) == 2 and daemon.delivery() is not None and
            sorted(row[1] for row in mine) == ["postern-deliver", "postern-worker", "postern-worker", "posternd"] and
            all(row[2] != "Z" for row in mine))


def warm(daemon):
    """Every process has had work to do, of each kind."""
    for _ in range(4):
        for kind in KINDS:
            with kind(daemon) as client:
                is_lmtp = kind is open_lmtp
                client.begin_data("warm@client.example", MAILBOXES)
                client.send(b"warm\r\n.\r\n")
                for _ in range(len(MAILBOXES) if is_lmtp else 1):
                    if client.reply().code != 250:
                        raise AssertionError("a message between two spells is not stored")


def settle(daemon, book):
    """Until all is as at the start: a message shows that delivery has finished what another has left."""
    processes.wait_until(lambda: is_settled(daemon), 60, f"two workers and a delivery, no zombie: {daemon.tail()}")
    with daemon.greeted() as client:
        ledger.transmit(client, book.new(MAILBOXES))
    processes.wait_until(lambda: not daemon.mail().all_files("tmp"), 30,
                         f"nothing in tmp/: {daemon.mail().all_files('tmp')[:3]}")


def measure(t, daemon):
    if t.is_sanitized:
        return {}
    warm(daemon)
    daemon.mail().empty()
    return holdings(daemon)


def compare(t, first, now):
    for program, (kib, descriptors) in now.items():
        wanted, most = first[program]
        t.check(kib <= wanted + SLACK_KIB, f"{program} has {kib} KiB, at first {wanted}")
        t.check(descriptors <= most + SLACK_DESCRIPTORS, f"{program} has {descriptors} descriptors, at first {most}")


# ---- the soak


def spell(daemon, number, chance, trouble):
    book = ledger.Ledger(f"s{number}")
    clients = [Client(daemon, book, random.Random(chance.random()), ALLOWANCE // CLIENTS) for _ in range(CLIENTS)]
    end = time.monotonic() + SPELL
    for client in clients:
        client.thread.start()
    while time.monotonic() < end:
        trouble.second()
    for client in clients:
        client.stopping.set()
    for client in clients:
        client.thread.join()
    return book


@test(covers="A-18 A-13 A-08 B-05 C-06 C-11 D-06 security.md:go-guerrilla", timeout=3 * LONG)
def mixed_load(t):
    seed = int(os.environ.get("POSTERN_SEED", time.time_ns() % 1000000))
    print(f"note: soak: POSTERN_SEED={seed}", flush=True)
    chance, disk = random.Random(seed), Disk(t)
    # The disk is small, and is to be really full at times.
    daemon = prepared(t, delivery={"maildir": disk.path + "/mail/%d/%u", "reserve": 0, "reserve-inodes": 0})
    daemon.mail_root = disk.path + "/mail"
    trouble = Trouble(daemon, chance, disk)
    daemon.start()
    # The second configuration is read while the first is still held: that is the most.
    for number in range(4):
        daemon.signal(signal.SIGHUP)
        daemon.wait_event("reload", count=number + 1)
    settle(daemon, ledger.Ledger("s0"))
    daemon.mail().empty()
    first = measure(t, daemon)
    end, number = time.monotonic() + (LONG if t.is_long else SHORT), 0
    while time.monotonic() < end:
        number += 1
        book = spell(daemon, number, chance, trouble)
        settle(daemon, book)
        wrong = ledger.judge(book, daemon.mail(), MAILBOXES)
        t.check(not wrong, f"seed {seed}, spell {number}: {wrong[:3]}, {len(wrong)} in all")
        t.check(book.count(ledger.STORED) > 0, f"stored: {book.summary()}")
        daemon.mail().empty()
        now = measure(t, daemon)
        compare(t, first, now)
        print(f"note: soak: spell {number}: {book.summary()}; killed {trouble.kills}, "
              f"{trouble.reloads} reloads, {trouble.full} full disks; KiB and descriptors {now}", flush=True)
    daemon.finish()
    disk.remove()
