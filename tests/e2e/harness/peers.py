"""Postfix, unpacked and never installed, since it would take the machine's mail: its smtp-source is run
here, its smtpd by postfix.py."""

import fcntl
import os
import shutil
import subprocess

from .trial import Skipped


def locked_unpack(folder):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(program(folder)):
            return
        subprocess.run(["apt-get", "-q", "download", "postfix"], cwd=folder, check=True,
                       capture_output=True, timeout=120)
        packages = [name for name in os.listdir(folder) if name.startswith("postfix_")]
        subprocess.run(["dpkg", "-x", packages[0], tree(folder)], cwd=folder, check=True,
                       capture_output=True, timeout=60)


def tree(folder):
    return os.path.join(os.path.abspath(folder), "postfix")


def libraries(folder):
    return os.path.join(tree(folder), "usr", "lib", "postfix")


def program(folder):
    return os.path.join(tree(folder), "usr", "sbin", "smtp-source")


def prepare(folder):
    """Unpacks it where it is not yet; None, or why it cannot be had."""
    try:
        if not shutil.which("apt-get"):
            return "Postfix cannot be had: no apt-get here"
        locked_unpack(folder)
    except (OSError, subprocess.SubprocessError, IndexError) as error:
        return f"Postfix cannot be had: {error} {getattr(error, 'stderr', b'')!r}"
    return None


def smtp_source(trial, daemon, sessions, messages, length, *options, timeout=600):
    """Runs it to its end: (status, output)."""
    tool = program(trial.options.peers)
    if not os.path.exists(tool):
        raise Skipped(f"no smtp-source in {trial.options.peers}")
    done = subprocess.run(
        [tool, "-s", str(sessions), "-m", str(messages), "-l", str(length), "-f", "source@client.example",
         "-t", "alice@example.org", "-M", "client.example", *options, f"{daemon.address}:{daemon.port}"],
        env=dict(os.environ, LD_LIBRARY_PATH=libraries(trial.options.peers)), capture_output=True,
        timeout=timeout, check=False)
    return done.returncode, (done.stdout + done.stderr).decode("latin-1")
