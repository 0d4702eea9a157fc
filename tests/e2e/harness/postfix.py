"""A whole Postfix smtpd, run from the unpacked package and never installed.

master(8) runs as root in the foreground, with a folder of its own for configuration, queue, data and
log.  The user and the group that a Postfix needs are lent by postern: the worker's user owns the queue,
and vmail's group stands for postdrop.  Messages are taken into the queue and stay there: only a Sender
has a queue manager, which hands them on.
"""

import os
import pwd
import signal
import subprocess

from . import peers, session
from .processes import wait_until
from .trial import Skipped

OWNER, POSTDROP = "postern-worker", "vmail"
PROCESSES = 100
PATIENCE = 40

# The queue's folders; those of OWNER alone, those that POSTDROP may enter, and root's.
OWNED = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private",
         "saved", "trace")
SHARED = {"maildrop": 0o730, "public": 0o710}

# A Postfix writes such lines of its own faults only.
TROUBLE = (" fatal: ", " panic: ", " error: ", "warning: process ")


def setting_lines(settings):
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


class Postfix:
    def __init__(self, trial, name, port, mailboxes, **settings):
        self.trial = trial
        self.tree, self.libraries = peers.tree(trial.options.peers), peers.libraries(trial.options.peers)
        self.address, self.port = trial.address, port
        self.folder = trial.path(name)
        self.process = None
        if not trial.is_root:
            raise Skipped("Postfix needs root")
        if not os.path.exists(self.program("master")):
            raise Skipped(f"no Postfix in {trial.options.peers}")
        os.mkdir(self.folder, 0o755)
        self.make_queue()
        self.write("conf/main.cf", setting_lines(self.defaults(mailboxes) | settings))
        self.write("conf/master.cf", self.services())
        self.write("conf/dynamicmaps.cf", "")

    def program(self, name):
        return os.path.join(self.libraries, "sbin", name)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    # ---- files

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def make_folder(self, mode, owner, group, *names):
        os.mkdir(self.path(*names))
        os.chown(self.path(*names), owner, group)
        os.chmod(self.path(*names), mode)

    def make_queue(self):
        owner, group = pwd.getpwnam(OWNER)[2:4]
        postdrop = pwd.getpwnam(POSTDROP).pw_gid
        self.make_folder(0o755, 0, 0, "queue")
        self.make_folder(0o755, 0, 0, "queue", "pid")
        self.make_folder(0o700, owner, group, "data")
        for name in OWNED:
            self.make_folder(0o700, owner, group, "queue", name)
        for name, mode in SHARED.items():
            self.make_folder(mode, owner, postdrop, "queue", name)

    def places(self):
        """Where its parts lie and whom it runs as."""
        return {
            "compatibility_level": "3.6",
            "config_directory": self.path("conf"),
            "meta_directory": self.path("conf"),
            "queue_directory": self.path("queue"),
            "data_directory": self.path("data"),
            "daemon_directory": self.program(""),
            "command_directory": os.path.join(self.tree, "usr", "sbin"),
            "shlib_directory": self.libraries,
            "mail_owner": OWNER,
            "setgid_group": POSTDROP,
            "maillog_file": self.path("log"),
            "maillog_file_prefixes": self.folder,
            # Of the environment its programs keep what stands here.
            "import_environment": "MAIL_CONFIG LD_LIBRARY_PATH LANG=C",
        }

    def defaults(self, mailboxes):
        """Alone on this machine: no name service, no network, no relaying, nothing that waits or counts."""
        return self.places() | {
            "myhostname": "mx.example.org",
            "mydestination": "example.org, example.net",
            "mynetworks": "192.0.2.255",
            "inet_interfaces": "loopback-only",
            "inet_protocols": "ipv4",
            "disable_dns_lookups": "yes",
            "smtpd_peername_lookup": "no",
            "alias_maps": "",
            "recipient_delimiter": "+",
            "local_recipient_maps": "inline:{ " + ", ".join("{%s = x}" % name for name in mailboxes) + " }",
            "smtpd_relay_restrictions": "reject_unauth_destination",
            "smtpd_helo_required": "yes",
            "smtpd_error_sleep_time": "0",
            "smtpd_soft_error_limit": "10000",
            "smtpd_hard_error_limit": "10000",
            "smtpd_junk_command_limit": "10000",
            "smtpd_client_connection_count_limit": "0",
            "in_flow_delay": "0",
            "mailbox_size_limit": "0",
            "default_process_limit": str(PROCESSES),
        }

    def services(self):
        return (f"{self.address}:{self.port} inet n - n - {PROCESSES} smtpd\n"
                "cleanup unix n - n - 0 cleanup\n"
                "rewrite unix - - n - - trivial-rewrite\n"
                "postlog unix-dgram n - n - 1 postlogd\n")

    # ---- running it

    def start(self):
        environment = {"PATH": os.environ.get("PATH", ""), "MAIL_CONFIG": self.path("conf"),
                       "LD_LIBRARY_PATH": self.libraries}
        with open(self.path("output"), "wb") as output:
            self.process = subprocess.Popen(
                [self.program("master"), "-d", "-c", self.path("conf")], stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, env=environment, cwd=self.folder, start_new_session=True)
        wait_until(self.is_up, PATIENCE, "Postfix greets")

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"Postfix ended with {self.process.returncode}: {self.tail()}")
        try:
            with session.Session(self.address, self.port) as client:
                return client.reply().code == 220
        except ConnectionError:
            return False

    def log(self):
        text = ""
        for name in ("output", "log"):
            if os.path.exists(self.path(name)):
                with open(self.path(name), encoding="utf-8", errors="replace") as file:
                    text += file.read()
        return text

    def tail(self):
        return self.log()[-3000:]

    def require_clean_log(self):
        lines = [line for line in self.log().splitlines() if any(word in line for word in TROUBLE)]
        if lines:
            raise AssertionError(f"Postfix is in trouble: {lines[:10]}")

    def stop(self):
        """master(8) ends its process group as well."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
            self.process.wait(PATIENCE)

    # ---- mail on its way

    def queued(self):
        """Files of messages in the queue."""
        return [name for folder in ("active", "deferred", "incoming", "maildrop")
                for _, _, names in os.walk(self.path("queue", folder)) for name in names]

    def wait_until_sent(self):
        wait_until(lambda: not self.queued(), PATIENCE, f"the queue is empty: {self.tail()}")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()


SENDING = """pickup unix n - n 1 1 pickup
qmgr unix n - n 300 1 qmgr
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n - 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
scache unix - - n - 1 scache
anvil unix - - n - 1 anvil
"""


class Sender(Postfix):
    """One that hands all mail for our domains to `transport`, as lmtp:inet:[ADDRESS]:PORT."""

    def __init__(self, trial, name, port, transport, **settings):
        wanted = {
            "mydestination": "",
            "myhostname": "relay.example.org",
            "relay_domains": "example.org, example.net",
            "relay_transport": transport,
            "relay_recipient_maps": "",
            "default_transport": "error:5.4.4 nothing goes anywhere else",
            "export_environment": f"MAIL_CONFIG LD_LIBRARY_PATH={peers.libraries(trial.options.peers)} LANG=C",
            "queue_run_delay": "300s",
            "minimal_backoff_time": "1s",
            "lmtp_destination_concurrency_failed_cohort_limit": "0",
            "smtp_destination_concurrency_failed_cohort_limit": "0",
            "default_destination_concurrency_failed_cohort_limit": "0",
        }
        super().__init__(trial, name, port, [], **(wanted | settings))

    def services(self):
        return super().services() + SENDING

    def run(self, program, *options, content=b""):
        """One of its commands: (status, output)."""
        done = subprocess.run([os.path.join(self.tree, "usr", "sbin", program), *options], input=content, timeout=PATIENCE,
                              env={"PATH": os.environ.get("PATH", ""), "MAIL_CONFIG": self.path("conf"),
                                   "LD_LIBRARY_PATH": self.libraries}, capture_output=True, check=False)
        return done.returncode, (done.stdout + done.stderr).decode("latin-1")

    def flush(self):
        """Tries again what is deferred."""
        status, output = self.run("postqueue", "-f")
        if status != 0:
            raise AssertionError(f"postqueue -f: {output}")
