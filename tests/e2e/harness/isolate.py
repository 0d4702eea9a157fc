"""A network namespace for all tests, and a mount namespace for one, where root can have them."""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess

PR_SET_DUMPABLE = 4
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
CLONE_NEWUSER, CLONE_NEWNS, MS_REC, MS_PRIVATE, MS_BIND = 0x10000000, 0x20000, 0x4000, 1 << 18, 4096
INSIDE = "POSTERN_E2E_NAMESPACE"

libc = ctypes.CDLL(None, use_errno=True)


def is_inside():
    return os.environ.get(INSIDE) == "yes"


def enter(command):
    """As root: replaces this process by `command` in a network namespace of its own.  Returns where
    that is not allowed (some containers)."""
    wrapper = ["unshare", "--net", "--"]
    if subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode != 0:
        return
    os.environ[INSIDE] = "yes"
    os.execvp(wrapper[0], [*wrapper, *command])


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(probe, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def checked(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def own_mounts():
    """This process and its children see their own mounts from here on.  Says why it cannot be: not
    allowed, or in a chroot, where the mounts would show outside; None where it can."""
    try:
        checked(libc.unshare(CLONE_NEWNS), "unshare")
        checked(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate /")
    except OSError as error:
        return f"no mount namespace to be had: {error}"
    return None


def own_mounts_as_user():
    """The same for an ordinary user, who stays one: in a user namespace.  Before there is a second thread."""
    user, group = os.getuid(), os.getgid()
    try:
        checked(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
        # One that has changed its user may not write below its own /proc.
        checked(libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl")
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    except OSError as error:
        return f"no user namespace to be had: {error}"
    return None


def mount_tmpfs(path, options):
    checked(libc.mount(b"tmpfs", os.fsencode(path), b"tmpfs", 0, options.encode()), f"mount {path}")


def bind(source, target):
    checked(libc.mount(os.fsencode(source), os.fsencode(target), None, MS_BIND, None), f"bind {target}")


def unmount(path):
    checked(libc.umount2(os.fsencode(path), 0), f"umount {path}")
