"""maildirsize beside Dovecot's quota plugin: each reads what the other has written, and agrees."""

import os
import pwd
import subprocess

from harness.dovecot import Dovecot
from harness.trial import test
from test_quota import ALICE, FINE, FULL, deliver, held, rcpt, size_lines, size_path, stored

QUOTA, MESSAGES = 20480, 9
CONFIGURATION = """base_dir = /run/dovecot
log_path = /var/log/dovecot.log
mail_location = maildir:/mail/example.org/alice
mail_plugins = quota
first_valid_uid = 1
plugin {{
  quota = maildir:User quota
  quota_rule = *:bytes=20480:messages=9
}}
"""
PROGRAMS = ("usr/bin/doveadm", "usr/lib/dovecot/modules/lib10_quota_plugin.so",
            "usr/lib/dovecot/modules/doveadm/lib10_doveadm_quota_plugin.so")


class Reader(Dovecot):
    """Dovecot's tools on the mailbox of alice, as the user who owns it."""

    def __init__(self, trial, daemon):
        super().__init__(trial, daemon, configuration=CONFIGURATION, programs=PROGRAMS)
        user = pwd.getpwnam("vmail")
        self.user = f"{user.pw_uid}:{user.pw_gid}"
        with open(self.path("etc/passwd"), "a", encoding="ascii") as file:
            file.write(f"vmail:x:{self.user}::/tmp:/bin/false\n")
        os.chmod(self.path("tmp"), 0o1777)
        os.chmod(self.path("var/log"), 0o1777)

    def doveadm(self, *words):
        done = subprocess.run(["chroot", f"--userspec={self.user}", self.folder, "/usr/bin/doveadm", *words],
                              capture_output=True, check=False, timeout=40, stdin=subprocess.DEVNULL,
                              env={"USER": "vmail", "HOME": "/tmp", "PATH": os.environ["PATH"]})
        if done.returncode:
            raise AssertionError(f"doveadm {words} ends with {done.returncode}: {done.stderr} {self.log()}")
        return done.stdout.decode()

    def quota(self):
        """((KiB, limit), (messages, limit)) as Dovecot has them."""
        rows = [line.split("\t") for line in self.doveadm("-f", "tab", "quota", "get").splitlines()[1:]]
        values = {row[1]: (int(row[2]), int(row[3])) for row in rows}
        return values["STORAGE"], values["MESSAGE"]

    def require_agreement(self, t, daemon, what):
        """Dovecot, maildirsize and what is there say the same."""
        size, count = held(daemon)
        t.equal(self.quota(), ((-(-size // 1024), QUOTA // 1024), (count, MESSAGES)), f"Dovecot's quota, {what}")


def inode(daemon):
    return os.stat(size_path(daemon)).st_ino


@test(covers="C-11", root=True, timeout=120)
def dovecot_agrees(t):
    """Dovecot sums up what was appended here; what it appends when the owner deletes makes room here. Neither has
    to count for the other."""
    daemon = t.prepare(mailboxes=[f"alice quota={QUOTA} quota-messages={MESSAGES}"])
    reader = Reader(t, daemon)
    daemon.mail_root = reader.path("mail")
    daemon.write_configuration(delivery={"maildir": daemon.mail_root + "/%d/%u"})
    with daemon.running(), daemon.greeted() as client:
        t.equal(deliver(client, [ALICE], 4000).code, 250, "the first message")
        t.equal(rcpt(client, ALICE), FINE, "room, and a file from here on")
        first = inode(daemon)
        for _ in range(3):
            t.equal(deliver(client, [ALICE], 4000).code, 250, "the message")
        reader.require_agreement(t, daemon, "after four messages")
        t.equal((inode(daemon), held(daemon)), (first, stored(daemon)), "the file, which Dovecot has left as it is")

        t.equal(rcpt(client, ALICE, " SIZE=4000"), FULL, "full")
        t.check(len(size_lines(daemon)) == 2, f"counted anew: {size_lines(daemon)}")
        reader.require_agreement(t, daemon, "after our count")
        second = inode(daemon)
        reader.doveadm("expunge", "mailbox", "INBOX", "1")
        t.check(size_lines(daemon)[-1].startswith("-"), f"Dovecot's line: {size_lines(daemon)}")
        t.equal(rcpt(client, ALICE, " SIZE=4000"), FINE, "room")
        t.equal((inode(daemon), held(daemon)), (second, stored(daemon)), "the file, which we have left as it is")
        reader.require_agreement(t, daemon, "after an expunge")

        reader.doveadm("mailbox", "create", "Archive")
        reader.doveadm("copy", "Archive", "mailbox", "INBOX", "1")
        reader.require_agreement(t, daemon, "with a sub-folder")
        summed = held(daemon)
        os.unlink(size_path(daemon))
        t.equal(rcpt(client, ALICE), FINE, "RCPT")
        t.equal(held(daemon), summed, "our count of all folders")

        reader.doveadm("quota", "recalc")
        theirs = inode(daemon)
        t.equal(held(daemon), summed, "Dovecot's count")
        t.equal(rcpt(client, ALICE, " SIZE=4000"), FULL, "full by Dovecot's count")
        t.equal(inode(daemon), theirs, "the file, which is read")
