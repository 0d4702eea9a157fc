"""Mail systems of others, unpacked and never installed, since they would take the machine's mail: Postfix's
smtp-source is run here, its smtpd by postfix.py, Dovecot's LMTP by dovecot.py, HAProxy by haproxy.py.  And
the kernel that machine.py starts."""

import fcntl
import os
import re
import shutil
import subprocess

from .trial import Skipped

# Peer -> its Debian packages, which are unpacked into one tree.
PACKAGES = {
    "postfix": ("postfix",),
    "dovecot": ("dovecot-core", "dovecot-lmtpd"),
    "haproxy": ("haproxy",),
}
# What only the long tests need.
LONG_PACKAGES = {"linux": ("linux-image-cloud-amd64",)}


def newest_kernel(package):
    """A package of this name has no file but depends on the one of the newest version."""
    done = subprocess.run(["apt-cache", "depends", package], check=True, capture_output=True, text=True, timeout=60)
    found = re.search(r"Depends: (linux-image-\S+)", done.stdout)
    return found[1] if found else package


def unpack(folder, peer):
    """Into a tree that gets its name when all is in it."""
    made = os.path.join(folder, f"{peer}.new")
    shutil.rmtree(made, ignore_errors=True)
    for package in (PACKAGES | LONG_PACKAGES)[peer]:
        package = newest_kernel(package) if package.startswith("linux-image-") else package
        subprocess.run(["apt-get", "-q", "download", package], cwd=folder, check=True, capture_output=True, timeout=120)
        files = [os.path.join(folder, name) for name in os.listdir(folder) if name.startswith(f"{package}_")]
        newest = max(files, key=os.path.getmtime)
        subprocess.run(["dpkg", "-x", newest, made], check=True, capture_output=True, timeout=60)
    os.rename(made, tree(folder, peer))


def locked_unpack(folder, peer):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(tree(folder, peer)):
            unpack(folder, peer)


def tree(folder, peer="postfix"):
    return os.path.join(os.path.abspath(folder), peer)


def libraries(folder):
    return os.path.join(tree(folder), "usr", "lib", "postfix")


def program(folder):
    return os.path.join(tree(folder), "usr", "sbin", "smtp-source")


def prepare(folder, is_long=False):
    """Unpacks those that are not there yet; None, or why some cannot be had."""
    if not shutil.which("apt-get"):
        return "no apt-get here"
    problems = []
    for peer in PACKAGES | (LONG_PACKAGES if is_long else {}):
        try:
            locked_unpack(folder, peer)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            problems.append(f"{peer} cannot be had: {error} {getattr(error, 'stderr', b'')!r}")
    return "; ".join(problems) or None


def require(trial, peer, path):
    """The path of a program in the peer's tree; the test is skipped where it is not, or does not run."""
    place = os.path.join(tree(trial.options.peers, peer), path)
    if not os.path.exists(place):
        raise Skipped(f"no {peer} in {trial.options.peers}")
    return place


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
