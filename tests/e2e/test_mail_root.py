"""The mail root bears a mark; without it its file system is taken for not mounted, and nothing is stored."""

import os
import pwd

from harness import isolate, processes
from harness.trial import test

MARK = ".postern"


def owner(daemon):
    return pwd.getpwnam("vmail") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def make_folder(daemon, path):
    os.mkdir(path, 0o700)
    user = owner(daemon)
    os.chown(path, user.pw_uid, user.pw_gid)


def offer(client):
    """The reply to MAIL if it is no 250, else that to the message."""
    reply = client.command("MAIL FROM:<a@client.example>")
    if reply.code != 250:
        return reply
    client.expect("RSET", 250)
    return client.deliver("a@client.example", ["alice@example.org"], b"later\n")


def put_off(t, daemon):
    """A message is put off by a 451, and no mailbox is made."""
    with daemon.greeted() as client:
        reply = offer(client)
        t.check((reply.code, reply.enhanced) == (451, "4.3.0"), f"the reply {reply}")
    t.equal([name for name in os.listdir(daemon.mail_root) if name != MARK], [], "what lies in the mail root")


def attempt(daemon):
    with daemon.greeted() as client:
        return offer(client).code == 250


@test(covers="A-13 security.md:not-mounted")
def new_one_is_marked(t):
    """A mail root that the service makes itself is marked from the start."""
    with t.daemon() as daemon:
        daemon.send()
        status = os.stat(os.path.join(daemon.mail_root, MARK))
        t.equal(status.st_uid, owner(daemon).pw_uid, "the owner of the mark")
        t.equal(status.st_mode & 0o777, 0o700, "its mode")
        t.equal([name for name in os.listdir(os.path.dirname(daemon.mail_root)) if name.endswith(".new")], [],
                "leftovers of its making")


@test(covers="A-13 security.md:not-mounted")
def mark_is_missing(t):
    """An empty folder in place of the mail root: 451, until the administrator marks it."""
    daemon = t.prepare()
    make_folder(daemon, daemon.mail_root)
    daemon.start()
    event = daemon.wait_event("mail-root", state="unready")
    t.check(MARK in event["reason"] and "mounted" in event["reason"], event.line)
    put_off(t, daemon)
    put_off(t, daemon)
    t.equal(len(daemon.events("mail-root")), 1, "lines about it")
    make_folder(daemon, os.path.join(daemon.mail_root, MARK))
    daemon.wait_event("mail-root", state="ready")
    processes.wait_until(lambda: attempt(daemon), 30, "mail after the mark was made")
    t.equal(len(daemon.mail().files("alice@example.org")), 1, "messages afterwards")
    daemon.finish()


@test(covers="A-13 security.md:not-mounted")
def mark_of_another(t):
    """A link in place of the mark is not followed."""
    daemon = t.prepare()
    make_folder(daemon, daemon.mail_root)
    os.symlink("/tmp", os.path.join(daemon.mail_root, MARK))
    daemon.start()
    daemon.wait_event("mail-root", state="unready")
    put_off(t, daemon)
    daemon.finish()


@test(covers="A-13 security.md:not-mounted", root=True)
def mounted_later(t):
    """The service starts before the mail root is mounted: it takes mail when that is done, without a restart."""
    t.own_mounts()
    daemon = t.prepare()
    make_folder(daemon, daemon.mail_root)
    elsewhere = t.path("elsewhere")
    make_folder(daemon, elsewhere)
    make_folder(daemon, os.path.join(elsewhere, MARK))
    daemon.start()
    daemon.wait_event("mail-root", state="unready")
    put_off(t, daemon)
    isolate.bind(elsewhere, daemon.mail_root)
    processes.wait_until(lambda: attempt(daemon), 30, "mail after the mail root was mounted")
    t.equal(daemon.mail().bodies("alice@example.org"), [b"later\n"], "messages")
    daemon.finish()
    isolate.unmount(daemon.mail_root)
    t.equal(os.listdir(daemon.mail_root), [], "what lies in the folder below")
