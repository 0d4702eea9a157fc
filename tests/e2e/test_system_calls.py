"""Each system call that delivery makes at or below the mail root fails, one after the other, with each error that it
can give: always the right reply, never a message that is there and was refused, or the other way round, no debris,
and the next message works."""

import errno
import os
import pwd
import re
import shutil

from harness import faults, processes
from harness.trial import test

# What becomes of a message when a call fails.
REFUSED, STORED = "refused", "stored"

WRITES = ("ENOSPC", "EDQUOT", "EIO", "EROFS", "ENOMEM")
NAMES = ("ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES", "ENOMEM")
LOOKS = ("EIO", "EACCES", "ENOMEM")
OPENS = LOOKS + ("EMFILE", "ENFILE")
SYNCS = ("EIO", "ENOSPC", "EDQUOT", "EROFS")
CLOSES = ("EIO", "ENOSPC", "EDQUOT")

# (call, where): which errors, and what becomes of the message. `where` is of the first descriptor: root, domain (a
# folder on the way), mailbox, a folder of it, or a file in it.
OUTCOMES = {
    # How much is free: where the file system does not say, writing shows.
    ("fstatfs", "root"): (("EIO", "EACCES", "ENOMEM"), STORED),
    # A mailbox that was open is looked at again, and opened again if that fails.
    ("fstatat", "new"): (LOOKS, STORED),
    ("openat2", "mailbox"): (OPENS, REFUSED),
    ("openat2", "tmp"): (OPENS, REFUSED),
    ("openat2", "new"): (OPENS, REFUSED),
    ("fstatat.", "mailbox"): (LOOKS, REFUSED),
    ("fstatat.", "tmp"): (LOOKS, REFUSED),
    ("fstatat.", "new"): (LOOKS, REFUSED),
    ("close", "domain"): (CLOSES, STORED),
    ("close", "mailbox"): (CLOSES, STORED),
    ("close", "tmp"): (CLOSES, STORED),
    ("close", "new"): (CLOSES, STORED),
    # Making a mailbox.
    ("mkdirat", "domain"): (NAMES, REFUSED),
    ("mkdirat", "mailbox"): (NAMES, REFUSED),
    ("mkdirat", "tmp"): (NAMES, REFUSED),
    ("mkdirat", "cur"): (NAMES, REFUSED),
    ("mkdirat", "new"): (NAMES, REFUSED),
    ("fstatat", "domain"): (LOOKS, REFUSED),
    ("openat2", "domain"): (OPENS, REFUSED),
    ("fsync", "root"): (SYNCS, REFUSED),
    ("fsync", "domain"): (SYNCS, REFUSED),
    ("fsync", "mailbox"): (SYNCS, REFUSED),
    # Files in tmp/.
    ("openat", "tmp/file"): (NAMES + OPENS, REFUSED),
    ("writev", "tmp/file"): (WRITES, REFUSED),
    ("copy_file_range", "tmp/file"): (WRITES, REFUSED),
    ("lseek", "tmp/file"): (("EIO",), REFUSED),
    # A hint only, errors come back from fsync; and the question whether the file had an error.
    ("sync_file_range:2", "tmp/file"): (SYNCS, STORED),
    ("sync_file_range:1", "tmp/file"): (SYNCS, REFUSED),
    ("fsync", "tmp/file"): (SYNCS, REFUSED),
    ("close", "tmp/file"): (CLOSES, REFUSED),
    # Every file is made durable by itself then.
    ("syncfs", "root"): (SYNCS, STORED),
    # The record of intent of a message for several, and before it the names in tmp/.
    ("sync_file_range:2", "tmp"): (SYNCS, STORED),
    ("sync_file_range:1", "tmp"): (SYNCS, REFUSED),
    ("fsync", "tmp"): (SYNCS, REFUSED),
    ("pwrite", "./.postern/intent"): (WRITES, REFUSED),
    ("fdatasync", "./.postern/intent"): (SYNCS, REFUSED),
    # Taking back what has failed already; what cannot be removed is removed later.
    ("unlinkat", "tmp/file"): (NAMES, STORED),
    ("unlinkat", "new/file"): (NAMES, STORED),
    # The way to new/.
    ("renameat2", "tmp/file"): (NAMES, REFUSED),
    ("sync_file_range:2", "new"): (SYNCS, STORED),
    ("sync_file_range:1", "new"): (SYNCS, REFUSED),
    ("fsync", "new"): (SYNCS, REFUSED),
}
SHORTENED = ("write", "writev", "pwrite", "copy_file_range", "read", "pread")
NO_ROOM = ("ENOSPC", "EDQUOT")

PLACE = re.compile(r"\.(?P<domain>/example\.org)?(?P<mailbox>/m\d)?(?P<folder>/(?:tmp|new|cur))?(?P<file>/[^/]+)?/?$")


def where(call):
    """Where a call goes, as the table has it."""
    place = PLACE.match(call.places[0])
    if not place:
        return call.places[0]
    if place["file"] and not place["folder"]:
        return "mailbox" + place["file"]
    if place["folder"]:
        return place["folder"][1:] + ("/file" if place["file"] else "")
    return "mailbox" if place["mailbox"] else "domain" if place["domain"] else "root"


def row_of(call):
    """Its row in the table; what is not there must be decided on first."""
    name = call.name + ("." if call.name == "fstatat" and call.places[0].endswith("/") else "")
    found = OUTCOMES.get((name, where(call)))
    if where(call).startswith("mailbox/maildirsize"):
        # How full a mailbox is: a disk that does not say so is no reason to put mail off.
        return found or (("EIO", "EACCES"), STORED)
    if not found:
        raise AssertionError(f"({name!r}, {where(call)!r}) has no row in OUTCOMES of test_system_calls.py: say which errors "
                             f"{call} can give, and what becomes of the message then")
    return found


class Bench:
    """A daemon, a session, and messages for `count` mailboxes."""

    def __init__(self, t, size=2, quota="", **options):
        self.t, self.size = t, size
        self.faults = faults.Faults(t, workers={"count": 1}, domains=["example.org"],
                                    mailboxes=[f"m{number}{quota}" for number in range(5)], **options)
        self.daemon = self.faults.daemon
        self.client = None
        self.sent = 0
        self.cases = 0

    def __enter__(self):
        self.daemon.start()
        # postmaster's comes last; what is left of that turn is done before the message.
        self.daemon.wait_event("mailbox", mailbox="postmaster@example.org")
        self.client = self.daemon.greeted()
        self.client.deliver("a@client.example", [f"m{box}@example.org" for box in range(5)], b"x\n")
        self.empty()
        return self

    def __exit__(self, kind, *_):
        self.client.close()
        if kind is None:
            self.daemon.finish()

    def folder(self, box, part=""):
        return os.path.join(self.daemon.mail_root, "example.org", f"m{box}", part)

    def names(self, part):
        found = []
        for box in range(5):
            if os.path.isdir(self.folder(box, part)):
                found += [(box, name) for name in os.listdir(self.folder(box, part))]
        return sorted(found)

    def deliver(self, count):
        """One message for `count` mailboxes: the reply, and the body."""
        self.sent += 1
        body = b"Subject: %d\n\n" % self.sent + b"%06d\n" % self.sent * (self.size // 7)
        return self.client.deliver("a@client.example", [f"m{box}@example.org" for box in range(count)], body), body

    def require_stored(self, count, body, what):
        found = self.names("new")
        self.t.equal([box for box, _ in found], list(range(count)), f"{what}: mailboxes that have it")
        for box, name in found:
            with open(os.path.join(self.folder(box, "new"), name), "rb") as file:
                content = file.read()
            self.t.check(content.endswith(b"\n" + body) and content.startswith(b"Return-Path: <a@client.example>\n"),
                         f"{what}: m{box} has something else: {content[-80:]!r}")

    def empty(self):
        for box, name in self.names("new"):
            os.unlink(os.path.join(self.folder(box, "new"), name))

    # ---- states of the mailboxes before a message

    def known(self):
        """They are open already."""

    def replaced(self):
        """Others lie in their place: they must be opened."""
        for box in range(5):
            shutil.rmtree(self.folder(box))
            for part in ("", "tmp", "cur", "new"):
                os.mkdir(self.folder(box, part), 0o700)
                if self.t.is_root:
                    account = pwd.getpwnam("vmail")
                    os.chown(self.folder(box, part), account.pw_uid, account.pw_gid)

    def missing(self):
        """They must be made."""
        shutil.rmtree(os.path.dirname(self.folder(0).rstrip("/")))

    # ---- one case

    def try_fault(self, count, prepare, index, chosen, outcome_of):
        """The call `index` fares as `chosen` says; the call. None when there is no such call any more."""
        prepare()
        self.faults.arm(chosen)
        reply, body = self.deliver(count)
        calls = self.faults.disarm()
        if index >= len(calls):
            self.require_stored(count, body, "without a fault")
            self.empty()
            return None
        self.cases += 1
        self.judge(count, reply, body, outcome_of(calls[index]), f"{calls[index]} (call {index} of {len(calls)} for {count})")
        reply, body = self.deliver(count)
        self.t.equal(reply.code, 250, f"the next message after {calls[index]}")
        self.require_stored(count, body, f"the next message after {calls[index]}")
        self.empty()
        return calls[index]

    def try_lasting_fault(self, count, prepare, index, error):
        """From the call `index` on the disk is out of order, taking back what was done fails, too. When it is back
        nothing of the message is left unless it was acknowledged."""
        prepare()
        self.faults.arm(faults.fail(index, error, faults.LAST))
        reply, body = self.deliver(count)
        calls = self.faults.disarm()
        if index >= len(calls):
            self.require_stored(count, body, "without a fault")
            self.empty()
            return False
        self.cases += 1
        what = f"{calls[index]} and all after it failed"
        refused = [call for call in calls[index:] if row_of(call)[1] == REFUSED]
        self.t.equal((reply.code, reply.enhanced), wanted_reply(refused[0], error) if refused else STORED_REPLY,
                     f"the reply when {what}: {calls}")
        if reply.code == 250:
            self.require_stored(count, body, what)
            self.empty()
        reply, body = self.deliver(count)
        self.t.equal(reply.code, 250, f"the next message after {what}")
        self.faults.disarm()
        self.require_stored(count, body, f"the next message after {what}")
        self.t.equal(self.names("tmp"), [], f"files in tmp/ after the next message after {what}")
        self.empty()
        return True

    def judge(self, count, reply, body, wanted, what):
        """wanted: (code, enhanced code)."""
        self.t.equal((reply.code, reply.enhanced), wanted, f"the reply after {what}")
        if reply.code == 250:
            self.require_stored(count, body, what)
        else:
            self.t.equal(self.names("new"), [], f"{what}: messages that were refused and are there")
        self.t.equal(self.names("tmp"), [], f"{what}: files in tmp/")
        self.empty()


STORED_REPLY, ROOM_REPLY, SYSTEM_REPLY = (250, "2.0.0"), (452, "4.3.1"), (451, "4.3.0")


def wanted_reply(call, error):
    """Of a call that failed with this error."""
    if row_of(call)[1] == STORED:
        return STORED_REPLY
    return ROOM_REPLY if error in NO_ROOM else SYSTEM_REPLY


def each_call(bench, count, prepare):
    """All calls of a message, each failing with EIO and with another error, with --long with each that it can give."""
    index = 0
    while index < 2000:
        call = bench.try_fault(count, prepare, index, faults.fail(index, "EIO"), lambda call: wanted_reply(call, "EIO"))
        if not call:
            return
        errors = [error for error in row_of(call)[0] if error != "EIO"]
        for error in errors if bench.t.is_long else errors[index % len(errors):][:1] if errors else []:
            bench.try_fault(count, prepare, index, faults.fail(index, error),
                            lambda call, error=error: wanted_reply(call, error))
        index += 1
    raise AssertionError("the calls do not come to an end")


def run_each(t, prepare, counts, size=20, quota=""):
    with Bench(t, size, quota) as bench:
        for count in counts:
            each_call(bench, count, getattr(bench, prepare))
        t.check(bench.cases > 20, f"only {bench.cases} cases")


@test(covers="A-13 A-08 A-16 security.md:mail-bombs", timeout=300)
def known_mailboxes(t):
    run_each(t, "known", (1, 2, 5))


@test(covers="A-13 A-08 A-16 security.md:mail-bombs", timeout=300)
def replaced_mailboxes(t):
    run_each(t, "replaced", (1, 2, 5) if t.is_long else (2,))


@test(covers="A-13 A-08 A-16 security.md:mail-bombs", timeout=300)
def missing_mailboxes(t):
    run_each(t, "missing", (1, 2, 5) if t.is_long else (1, 2))


@test(covers="A-13 A-08 A-16 security.md:mail-bombs", timeout=300)
def mailboxes_with_quota(t):
    run_each(t, "known", (1, 2), quota=" quota=1G")


@test(covers="A-13 A-08 A-16 security.md:mail-bombs", timeout=300)
def big_message(t):
    run_each(t, "known", (2,), 300000)


def each_lasting(bench, count, prepare):
    errors, index, more = ("EIO", "EROFS", "ENOSPC"), 0, True
    while more and index < 1000:
        for error in errors if bench.t.is_long else errors[index % 3:][:1]:
            more = bench.try_lasting_fault(count, prepare, index, error)
        index += 1


@test(covers="A-13 A-08 A-16 security.md:mail-bombs", timeout=300)
def lasting_faults(t):
    """A message that was refused while the disk was out of order is nowhere when it is back."""
    with Bench(t, 20) as bench:
        for prepare in (bench.known, bench.replaced, bench.missing) if t.is_long else (bench.replaced,):
            for count in (1, 2, 5) if t.is_long else (2,):
                each_lasting(bench, count, prepare)


@test(covers="A-13 A-08", timeout=120)
def short_calls(t):
    """Calls that do half of what they were asked for are asked again."""
    with Bench(t, 300000) as bench:
        for count in (1, 2, 5) if t.is_long else (2,):
            shortened, index = set(), 0
            while index < 2000:
                call = bench.try_fault(count, bench.known, index, faults.short(index), lambda _: STORED_REPLY)
                if not call:
                    break
                shortened.add(call.name if call.name in SHORTENED else "")
                index += 1
            t.check("writev" in shortened, f"short calls: {shortened}")
