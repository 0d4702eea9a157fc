"""A daemon of which one process is killed at the Nth system call that it makes (tests/crash/stop_at.c)."""

import collections
import os
import socket
import subprocess
import threading

from . import processes
from .trial import Skipped

Kill = collections.namedtuple("Kill", "number call")
# Only a failure ever waits for so long.
PATIENCE = 40


def program(trial):
    return os.path.join(trial.bin, "stop_at")


def require(trial):
    """Skips the test where it cannot be run."""
    if not os.path.exists(program(trial)):
        raise Skipped("tests/crash/stop_at is not built")
    ours, its = socket.socketpair()
    with ours, its:
        done = subprocess.run([program(trial), str(its.fileno()), "true", "/bin/true"], pass_fds=(its.fileno(),),
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
        its.close()
        said = ours.recv(200).decode("latin-1")
    if done.returncode != 0 or not said.startswith("ready"):
        raise Skipped(f"no ptrace here: {said.strip()}")


class Tracer:
    """Follows one start of a daemon.  victim: the program whose process is watched."""

    def __init__(self, trial, victim):
        self.trial, self.victim = trial, victim
        self.socket = None
        self.lines, self.lock = [], threading.Lock()

    def launch(self, daemon, armed=None):
        """Starts the daemon and does not wait; armed: (N, "before" or "after") from its first call on."""
        ours, its = socket.socketpair()
        self.socket, self.lines = ours, []
        threading.Thread(target=self.listen, args=(ours,), daemon=True).start()
        if armed:
            self.send("arm %d %s 0" % armed)
        daemon.prefix = [program(self.trial), str(its.fileno()), self.victim]
        try:
            daemon.launch(pass_fds=(its.fileno(),))
        finally:
            daemon.prefix = []
            its.close()

    def start(self, daemon):
        before = len(daemon.events("ready"))
        self.launch(daemon)
        daemon.wait_event("ready", count=before + 1)
        self.wait("attached")

    def listen(self, connection):
        with connection.makefile("r", encoding="ascii") as file:
            for line in file:
                with self.lock:
                    self.lines.append(line.split())

    def send(self, line):
        self.socket.sendall(line.encode() + b"\n")

    # ---- what it has said

    def said(self, word):
        with self.lock:
            return [line for line in self.lines if line and line[0] == word]

    def wait(self, word, count=1):
        processes.wait_until(lambda: len(self.said(word)) >= count, PATIENCE, f"the tracer says {word}: {self.lines[-3:]}")
        return self.said(word)[-1]

    def arm(self, number, when, companion=0):
        """companion: the id of a process that is killed with it."""
        before = len(self.said("armed"))
        self.send(f"arm {number} {when} {companion}")
        self.wait("armed", before + 1)

    def disarm(self):
        """The names of the calls that were counted."""
        before = len(self.said("calls"))
        self.send("disarm")
        return self.wait("calls", before + 1)[1:]

    def killed(self):
        """What it has killed since the start."""
        return [Kill(int(line[1]), line[2]) for line in self.said("killed")]

    def close(self):
        if self.socket:
            self.socket.close()


# Calls that change what a crash leaves on the disk.
WEIGHTY = ("renameat2", "fsync", "fdatasync", "syncfs", "sync_file_range", "unlinkat", "pwrite64", "copy_file_range")


def thinned(numbers, most):
    return numbers[::-(-len(numbers) // most)] if numbers and most > 0 else []


def chosen(calls, most, is_long):
    """At which calls to kill: all of them in the long test.  Otherwise, as many as there is time for: one in the
    middle of each weighty kind, which is among the many recipients; the first of each kind; the first of
    each pair of neighbours, where something new begins."""
    if is_long:
        return list(range(1, len(calls) + 1))
    places, pairs = {}, {}
    for number, before, call in zip(range(1, len(calls) + 1), ["", *calls], calls):
        places.setdefault(call, []).append(number)
        pairs.setdefault((before, call), number)
    found = {numbers[len(numbers) // 2] for call, numbers in places.items() if call in WEIGHTY}
    for more in ([numbers[0] for numbers in places.values()], pairs.values()):
        found |= set(thinned(sorted(set(more) - found), most - len(found)))
    return sorted(found)
