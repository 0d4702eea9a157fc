"""Who runs as whom, and what they have given up (root); what is given up in any case."""

import os
import pwd
import signal

from harness import processes
from harness.trial import test

USERS = {"posternd": "postern", "postern-worker": "postern-worker", "postern-delivery": "vmail"}
# capabilities(7): SETUID, SETGID, KILL, NET_BIND_SERVICE, DAC_READ_SEARCH
MASTER_CAPABILITIES = 1 << 7 | 1 << 6 | 1 << 5 | 1 << 10 | 1 << 2


def require_no_capability(t, pid, name):
    status = processes.status(pid)
    for key in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        t.equal(int(status[key], 16), 0, f"{key} of {name}")
    t.equal(status["NoNewPrivs"], "1", f"NoNewPrivs of {name}")
    return status


def children_of(daemon):
    found = {"postern-delivery": [daemon.delivery()], "postern-worker": daemon.workers()}
    return [(name, pid) for name, pids in found.items() for pid in pids]


@test(covers="A-20 B-05 D-02")
def children_have_no_capability(t):
    """None in any set, no new privileges, not dumpable, no core file; also those that were started again."""
    with t.daemon() as daemon:
        daemon.send()
        for name, pid in children_of(daemon):
            require_no_capability(t, pid, name)
            with open(f"/proc/{pid}/limits", encoding="ascii") as file:
                core = next(line for line in file if line.startswith("Max core file size"))
            t.equal(core.split()[4:6], ["0", "0"], f"core limit of {name}")
            # Sanitizers need a process that is dumpable.
            if not t.is_sanitized:
                t.equal(os.stat(f"/proc/{pid}/fd").st_uid, 0, f"owner of /proc/PID/fd of {name}: not dumpable")


@test(covers="A-20 B-05", root=True)
def users(t):
    """Each process has its user in all four ids, no supplementary group, and an empty bounding set."""
    with t.daemon() as daemon:
        for name, pid in [("posternd", daemon.pid()), *children_of(daemon)]:
            account = pwd.getpwnam(USERS[name])
            status = processes.status(pid)
            t.equal(status["Uid"].split(), [str(account.pw_uid)] * 4, f"Uid of {name}")
            t.equal(status["Gid"].split(), [str(account.pw_gid)] * 4, f"Gid of {name}")
            t.equal(status["Groups"].split(), [], f"Groups of {name}")
            bounding = int(status["CapBnd"], 16)
            t.equal(bounding & ~MASTER_CAPABILITIES if name == "posternd" else bounding, 0, f"CapBnd of {name}")
        master = processes.status(daemon.pid())
        t.equal(int(master["CapEff"], 16) & ~MASTER_CAPABILITIES, 0, "CapEff of the master")
        t.equal(int(master["CapPrm"], 16) & ~MASTER_CAPABILITIES, 0, "CapPrm of the master")
        t.equal(len({pwd.getpwnam(user).pw_uid for user in USERS.values()}), 3, "three users")


@test(covers="A-20 B-05", root=True)
def after_death_and_reload(t):
    """Processes that are started later have given up as much as the first ones."""
    with t.daemon() as daemon:
        daemon.deaths_allowed = True
        first = children_of(daemon)
        processes.kill_quietly(daemon.delivery())
        daemon.wait_event("end", program="postern-delivery")
        daemon.signal(signal.SIGHUP)
        daemon.wait_event("reload")
        daemon.send()
        processes.wait_until(lambda: daemon.delivery() and not set(children_of(daemon)) & set(first), 30, "new ones")
        for name, pid in children_of(daemon):
            status = require_no_capability(t, pid, name)
            t.equal(status["Uid"].split(), [str(pwd.getpwnam(USERS[name]).pw_uid)] * 4, f"Uid of {name}")


@test(covers="D-02 A-16", root=True)
def descriptors(t):
    """A worker holds sockets, pipes, in-memory files, its spool and its log: no directory, no mailbox."""
    with t.daemon() as daemon, daemon.greeted() as client:
        client.deliver("a@client.example", ["alice@example.org"], b"x\n")
        for pid in daemon.workers():
            for number in os.listdir(f"/proc/{pid}/fd"):
                target = os.readlink(f"/proc/{pid}/fd/{number}")
                allowed = target.startswith(("socket:", "pipe:", "anon_inode:", "/memfd:", "/dev/null")) or \
                    "(deleted)" in target or target == daemon.path("stderr")
                t.check(allowed, f"descriptor {number} of a worker is {target}")
                t.check(not os.path.isdir(f"/proc/{pid}/fd/{number}"), f"{target} is a directory")


@test(covers="A-01 A-05", root=True)
def owner_and_mode(t):
    """Mail belongs to the delivery user, and nobody else can read it."""
    with t.daemon() as daemon:
        daemon.send()
        account = pwd.getpwnam("vmail")
        (path,) = daemon.mail().files("alice@example.org")
        while path != daemon.folder:
            found = os.stat(path)
            t.equal((found.st_uid, found.st_mode & 0o077), (account.pw_uid, 0), path)
            path = os.path.dirname(path)


@test(covers="A-20", root=True)
def root_is_refused(t):
    """No process may be configured to run as root."""
    for name in ("root", "0", "0:0"):
        daemon = t.prepare(users={"worker": name})
        status, output, errors = daemon.run_once("-n")
        other = daemon.run_once() if status == 0 else (status, output, errors)
        t.check(other[0] not in (0, 1), f"users.worker = {name}: status {other}")


@test(covers="A-20", root=True)
def unknown_user(t):
    daemon = t.prepare(users={"worker": "no-such-user"})
    status, output, errors = daemon.run_once()
    t.check(status not in (0, 1) and "no-such-user" in errors, f"status {status}: {output}{errors}")
