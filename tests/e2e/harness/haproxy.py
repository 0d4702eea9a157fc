"""HAProxy, run from the unpacked package: a balancer in front of a daemon."""

import csv
import io
import os
import signal
import socket
import subprocess

from . import peers
from .processes import wait_until
from .trial import Skipped

PATIENCE = 40
# Where its connections to the daemon come from.
SOURCE = "127.0.0.2"

HEAD = """global
	maxconn 1000
	stats socket {socket} mode 600 level admin
defaults
	mode tcp
	timeout connect 60s
	timeout client 120s
	timeout server 120s
"""


class HAProxy:
    """proxies: title -> (listener of the daemon, options of the server line, further lines)."""

    def __init__(self, trial, daemon, proxies, bind=""):
        self.trial, self.folder = trial, trial.path("haproxy")
        self.program = peers.require(trial, "haproxy", "usr/sbin/haproxy")
        self.process = None
        os.mkdir(self.folder)
        self.ports = {title: 4000 + number for number, title in enumerate(proxies)}
        text = HEAD.format(socket=self.path("socket"))
        for title, (listener, options, lines) in proxies.items():
            address, port = daemon.places[listener]
            text += f"listen {title}\n\tbind {trial.address}:{self.ports[title]} {bind}\n"
            text += f"\tserver postern {address}:{port} source {SOURCE} {options}\n"
            text += "".join(f"\t{line}\n" for line in lines)
        with open(self.path("conf"), "w", encoding="ascii") as file:
            file.write(text)

    def path(self, name):
        return os.path.join(self.folder, name)

    def output(self):
        with open(self.path("output"), encoding="utf-8", errors="replace") as file:
            return file.read()[-3000:]

    def start(self):
        checked = subprocess.run([self.program, "-c", "-f", self.path("conf")], capture_output=True, check=False,
                                 cwd="/")  # it wants to come back to where it was started
        if b"error while loading shared libraries" in checked.stderr:
            raise Skipped(f"HAProxy does not run here: {checked.stderr!r}")
        if checked.returncode != 0:
            raise AssertionError(f"haproxy -c: {checked.stderr!r}")
        with open(self.path("output"), "wb") as output:
            self.process = subprocess.Popen([self.program, "-db", "-f", self.path("conf")], cwd="/", stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output, start_new_session=True)
        wait_until(self.is_up, PATIENCE, "HAProxy answers")

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"HAProxy ended with {self.process.returncode}: {self.output()}")
        return os.path.exists(self.path("socket")) and self.status()

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(self.path("socket"))
            client.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: client.recv(65536), b"")).decode()

    def status(self):
        """Title -> the row of its server: "status", "check_status", "chkfail" ..."""
        try:
            rows = csv.DictReader(io.StringIO(self.ask("show stat").removeprefix("# ")))
        except ConnectionError:
            return {}
        return {row["pxname"]: row for row in rows if row["svname"] == "postern"}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
            self.process.wait(PATIENCE)
