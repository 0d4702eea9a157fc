"""Dovecot's LMTP server as a proxy in front of a daemon, from the unpacked packages, never installed.

Its programs know their places by heart (/usr/lib/dovecot), so that it runs in a chroot: the unpacked tree and
copies of the libraries it is linked with.  Needs root.
"""

import os
import re
import shutil
import signal
import stat
import subprocess

from . import peers, session
from .processes import wait_until
from .trial import Skipped

PATIENCE = 40
PORT = 2400
PROGRAMS = ("usr/sbin/dovecot", "usr/bin/doveconf", *(f"usr/lib/dovecot/{name}" for name in (
    "anvil", "auth", "config", "lmtp", "log", "stats", "modules/libssl_iostream_openssl.so")))
FOLDERS = ("dev", "proc", "run/dovecot", "tmp", "var/log")
USERS = {"root": 0, "dovecot": 701, "dovenull": 702}
CONFIGURATION = """protocols = lmtp
ssl = no
base_dir = /run/dovecot
log_path = /var/log/dovecot.log
mail_debug = yes
lmtp_proxy = yes
login_trusted_networks = 127.0.0.0/8
passdb {{
  driver = static
  args = nopassword=y proxy=y host={host} port={to_port} protocol=lmtp
}}
userdb {{
  driver = static
  args = uid=701 gid=701 home=/tmp
}}
service lmtp {{
  inet_listener lmtp {{
    address = {address}
    port = {port}
  }}
}}
{more}
"""


class Dovecot:
    def __init__(self, trial, daemon, more="", configuration=CONFIGURATION, programs=()):
        """programs: that are run beside its server, and modules that they load."""
        if not trial.is_root:
            raise Skipped("Dovecot needs root")
        self.address, self.port = trial.address, PORT
        self.folder, self.process = trial.path("dovecot"), None
        for name in ("usr/sbin", "usr/bin", "usr/lib"):
            shutil.copytree(peers.require(trial, "dovecot", name), self.path(name), symlinks=True)
        host, port = daemon.places["smtp"]
        self.write("etc/dovecot/dovecot.conf", configuration.format(
            host=host, to_port=port, address=self.address, port=self.port, more=more))
        self.write("etc/passwd", "".join(f"{name}:x:{number}:{number}::/:/bin/false\n" for name, number in USERS.items()))
        self.write("etc/group", "".join(f"{name}:x:{number}:\n" for name, number in USERS.items()))
        self.make_devices()
        self.copy_libraries((*PROGRAMS, *programs))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)

    def make_devices(self):
        for name in FOLDERS:
            os.makedirs(self.path(name), exist_ok=True)
        try:
            for name in ("null", "urandom"):
                os.mknod(self.path(f"dev/{name}"), stat.S_IFCHR | 0o666, os.stat(f"/dev/{name}").st_rdev)
                os.chmod(self.path(f"dev/{name}"), 0o666)  # whatever the umask is
        except PermissionError as error:
            raise Skipped(f"Dovecot needs a device of its own: {error}") from None

    def copy_libraries(self, programs):
        own = self.path("usr/lib/dovecot")
        search = f"{own}:{own}/modules/old-stats"
        for program in programs:
            output = subprocess.run(["ldd", self.path(program)], capture_output=True, check=False,
                                    env={"LD_LIBRARY_PATH": search, "PATH": os.environ["PATH"]}).stdout.decode()
            if "not found" in output:
                raise Skipped(f"Dovecot needs libraries that are not installed: {re.findall(r'(.*) => not found', output)}")
            for library in re.findall(r"(/\S+) \(0x", output):
                if not library.startswith(own):
                    os.makedirs(os.path.dirname(self.path(library[1:])), exist_ok=True)
                    shutil.copy(library, self.path(library[1:]))

    # ---- running it

    def log(self):
        try:
            with open(self.path("var/log/dovecot.log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def start(self):
        with open(self.path("output"), "wb") as output:
            self.process = subprocess.Popen(["chroot", self.folder, "/usr/sbin/dovecot", "-F"], stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output, env={"PATH": os.environ["PATH"]},
                                            start_new_session=True)
        wait_until(self.is_up, PATIENCE, "Dovecot greets")

    def is_up(self):
        if self.process.poll() is not None:
            with open(self.path("output"), encoding="latin-1") as file:
                raise AssertionError(f"Dovecot ended with {self.process.returncode}: {file.read()} {self.log()}")
        try:
            with self.connect() as client:
                return client.reply().code == 220
        except (ConnectionError, session.Closed):
            return False

    def connect(self):
        return session.Session(self.address, self.port)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        """Its master ends the others."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
            self.process.wait(PATIENCE)
