"""A virtual machine with Debian's kernel, our programs and nothing else, whose power can be cut.

An image in memory (initramfs) holds busybox, the programs, their libraries and the configuration; the
mail lies on a disk that drive.py plays.  The only network is the emulator's own: what comes to two ports of
an address of the loop-back network goes to the guest.
"""

import io
import os
import platform
import re
import shutil
import stat
import subprocess
import tarfile

from . import peers, processes, session, settings
from .maildir import Mailboxes
from .trial import Skipped

BUSYBOX = "/bin/busybox"
MODULES = ("virtio_pci", "virtio_blk", "virtio_net")
SMTP, MAIL, LOG = 25, 26, 27
# Without hardware support a start takes a minute; with it, seconds.
PATIENCE = {"kvm": 40, "tcg": 300}
FETCH_PATIENCE = 120
USERS = (("root", 0), ("postern", 101), ("postern-worker", 102), ("vmail", 103), ("nobody", 65534))
COMMANDS = ("sh", "mount", "insmod", "ifconfig", "nc", "tar", "cat", "sleep", "mkdir", "poweroff", "umount", "ln")

INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs -o mode=1777 tmpfs /tmp
for module in $(cat /modules/order); do insmod /modules/$module; done
ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
mount -t $FILE_SYSTEM /dev/vda /disk || poweroff -f
posternd -F -c /etc/postern.conf &
while :; do nc -l -p 27 -e /bin/send-log; done &
while :; do nc -l -p 26 -e /bin/send-mail; done
"""


# ---- what is in the image


def libraries(path):
    done = subprocess.run(["ldd", path], capture_output=True, text=True, timeout=60, check=True)
    return re.findall(r"(/\S+) \(0x", done.stdout)


def module_files(tree):
    """name -> path of each module of the kernel."""
    found = {}
    for folder, _, names in os.walk(os.path.join(tree, "lib", "modules")):
        for name in names:
            if name.endswith(".ko"):
                found[name[:-3].replace("-", "_")] = os.path.join(folder, name)
    return found


def in_order(files, wanted):
    """Modules behind those that they depend on, as they say themselves; what is built in has no file."""
    order = []
    for name in wanted:
        if name not in files:
            continue
        with open(files[name], "rb") as file:
            depends = re.search(rb"\0depends=([^\0]*)\0", file.read())
        needed = [one.replace("-", "_") for one in depends[1].decode().split(",") if one] if depends else []
        order += [one for one in [*in_order(files, needed), name] if one not in order]
    return list(dict.fromkeys(order))


class Image:
    """An archive of cpio's form "newc"."""

    def __init__(self):
        self.bytes, self.folders, self.number = io.BytesIO(), set(), 0

    def entry(self, name, mode, content=b""):
        self.number += 1
        fields = (self.number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        self.bytes.write(head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4))

    def folder(self, name):
        if name and name not in self.folders:
            self.folder(os.path.dirname(name))
            self.folders.add(name)
            self.entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, content, mode=0o644):
        self.folder(os.path.dirname(name))
        self.entry(name, stat.S_IFREG | mode, content)

    def copy(self, path, name=None, mode=0o755):
        with open(path, "rb") as file:
            self.file(name or path.lstrip("/"), file.read(), mode)

    def link(self, name, target):
        self.folder(os.path.dirname(name))
        self.entry(name, stat.S_IFLNK | 0o777, target.encode())

    def content(self):
        self.entry("TRAILER!!!", 0)
        return self.bytes.getvalue()


def configuration(locals_):
    listen = [("smtp", {"address": ["0.0.0.0"], "port": SMTP})]
    return settings.configuration_text({
        "hostname": "mx.example.org", "domains": ["example.org"], "mailboxes": "/etc/mailboxes", "pid-file": "/tmp/pid",
        "spool": "/tmp", "listen": listen, "workers": {"count": 2}, "limits": {"sessions-per-address": 0},
        "delivery": {"maildir": "/disk/mail/%d/%u"}, "log": {"to": "/tmp/log"},
        "users": {"master": "postern", "worker": "postern-worker", "delivery": "vmail"}}), "".join(
            local + "\n" for local in locals_)


def make_image(trial, tree, locals_, file_system):
    image = Image()
    for name in ("proc", "sys", "dev", "tmp", "disk"):
        image.folder(name)
    image.copy(BUSYBOX, "bin/busybox")
    for name in COMMANDS:
        image.link(f"bin/{name}", "busybox")
    needed = set()
    for name in ("posternd", "postern-worker", "postern-delivery"):
        path = os.path.join(trial.bin, name)
        image.copy(path, f"bin/{name}")
        needed.update(libraries(path))
    for path in sorted(needed):
        image.copy(path)
    text, mailboxes = configuration(locals_)
    image.file("etc/postern.conf", text.encode())
    image.file("etc/mailboxes", mailboxes.encode())
    image.file("etc/passwd", "".join(f"{name}:x:{number}:{number}::/:/bin/sh\n" for name, number in USERS).encode())
    image.file("etc/group", "".join(f"{name}:x:{number}:\n" for name, number in USERS).encode())
    add_modules(image, tree, (*MODULES, file_system))
    image.file("bin/send-mail", b"#!/bin/sh\nexec tar -C /disk -cf - mail\n", 0o755)
    image.file("bin/send-log", b"#!/bin/sh\nexec cat /tmp/log\n", 0o755)
    image.file("init", INIT.encode(), 0o755)
    return image.content()


def add_modules(image, tree, wanted):
    files = module_files(tree)
    order = in_order(files, wanted)
    for name in order:
        image.copy(files[name], f"modules/{name}.ko")
    image.file("modules/order", "".join(f"{name}.ko\n" for name in order).encode())


# ---- the machine


def require(trial, *programs):
    """Skips the test where it cannot be run; the folder of the kernel's package."""
    if platform.machine() != "x86_64":
        raise Skipped("only for x86_64")
    for program in ("qemu-system-x86_64", *programs):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            raise Skipped(f"{program} is not installed")
    if not os.path.exists(BUSYBOX):
        raise Skipped("busybox-static is not installed")
    tree = peers.tree(trial.options.peers, "linux")
    if not os.path.isdir(tree):
        raise Skipped(f"no kernel in {trial.options.peers}")
    return tree


class Machine:
    """One, on one disk; it can be started again and again."""

    def __init__(self, trial, drive, locals_, file_system):
        self.trial, self.drive, self.file_system = trial, drive, file_system
        tree = require(trial, f"mkfs.{file_system}")
        boot = os.path.join(tree, "boot")
        self.kernel = next(os.path.join(boot, name) for name in os.listdir(boot) if name.startswith("vmlinuz"))
        self.image, self.console = trial.path("initramfs"), trial.path("console")
        with open(self.image, "wb") as file:
            file.write(make_image(trial, tree, locals_, file_system))
        self.address, self.ports = trial.address, {SMTP: trial.port, MAIL: 3026, LOG: 3027}
        self.process = None
        # Software emulation is slower, and runs everywhere.
        self.accelerator = "kvm" if os.access("/dev/kvm", os.R_OK | os.W_OK) else "tcg"

    def make_file_system(self):
        command = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q", "-f"],
                   "btrfs": ["mkfs.btrfs", "-q", "-f"]}[self.file_system]
        done = subprocess.run([*command, self.drive.path], capture_output=True, timeout=120, check=False,
                              env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin"))
        if done.returncode != 0:
            raise AssertionError(f"{command}: {done.stderr!r}")

    def command(self):
        """Without a device that is not needed; `restrict`: the guest reaches nothing; `no_timer_check`: where the
        emulator gets little time, the kernel would take the clock for broken."""
        forwards = "".join(f",hostfwd=tcp:{self.address}:{here}-:{there}" for there, here in self.ports.items())
        return ["qemu-system-x86_64", "-accel", self.accelerator, "-m", "512", "-smp", "1",
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", f"file:{self.console}",
                "-kernel", self.kernel, "-initrd", self.image,
                "-append", f"console=ttyS0 quiet panic=-1 no_timer_check FILE_SYSTEM={self.file_system}",
                "-blockdev", f"driver=nbd,node-name=disk,server.type=unix,server.path={self.drive.place()}",
                "-device", "virtio-blk-pci,drive=disk,write-cache=on,discard=off,write-zeroes=off",
                "-netdev", f"user,id=net,restrict=on{forwards}", "-device", "virtio-net-pci,netdev=net,romfile=",
                "-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng"]

    def start(self):
        """Until the service answers."""
        try:
            self.switch_on()
        except AssertionError:
            if self.accelerator == "tcg":
                raise
            # The support is there and of no use: a virtual machine in another one.
            self.accelerator = "tcg"
            self.switch_off()
            self.switch_on()

    def switch_on(self):
        self.drive.power_on()
        with open(self.trial.path("qemu"), "ab") as output:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        processes.wait_until(self.is_up, PATIENCE[self.accelerator], "the machine's service answers")

    def switch_off(self):
        self.cut_power(None, 0)

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the machine has ended: {self.last_words()}")
        try:
            with self.connect(patience=2) as client:
                return client.reply().code == 220
        except (OSError, session.Closed):
            return False

    def last_words(self):
        text = ""
        for path in (self.trial.path("qemu"), self.console):
            if os.path.exists(path):
                with open(path, "rb") as file:
                    text += file.read()[-2000:].decode("latin-1")
        return text

    def cut_power(self, chance, kept):
        """At once; the number of blocks that were lost."""
        lost = self.drive.cut(chance, kept)
        self.process.kill()
        self.process.wait()
        return lost

    # ---- what it holds

    def connect(self, patience=session.PATIENCE):
        return session.Session(self.address, self.ports[SMTP], patience=patience)

    def greeted(self):
        return self.connect().greet()

    def fetch(self, port):
        """All that comes from there until it is closed."""
        content = bytearray()
        with session.connected(self.address, self.ports[port], None, FETCH_PATIENCE) as connection:
            while got := connection.recv(1 << 20):
                content += got
        return bytes(content)

    def log(self):
        return self.fetch(LOG).decode("latin-1")

    def mail(self):
        """A copy of all mailboxes."""
        place = self.trial.path("copy")
        shutil.rmtree(place, ignore_errors=True)
        os.mkdir(place)
        with tarfile.open(fileobj=io.BytesIO(self.fetch(MAIL))) as archive:
            archive.extractall(place, filter="data") if hasattr(tarfile, "data_filter") else archive.extractall(place)
        return Mailboxes(os.path.join(place, "mail"))
