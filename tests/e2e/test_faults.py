"""Delivery cannot store: 452 or 451 with the reason in the log, nothing visible, no debris, and it
works again afterwards."""

import os
import pwd
import re
import shutil
import signal

from harness import isolate, processes
from harness.trial import test


def mailboxes_ready(daemon):
    path = daemon.mail().folder("bob@example.net")
    processes.wait_until(lambda: os.path.isdir(path + "/tmp") and os.path.isdir(path + "/new"), 20, path)


def require_put_off(t, daemon, codes, mailbox="alice@example.org", recipients=None, body=b"x\n"):
    """The message is put off with one of the codes; nothing of it is anywhere; the log says why."""
    before = len(daemon.mail().all_files("new"))
    failures = len(daemon.events("failed", mailbox=mailbox))
    with daemon.greeted() as client:
        reply = client.deliver("a@client.example", recipients or [mailbox], body)
        t.check((reply.code, reply.enhanced) in codes, f"the reply {reply}, wanted one of {codes}")
        client.expect("NOOP", 250)
    event = daemon.wait_event("failed", count=failures + 1, mailbox=mailbox)
    t.check(event.get("reason"), event.line)
    t.equal(len(daemon.mail().all_files("new")), before, "messages")
    t.equal(daemon.mail().all_files("tmp"), [], "files in tmp/")
    return event


SYSTEM, ROOM = (451, "4.3.0"), (452, "4.3.1")


@test(covers="A-05 A-13")
def no_permission(t):
    """The mailbox's new/ or tmp/ may not be written."""
    with t.daemon() as daemon:
        mailboxes_ready(daemon)
        for part in ("tmp", "new"):
            folder = os.path.join(daemon.mail().folder("alice@example.org"), part)
            os.chmod(folder, 0o500)
            event = require_put_off(t, daemon, (SYSTEM,))
            t.check("ermission" in event["reason"], event.line)
            os.chmod(folder, 0o700)
            daemon.send()
        t.equal(len(daemon.mail().files("alice@example.org")), 2, "messages afterwards")


@test(covers="A-13 A-08")
def all_or_none(t):
    """When one of several mailboxes fails, none has the message."""
    with t.daemon() as daemon:
        mailboxes_ready(daemon)
        everybody = ["alice@example.org", "bob@example.org", "bob@example.net"]
        for part in ("tmp", "new"):
            folder = os.path.join(daemon.mail().folder("bob@example.org"), part)
            os.chmod(folder, 0o500)
            require_put_off(t, daemon, (SYSTEM,), "bob@example.org", everybody)
            os.chmod(folder, 0o700)
        daemon.send(everybody)
        t.equal([len(daemon.mail().files(mailbox)) for mailbox in everybody], [1, 1, 1], "messages afterwards")


@test(covers="A-05", root=True)
def foreign_owner(t):
    """A mailbox that belongs to somebody else is not written to."""
    daemon = t.prepare()
    daemon.start()
    mailboxes_ready(daemon)
    daemon.finish()
    folder = daemon.mail().folder("alice@example.org")
    shutil.rmtree(folder)
    os.mkdir(folder, 0o777)
    os.chmod(folder, 0o777)
    for part in ("tmp", "new", "cur"):
        os.mkdir(os.path.join(folder, part))
        os.chmod(os.path.join(folder, part), 0o777)
    daemon.start()
    require_put_off(t, daemon, (SYSTEM,))
    shutil.rmtree(folder)
    processes.wait_until(lambda: attempt(daemon), 30, "mail after the mailbox has been removed")
    daemon.finish()


def attempt(daemon):
    with daemon.greeted() as client:
        return client.deliver("a@client.example", ["alice@example.org"], b"again\n").code == 250


@test(covers="A-05")
def symbolic_links(t):
    """A mailbox, or a part of one, that is a link is not followed."""
    for part in ("", "new", "tmp"):
        daemon = t.prepare()
        daemon.start()
        mailboxes_ready(daemon)
        daemon.finish()
        place = os.path.join(daemon.mail().folder("alice@example.org"), part).rstrip("/")
        target = t.path(f"target-{part}")
        os.mkdir(target, 0o777)
        os.chmod(target, 0o777)
        for name in ("new", "cur", "tmp"):
            os.mkdir(os.path.join(target, name))
            os.chmod(os.path.join(target, name), 0o777)
        shutil.rmtree(place)
        os.symlink(target, place)
        if t.is_root:
            account = pwd.getpwnam("vmail")
            os.lchown(place, account.pw_uid, account.pw_gid)
        daemon.start()
        require_put_off(t, daemon, (SYSTEM,))
        t.equal([names for _, _, names in os.walk(target) if names], [], "files behind the link")
        os.unlink(place)
        processes.wait_until(lambda d=daemon: attempt(d), 30, "mail after the link has been removed")
        daemon.finish()


def with_small_mail_root(t, options, work, reserve=0, reserve_inodes=0):
    """The mail root on a tmpfs of its own, in a mount namespace that only this test sees."""
    t.own_mounts()
    parent = t.path("small")
    os.mkdir(parent)
    isolate.mount_tmpfs(parent, options)
    os.chmod(parent, 0o755)
    daemon = t.prepare(delivery={"maildir": parent + "/mail/%d/%u", "reserve": reserve, "reserve-inodes": reserve_inodes},
                       domains=["example.org", "example.net"])
    daemon.mail_root = parent + "/mail"
    daemon.start()
    mailboxes_ready(daemon)
    work(daemon, parent)
    daemon.finish()
    isolate.unmount(parent)


@test(covers="A-13 A-16", root=True)
def disk_is_full(t):
    def work(daemon, parent):
        fill = os.path.join(parent, "fill")
        with open(fill, "wb") as file:
            file.write(b"x" * (900 << 10))
        big = b"x" * 998 + b"\n"
        require_put_off(t, daemon, (ROOM,), body=big * 400)
        require_put_off(t, daemon, (ROOM,), recipients=["alice@example.org", "bob@example.org"], body=big * 400)
        # Room for the first copy and not for the second.
        os.unlink(fill)
        require_put_off(t, daemon, (ROOM,), "bob@example.org", ["alice@example.org", "bob@example.org"], big * 700)
        daemon.send()
        t.equal(len(daemon.mail().files("alice@example.org")), 1, "messages afterwards")
    with_small_mail_root(t, "size=1m,mode=0755", work)


@test(covers="A-13", root=True)
def no_inode_left(t):
    def work(daemon, parent):
        made = []
        try:
            while True:
                made.append(os.path.join(parent, f"fill{len(made)}"))
                with open(made[-1], "wb"):
                    pass
        except OSError:
            made.pop()
        require_put_off(t, daemon, (ROOM,))
        for path in made[:5]:
            os.unlink(path)
        daemon.send()
        t.equal(len(daemon.mail().files("alice@example.org")), 1, "messages afterwards")
    with_small_mail_root(t, "nr_inodes=60,mode=0755", work)


LOW = "there is less than the reserve"


def takes_mail(daemon):
    with daemon.greeted() as client:
        return client.command("MAIL FROM:<a@client.example>").code == 250


def require_low(t, daemon, limit, value):
    """Every session hears at MAIL that there is no room, whatever size it names; the log says why."""
    event = daemon.wait_event("condition", code=452)
    processes.wait_until(lambda: not any(takes_mail(daemon) for _ in range(8)), 30, "the workers are told")
    t.check(re.search(rf"{limit} keeps {value}, \d+ are left", event["reason"]), event.line)
    clients = [daemon.greeted() for _ in range(3)]
    for parameters in ("", " SIZE=10", " SIZE=1000000"):
        for client in clients:
            reply = client.command(f"MAIL FROM:<a@client.example>{parameters}")
            t.equal((reply.code, reply.enhanced), ROOM, f"MAIL with {parameters!r} while {LOW}")
    for client in clients:
        client.expect("NOOP", 250)
        client.close()
    event = daemon.wait_event("reject", code=452, decided="limits", limit=limit, value=value, command="MAIL")
    t.equal(daemon.mail().all_files("tmp"), [], "files in tmp/")


def fill_up(path, size):
    with open(path, "wb") as file:
        file.write(b"x" * size)


@test(covers="A-13 A-16 D-06", root=True)
def reserve_of_room(t):
    """Below delivery.reserve MAIL is 452; a message that would go below it is put off, smaller ones are not."""
    def work(daemon, parent):
        fill = os.path.join(parent, "fill")
        fill_up(fill, 800 << 10)
        for recipients in (["alice@example.org", "bob@example.org"], ["alice@example.org"]):
            size = (b"x" * 998 + b"\n") * (300 // len(recipients))
            with daemon.greeted() as client:
                reply = client.deliver("a@client.example", recipients, size)
            t.equal((reply.code, reply.enhanced), ROOM, f"a message that would leave less, for {recipients}")
            event = daemon.wait_event("failed", code=452)
            t.check("delivery.reserve keeps 1048576" in event["reason"], event.line)
            daemon.send(recipients, b"small\n")
        t.equal(daemon.events("condition"), [], "the condition")
        fill_up(fill, 1200 << 10)
        require_low(t, daemon, "delivery.reserve", 1 << 20)
        os.kill(daemon.workers()[0], signal.SIGKILL)
        daemon.deaths_allowed = True
        daemon.wait_event("start", count=3, program="postern-worker")
        require_low(t, daemon, "delivery.reserve", 1 << 20)
        os.kill(daemon.delivery(), signal.SIGKILL)
        daemon.wait_event("start", count=2, program="postern-delivery")
        daemon.wait_event("condition", code=452, count=2)
        require_low(t, daemon, "delivery.reserve", 1 << 20)
        os.unlink(fill)
        daemon.wait_event("condition", code=250)
        daemon.send(body=(b"x" * 998 + b"\n") * 200)
        t.equal(len(daemon.mail().files("alice@example.org")), 3, "messages")
    with_small_mail_root(t, "size=2m,mode=0755", work, reserve=1 << 20)


@test(covers="A-13 A-16 D-06", root=True)
def reserve_of_inodes(t):
    def work(daemon, parent):
        daemon.send()
        for number in range(40):
            fill_up(os.path.join(parent, f"fill{number}"), 0)
        require_low(t, daemon, "delivery.reserve-inodes", 50)
        for number in range(40):
            os.unlink(os.path.join(parent, f"fill{number}"))
        daemon.wait_event("condition", code=250)
        daemon.send()
        t.equal(len(daemon.mail().files("alice@example.org")), 2, "messages")
    with_small_mail_root(t, "nr_inodes=100,mode=0755", work, reserve_inodes=50)


@test(covers="A-13 A-16 D-06")
def reserve_above_what_is_free(t):
    """On the disk that is there: a reserve that no disk has, and after a reload one that it has."""
    with t.daemon(delivery={"reserve": 1 << 40}) as daemon:
        place = os.statvfs(daemon.mail_root)
        if place.f_bavail * place.f_frsize >= 1 << 40:
            t.skip("the disk has more than a terabyte free")
        require_low(t, daemon, "delivery.reserve", 1 << 40)
        daemon.write_configuration(delivery={"reserve": 0, "reserve-inodes": 0})
        daemon.signal(signal.SIGHUP)
        daemon.wait_event("reload")
        processes.wait_until(lambda: takes_mail(daemon), 30, "mail after the reload")


@test(covers="B-49 A-16", root=True)
def spool_is_full(t):
    """No room where the worker spools a big message: 452, and small ones still come through."""
    t.own_mounts()
    spool = t.path("spool")
    os.mkdir(spool)
    isolate.mount_tmpfs(spool, "size=1m,mode=0777")
    with t.daemon(spool=spool) as daemon:
        with daemon.greeted() as client:
            reply = client.deliver("a@client.example", ["alice@example.org"], b"x" * 998 + b"\n" + b"y" * 70 + b"\n" * 1)
            t.equal(reply.code, 250, "a small message")
            reply = client.deliver("a@client.example", ["alice@example.org"], (b"x" * 998 + b"\n") * 3000)
            t.equal((reply.code, reply.enhanced), ROOM, "a message that does not fit")
            t.equal(client.deliver("a@client.example", ["alice@example.org"], b"x\n").code, 250, "the next one")
        t.equal(len(daemon.mail().files("alice@example.org")), 2, "messages")


@test(covers="A-01 A-05")
def mail_root_is_wrong(t):
    """A mail root that is no folder, a link, or whose parent is missing stops the start with a reason."""
    daemon = t.prepare()
    with open(daemon.mail_root, "wb"):
        pass
    for _ in range(2):
        status, output, errors = daemon.run_once()
        t.check(status not in (0, 1), f"exit status {status} (sysexits): {output}{errors}")
        t.check(daemon.mail_root in errors, f"the error names {daemon.mail_root}: {errors!r}")
        if os.path.lexists(daemon.mail_root) and not os.path.islink(daemon.mail_root):
            os.unlink(daemon.mail_root)
            os.symlink(t.folder, daemon.mail_root)
    daemon.write_configuration(delivery={"maildir": t.path("missing", "mail") + "/%d/%u"})
    status, output, errors = daemon.run_once()
    t.check(status != 0 and t.path("missing") in errors, f"a missing parent: {status} {output}{errors}")


@test(covers="A-13 A-18")
def stale_tmp_files(t):
    """Files in tmp/ that a delivery process left when it was killed do not hinder the next one."""
    with t.daemon() as daemon, daemon.greeted() as client:
        daemon.deaths_allowed = True
        mailboxes_ready(daemon)
        delivery = daemon.delivery()
        client.begin_data("a@client.example", ["alice@example.org"])
        client.send((b"x" * 998 + b"\r\n") * 3000)
        os.kill(delivery, signal.SIGKILL)
        client.send(b".\r\n")
        t.equal(client.reply().code, 250, "the reply")
        t.equal(len(daemon.mail().files("alice@example.org")), 1, "messages")
        processes.wait_until(lambda: not daemon.mail().all_files("tmp"), 20, "no debris in tmp/")
