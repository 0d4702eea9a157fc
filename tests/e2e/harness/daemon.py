"""The real daemon, in a folder of its own: configured, checked, started, watched, stopped."""

import contextlib
import os
import re
import shutil
import signal
import subprocess

from . import logs, processes, session, settings, tls
from .maildir import Mailboxes

SANITIZER_REPORT = re.compile(rb"AddressSanitizer|LeakSanitizer|runtime error:|SUMMARY: ")
# Only a failure ever waits for so long; less than the time limit of most tests.
PATIENCE = 40
# RFC 2033 forbids LMTP on port 25.
SMTP_PORT, LMTP_PORT = 25, 24
# That of the listeners beside the first one; each test has an address of its own.
OTHER_PORTS = 3000
FIRST = "smtp"


def environment():
    """What the daemon is started with.  Leaks are looked for by the unit tests: a process that
    is not dumpable cannot look at itself."""
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "TZ", "LANG")}
    return kept | {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1"}


class Daemon:
    def __init__(self, trial, name, mailboxes=("alice", "bob"), aliases=(), rejected_senders=(),
                 foreground=True, verbose=False, listener=None, other_listeners=None, by_socket=False, **changes):
        """listener: options of the `listen` section that the clients speak with; by_socket: it is a
        unix socket; other_listeners: title -> options of sections beside it."""
        self.trial, self.name = trial, name
        self.folder = trial.path(name)
        self.places = {}
        self.listens = [self.listen(FIRST, listener or {}, by_socket)]
        self.listens += [self.listen(title, options) for title, options in (other_listeners or {}).items()]
        self.address, self.port = self.places[FIRST]
        self.foreground, self.verbose = foreground, verbose
        self.process = None
        self.deaths_allowed = False
        self.arguments = []
        self.prefix = []
        self.bin = trial.bin
        os.mkdir(self.folder, 0o755)
        os.chmod(self.folder, 0o755)
        self.log_path = self.path("stderr")
        self.form = logs.parse_line
        self.mail_root = self.path("mail")
        self.settings = settings.merged(self.defaults(), changes)
        self.write_lines("mailboxes", mailboxes)
        self.write_lines("aliases", aliases)
        self.write_lines("rejected-senders", rejected_senders)
        self.write_configuration()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def defaults(self):
        base = {
            "hostname": "mx.example.org",
            "domains": ["example.org", "example.net"],
            "mailboxes": self.path("mailboxes"),
            "aliases": self.path("aliases"),
            "rejected-senders": self.path("rejected-senders"),
            "pid-file": self.path("pid"),
            "spool": "/tmp",
            "listen": self.listens,
            "workers": {"count": 2},
            "delivery": {"maildir": self.mail_root + "/%d/%u"},
            "log": {"to": "stderr"},
        }
        if not self.trial.is_root:
            return base
        return base | {"users": {"master": "postern", "worker": "postern-worker", "delivery": "vmail"}}

    # ---- listeners

    def listen(self, title, options, by_socket=False):
        """A `listen` section, and where it listens: at the test's own address, the first one at the
        usual port."""
        port = self.trial.port if title == FIRST else OTHER_PORTS + len(self.places)
        if port == SMTP_PORT and options.get("protocol") == "lmtp":
            port = LMTP_PORT
        if by_socket:
            self.places[title] = (self.path("run", title), None)
            return title, {"address": [self.path("run", title)]} | options
        self.places[title] = (self.trial.address, port)
        return title, {"address": [self.trial.address], "port": port} | options

    # ---- files

    def write_lines(self, name, lines):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)

    def write_configuration(self, **changes):
        self.settings = settings.merged(self.settings, changes)
        with open(self.path("conf"), "w", encoding="utf-8") as file:
            file.write(settings.configuration_text(self.settings))

    # ---- running it

    def command(self, *options):
        arguments = ["-F"] * self.foreground + ["-v"] * self.verbose
        return self.prefix + [os.path.join(self.bin, "posternd"), *arguments, *options,
                              "-c", self.path("conf"), *self.arguments]

    def run_once(self, *options, seconds=PATIENCE, command=None):
        """Runs the program to its end: (status, output, errors)."""
        done = subprocess.run(command or self.command(*options), capture_output=True, timeout=seconds,
                              stdin=subprocess.DEVNULL, env=environment(), cwd=self.folder, check=False)
        return done.returncode, done.stdout.decode("latin-1"), done.stderr.decode("latin-1")

    def check_configuration(self):
        status, output, errors = self.run_once("-n")
        if status != 0:
            raise AssertionError(f"posternd -n ends with {status}: {output}{errors}")
        return output

    def launch(self, **options):
        """Starts it and does not wait until it is ready."""
        with open(self.path("stderr"), "ab") as errors:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=errors,
                                            stderr=errors, env=options.pop("env", environment()),
                                            cwd=self.folder, **options)
        return self.process

    def start(self, **options):
        self.check_configuration()
        self.form = logs.parse_json if self.settings["log"].get("format") == "json" else logs.parse_line
        to = self.settings["log"]["to"]
        self.log_path = to if to.startswith("/") else self.path("stderr")
        before = len(self.events("ready"))
        self.launch(**options)
        self.wait_event("ready", count=before + 1)

    def pid(self):
        return self.process.pid

    def workers(self):
        return processes.children_named(self.pid(), "postern-worker")

    def delivery(self):
        found = processes.children_named(self.pid(), "postern-delivery")
        return found[0] if len(found) == 1 else None

    def signal(self, number):
        os.kill(self.pid(), number)

    # ---- the log

    def log_bytes(self):
        try:
            with open(self.log_path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def events(self, name=None, /, **wanted):
        found = logs.parse(self.log_bytes(), self.form)
        return [event for event in found if name is None or logs.matches(event, name, wanted)]

    def wait_event(self, name, /, count=1, seconds=PATIENCE, **wanted):
        """Waits until the log has `count` such events; the last of them."""
        def found():
            if self.process and self.foreground and self.process.poll() is not None:
                if len(self.events(name, **wanted)) < count:
                    raise AssertionError(f"the daemon ended with {self.process.returncode} before "
                                         f"event={name}: {self.tail()}")
            events = self.events(name, **wanted)
            return events if len(events) >= count else None
        try:
            return processes.wait_until(found, seconds, f"event={name} {wanted}")[-1]
        except AssertionError as error:
            raise AssertionError(f"{error}; log: {self.tail()}") from None

    def tail(self):
        return self.log_bytes()[-1500:].decode("latin-1")

    @contextlib.contextmanager
    def running(self):
        """From its start to its end, which finish() judges; not after an exception."""
        self.start()
        yield self
        self.finish()

    # ---- clients

    def connect(self, to=None, **options):
        """to: the title of another listener."""
        address, port = self.places[to] if to else (self.address, self.port)
        return session.Session(address, port, **options)

    def greeted(self, **options):
        sections = dict(self.settings["listen"])
        section = sections[options.get("to", FIRST)] if FIRST in sections else {}
        return self.connect(**options).greet(verb="LHLO" if section.get("protocol") == "lmtp" else "EHLO")

    def connect_implicit(self, **options):
        """To the listener that begins with TLS (see tls.served); the handshake is still to be done."""
        return session.Session(self.address, tls.implicit_port(self.trial), **options)

    def secured(self, context=None, **options):
        """A session under TLS by STARTTLS, and greeted in it."""
        client = self.greeted()
        client.starttls(context, **options).expect("EHLO client.example", 250)
        return client

    def send(self, recipients=("alice@example.org",), body=b"Subject: test\n\nHello.\n",
             sender="sender@client.example"):
        """One message in a session of its own; the text of its 250."""
        with self.greeted() as client:
            reply = client.deliver(sender, recipients, body)
            if reply.code != 250:
                raise AssertionError(f"the message was answered with {reply}")
            client.expect("QUIT", 221)
            return reply.text

    def mail(self):
        return Mailboxes(self.mail_root)

    # ---- the end

    def require_answer(self):
        with self.connect() as client:
            greeting = client.reply()
            if greeting.code != 220:
                raise AssertionError(f"the server answers with {greeting}")
            client.expect("QUIT", 221)

    def deaths(self):
        """END lines of processes that did not end with status 0."""
        return [event.line for event in self.events("end")
                if event.get("status", 0) not in ("0", 0) or event.get("signal", 0) not in ("0", 0)]

    def require_clean_log(self):
        if not self.deaths_allowed and self.deaths():
            raise AssertionError(f"a process died: {self.deaths()}")
        for path in (self.log_path, self.path("stderr")):
            if os.path.exists(path):
                with open(path, "rb") as file:
                    content = file.read()
                if SANITIZER_REPORT.search(content):
                    raise AssertionError(f"a sanitizer reports: {content[-6000:].decode('latin-1')}")

    def stop(self, seconds=PATIENCE):
        """SIGTERM, and its exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not stop: {self.tail()}") from None

    def finish(self):
        if self.process.poll() is None:
            self.require_answer()
            status = self.stop()
            if status != 0:
                raise AssertionError(f"it ends with status {status} after SIGTERM: {self.tail()}")
        self.require_clean_log()
        debris = self.mail().all_files("tmp")
        if debris:
            raise AssertionError(f"left over in tmp/: {debris[:5]}")

    def kill(self):
        if self.process and self.process.poll() is None:
            processes.kill_quietly(self.process.pid)
            self.process.wait()

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
