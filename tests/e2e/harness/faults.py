"""Lets the system calls of postern-delivery fail, one in turn, while it runs (tests/faults)."""

import errno
import mmap
import os
import platform
import shutil
import struct
import time

from . import processes

# The layout of struct control in tests/faults/faults.c.
ON, COUNT, IDLE, STRANGER, LOADED = (4 * number for number in range(5))
FAULTS, FAULT_SIZE, FAULTS_MAX = 24, 32, 4
ROOT, ROOT_SIZE = FAULTS + FAULTS_MAX * FAULT_SIZE, 512
CALLS, CALL_SIZE, CALLS_MAX = ROOT + ROOT_SIZE, 256, 1024
SIZE = CALLS + CALLS_MAX * CALL_SIZE
FAIL, SHORT, DELAY = 1, 2, 3
LAST = 0xffffffff
# Of x86-64: fsync, fdatasync, syncfs; renameat2.
SYNCS, RENAMEAT2 = (74, 75, 306), 316


class Call:
    """One call that was made at or below the mail root: .name, .places ("./example.org/alice/tmp/...")."""

    def __init__(self, number, result, text):
        self.number, self.result = number, result
        self.name, *self.places = text.split(" ")

    def __repr__(self):
        return f"{' '.join([self.name, *self.places])} = {self.result}"


class Faults:
    """Of a daemon that is made here: t.daemon's options."""

    def __init__(self, t, **options):
        reason = self.why_not(t)
        if reason:
            t.skip(reason)
        self.daemon = t.prepare(**options)
        self.daemon.bin = self.make_programs(t, self.daemon.path("bin"))
        self.path = os.path.join(self.daemon.bin, "faults")
        with open(self.path, "wb") as file:
            file.truncate(SIZE)
        os.chmod(self.path, 0o666)
        with open(self.path, "r+b") as file:
            self.shared = mmap.mmap(file.fileno(), SIZE)
        root = os.path.realpath(self.daemon.mail_root).encode()
        self.shared[ROOT:ROOT + len(root)] = root

    @staticmethod
    def why_not(t):
        if t.is_sanitized:
            return "a sanitizer does not let itself be preloaded"
        if platform.machine() != "x86_64":
            return "tests/faults/faults.c knows x86-64 only"
        if not os.path.exists(os.path.join(t.options.folder, "faults", "faults.so")):
            return "faults.so is not built (make faults)"
        return None

    @staticmethod
    def make_programs(t, place):
        """A folder of programs in which postern-delivery is the one that loads faults.so into the real one."""
        library = os.path.join(t.options.folder, "faults")
        os.makedirs(os.path.join(place, "preloaded"), 0o755)
        for folder in (place, os.path.join(place, "preloaded")):
            os.chmod(folder, 0o755)
        for source, target in ((t.bin + "/posternd", "posternd"), (t.bin + "/postern-worker", "postern-worker"),
                               (library + "/launch", "postern-delivery"),
                               (t.bin + "/postern-delivery", "preloaded/postern-delivery"),
                               (library + "/faults.so", "preloaded/faults.so")):
            shutil.copyfile(source, os.path.join(place, target))
            os.chmod(os.path.join(place, target), 0o755)
        return place

    # ---- the shared memory

    def get(self, offset):
        return struct.unpack_from("I", self.shared, offset)[0]

    def put(self, offset, value):
        struct.pack_into("I", self.shared, offset, value)

    def hits(self):
        return sum(self.get(FAULTS + place * FAULT_SIZE + 20) for place in range(FAULTS_MAX))

    # ---- what the tests do

    def arm(self, *faults):
        """Counts from here on. Each fault is (first, last, number of the call or -1, action, value, number of a call
        that must come before or -1, how often at most or 0)."""
        self.put(ON, 0)
        for place in range(FAULTS_MAX):
            fault = faults[place] if place < len(faults) else (0, 0, -1, 0, 0, -1, 0)
            struct.pack_into("IIiIIIiI", self.shared, FAULTS + place * FAULT_SIZE, *fault[:5], 0, *fault[5:])
        self.put(COUNT, 0)
        self.put(ON, 1)

    def disarm(self):
        """Waits until delivery has nothing to do, and stops counting; what was counted."""
        processes.wait_until(self.is_asleep, 30, "delivery has nothing to do")
        self.put(ON, 0)
        stranger = self.get(STRANGER)
        if stranger:
            raise AssertionError(f"system call {stranger - 1} of delivery is in no table of tests/faults/faults.c")
        return self.calls()

    def is_asleep(self):
        for _ in range(3):
            if not self.get(IDLE):
                return False
            time.sleep(0.0002)
        return True

    def calls(self):
        count = self.get(COUNT)
        if count > CALLS_MAX:
            raise AssertionError(f"{count} calls, room for {CALLS_MAX}")
        return [self.call(index) for index in range(count)]

    def call(self, index):
        number, result, text = struct.unpack_from("ii248s", self.shared, CALLS + index * CALL_SIZE)
        return Call(number, result, text.split(b"\0", 1)[0].decode())


def fail(index, error, last=None):
    """A fault for arm(): this call fails, or all from it to `last`."""
    return (index, index if last is None else last, -1, FAIL, getattr(errno, error), -1, 0)


def short(index):
    return (index, index, -1, SHORT, 0, -1, 0)


def slow_sync(milliseconds, after_move=False):
    """Faults for arm(): the first call that makes something durable takes so much longer; with after_move the first one
    behind the move to new/."""
    return [(0, LAST, number, DELAY, milliseconds, RENAMEAT2 if after_move else -1, 1) for number in SYNCS]
