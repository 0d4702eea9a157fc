"""What /proc says about processes, and how the runner keeps hold of those it started."""

import ctypes
import os
import signal
import time

PR_SET_CHILD_SUBREAPER = 36


def become_subreaper():
    """Orphans of this process become its children, so that none can be left behind."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def table():
    """pid -> (parent, name, state) of all processes."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="latin-1") as file:
                text = file.read()
        except OSError:
            continue
        head, tail = text[:text.rindex(")")], text[text.rindex(")") + 2:].split()
        found[int(name)] = (int(tail[1]), head[head.index("(") + 1:], tail[0])
    return found


def descendants(root):
    rows = table()
    found, open_ = [], [root]
    while open_:
        parent = open_.pop()
        children = [pid for pid, row in rows.items() if row[0] == parent]
        found += children
        open_ += children
    return [pid for pid in found if rows[pid][2] != "Z"]


def children_named(parent, name):
    return sorted(pid for pid, row in table().items()
                  if row[0] == parent and row[1] == name[:15] and row[2] != "Z")


def status(pid):
    """/proc/PID/status as a dict."""
    with open(f"/proc/{pid}/status", encoding="latin-1") as file:
        return {line.split(":", 1)[0]: line.split(":", 1)[1].strip() for line in file if ":" in line}


def is_alive(pid):
    row = table().get(pid)
    return row is not None and row[2] != "Z"


def falls_asleep(pid, seconds=30):
    """Waits until it has been seen asleep many times in a row: what spins never is, however fast the machine."""
    seen = []

    def is_calm():
        seen.append(status(pid)["State"][0] == "S")
        return all(seen[-20:]) and len(seen) >= 20
    wait_until(is_calm, seconds, f"process {pid} waits for something")


def kill_quietly(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def kill_descendants():
    """Ends everything below this process, and reaps what has become its child."""
    for _ in range(50):
        left = descendants(os.getpid())
        for pid in left:
            kill_quietly(pid)
        reap()
        if not left:
            return
        time.sleep(0.02)


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        pass


def wait_until(condition, seconds, what):
    """Polls until the condition holds; its value.  The time only bounds a failure."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(0.01)


def reap_one(pid):
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass
