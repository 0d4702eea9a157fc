"""Postfix's smtp-source, unpacked and never installed: Postfix would take the machine's mail."""

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
        target = os.path.join(folder, "postfix")
        subprocess.run(["apt-get", "-q", "download", "postfix"], cwd=folder, check=True,
                       capture_output=True, timeout=120)
        packages = [name for name in os.listdir(folder) if name.startswith("postfix_")]
        subprocess.run(["dpkg", "-x", packages[0], target], cwd=folder, check=True,
                       capture_output=True, timeout=60)


def program(folder):
    return os.path.join(folder, "postfix", "usr", "sbin", "smtp-source")


def prepare(folder):
    """Unpacks it where it is not yet; None, or why it cannot be had."""
    try:
        if not shutil.which("apt-get"):
            return "smtp-source cannot be had: no apt-get here"
        locked_unpack(folder)
    except (OSError, subprocess.SubprocessError, IndexError) as error:
        return f"smtp-source cannot be had: {error} {getattr(error, 'stderr', b'')!r}"
    return None


def smtp_source(trial, daemon, sessions, messages, length, *options, timeout=600):
    """Runs it to its end: (status, output)."""
    tool = program(trial.options.peers)
    if not os.path.exists(tool):
        raise Skipped(f"no smtp-source in {trial.options.peers}")
    libraries = os.path.join(trial.options.peers, "postfix", "usr", "lib", "postfix")
    done = subprocess.run(
        [tool, "-s", str(sessions), "-m", str(messages), "-l", str(length), "-f", "source@client.example",
         "-t", "alice@example.org", "-M", "client.example", *options, f"{daemon.address}:{daemon.port}"],
        env=dict(os.environ, LD_LIBRARY_PATH=libraries), capture_output=True, timeout=timeout, check=False)
    return done.returncode, (done.stdout + done.stderr).decode("latin-1")
