"""The power fails: the service runs in a virtual machine whose disk loses what was not flushed, and whose
emulator is killed under load.  The machine starts again on the same disk, and the messages are counted."""

import os
import random
import threading
import time

from harness import ledger, processes
from harness.drive import Drive
from harness.machine import Machine
from harness.session import Closed
from harness.trial import test

LOCALS = [f"m{number:02}" for number in range(20)]
MAILBOXES = [f"{local}@example.org" for local in LOCALS]
DISK = 384 << 20
CLIENTS, ROUNDS = 4, 10
# The part of the disk's cache that was written before the power failed.
KEPT = (0, 0.5, 0.9)


class Load:
    """Threads with numbered messages for 1, 2 and 20 recipients, until the power fails."""

    def __init__(self, machine, book, seed):
        self.machine, self.book = machine, book
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(random.Random(seed + number),), daemon=True)
                        for number in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def session(self, chance):
        with self.machine.greeted() as client:
            while not self.stopping.is_set():
                recipients = chance.sample(MAILBOXES, chance.choice((1, 2, 20, 20)))
                if not ledger.attempt(ledger.transmit, client, self.book.new(recipients, chance.choice((1000, 8000, 60000)))):
                    return

    def run(self, chance):
        while not self.stopping.is_set():
            try:
                self.session(chance)
            except (OSError, Closed, AssertionError):
                time.sleep(0.05)


class Trial:
    def __init__(self, t, file_system, lies=False):
        self.seed = int(os.environ.get("POSTERN_SEED", time.time_ns() % 1000000))
        self.t, self.name, self.chance = t, file_system, random.Random(self.seed)
        self.book = ledger.Ledger("p")
        self.drive = Drive(t.path("disk"), DISK, lies)
        self.machine = Machine(t, self.drive, LOCALS, file_system)
        self.machine.make_file_system()
        self.recoveries = {"forward": 0, "back": 0, "swept": 0}
        print(f"note: power cut on {file_system}: POSTERN_SEED={self.seed}", flush=True)

    def run_and_cut(self):
        """Some load, then the cut, when the disk is about to make something safe; the number of blocks lost."""
        stored = self.book.count(ledger.STORED)
        with Load(self.machine, self.book, self.chance.randrange(1 << 30)):
            processes.wait_until(lambda: self.book.count(ledger.STORED) > stored + 10, 120, "messages are stored")
            self.drive.fail_at(self.chance.randrange(1, 100))
            self.t.check(self.drive.has_failed.wait(120), "the machine writes")
            return self.machine.cut_power(self.chance, self.chance.choice(KEPT))

    def start_again(self):
        """What is wrong afterwards; a message shows that delivery has finished what it had found."""
        self.machine.start()
        with self.machine.greeted() as client:
            ledger.transmit(client, self.book.new(MAILBOXES[:1]))
        log = self.machine.log()
        for direction in self.recoveries:
            self.recoveries[direction] += log.count(f"direction={direction}")
        return ledger.judge(self.book, self.machine.mail(), MAILBOXES)

    def require_clean(self):
        """What is swept away is swept in the background."""
        processes.wait_until(lambda: not self.machine.mail().all_files("tmp"), 60, "nothing in tmp/")


def cut_again_and_again(t, file_system, rounds):
    trial = Trial(t, file_system)
    trial.machine.start()
    for number in range(rounds):
        lost = trial.run_and_cut()
        wrong = trial.start_again()
        t.check(not wrong, f"seed {trial.seed}, cut {number}: {wrong[:3]}, {len(wrong)} in all")
        trial.require_clean()
        print(f"note: power cut {number} on {file_system}: {trial.book.summary()}; {lost} blocks lost, "
              f"{trial.drive.flushes} flushes, recovered {trial.recoveries}", flush=True)
    trial.machine.cut_power(trial.chance, 1)


@test(covers="A-18 A-13 C-06 D-06 security.md:go-guerrilla", timeout=3600, plain=True, long=True)
def ext4(t):
    cut_again_and_again(t, "ext4", ROUNDS)


@test(covers="A-18 A-13 C-06", timeout=3600, plain=True, long=True)
def xfs(t):
    cut_again_and_again(t, "xfs", ROUNDS // 2)


@test(covers="A-18 A-13 C-06", timeout=3600, plain=True, long=True)
def btrfs(t):
    cut_again_and_again(t, "btrfs", ROUNDS // 2)


@test(covers="A-13", timeout=3600, plain=True, long=True)
def disk_that_lies(t):
    """Whether the test would notice: a disk that says FLUSH is done and does nothing loses messages."""
    trial = Trial(t, "ext4", lies=True)
    trial.machine.start()
    with Load(trial.machine, trial.book, trial.seed):
        processes.wait_until(lambda: trial.book.count(ledger.STORED) > 20, 120, "messages are stored")
        trial.machine.cut_power(trial.chance, 0)
    # Nothing has ever been written to it: an empty file system.
    wrong = trial.start_again()
    t.check(any("acknowledged and not in" in line for line in wrong), f"lost messages are noticed: {wrong[:3]}")
    trial.machine.cut_power(trial.chance, 1)
