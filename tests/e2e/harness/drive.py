"""The disk of a virtual machine, as the server of an NBD connection: with a cache that a power cut empties.

What the machine has written is safe when it has said FLUSH, or has said so for the one write (FUA); until
then each block may hold any of the contents it has had since, independently of the others, and a cut makes
that so, by a seeded chance.  Killing the emulator alone would be too kind: what it has written, flushed or
not, stays in the memory of the host.
"""

import os
import shutil
import socket
import struct
import threading

# Tearing within a block is not tried: disks of today write as much at once, and file systems rely on it.
BLOCK = 4096
GREETING = b"NBDMAGICIHAVEOPT"
FIXED, NO_ZEROES = 1, 2
HAS_FLAGS, SEND_FLUSH, SEND_FUA = 1, 4, 8
OPTION, OPTION_ABORT, OPTION_GO = b"IHAVEOPT", 2, 7
OPTION_REPLY, ACK, INFO, UNSUPPORTED = 0x3E889045565A9, 1, 3, 0x80000001
REQUEST, REPLY = 0x25609513, 0x67446698
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
INVALID = 22


class Drive:
    """path: a file, the content that is safe.  lies: it says that it has flushed and has not."""

    def __init__(self, path, size, lies=False):
        self.path, self.size, self.lies = path, size, lies
        self.lock, self.is_cut = threading.Lock(), False
        self.cached = {}  # block -> its contents since the last flush, the newest last
        self.flushes, self.last = 0, None
        self.has_failed = threading.Event()
        with open(path, "wb") as file:
            file.truncate(size)

    def place(self):
        return self.path + ".socket"

    def power_on(self):
        """A machine can connect."""
        self.is_cut, self.cached, self.last = False, {}, None
        self.has_failed.clear()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.place())
        self.listener.listen(1)
        shutil.copyfile(self.path, self.path + ".seen")
        self.stable = os.open(self.path, os.O_RDWR)
        self.seen = os.open(self.path + ".seen", os.O_RDWR)
        threading.Thread(target=self.serve, args=(self.listener,), daemon=True).start()

    def fail_at(self, count):
        """So many flushes from now on: the last of them is not done, and nothing after it."""
        with self.lock:
            self.last = self.flushes + count

    def cut(self, chance, kept):
        """From here on nothing reaches it.  kept: the part of the blocks in the cache that were written, 0 to 1.
        The number of blocks that went back to an older content."""
        lost = 0
        with self.lock:
            self.is_cut = True
            for block, contents in self.cached.items():
                if kept > 0 and chance.random() < kept:
                    choice = chance.randrange(len(contents))
                    lost += choice < len(contents) - 1
                    os.pwrite(self.stable, contents[choice], block * BLOCK)
                else:
                    lost += 1
            os.close(self.stable)
            os.close(self.seen)
        self.listener.close()
        os.unlink(self.place())
        return lost

    # ---- the protocol

    def serve(self, listener):
        try:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as file:
                self.negotiate(connection, file)
                while self.answer(connection, file):
                    pass
        except (OSError, EOFError, ValueError):
            pass

    def negotiate(self, connection, file):
        connection.sendall(GREETING + struct.pack(">H", FIXED | NO_ZEROES))
        exactly(file, 4)
        while True:
            magic, option, length = struct.unpack(">8sII", exactly(file, 16))
            exactly(file, length)
            if magic != OPTION or option == OPTION_ABORT:
                raise EOFError
            if option != OPTION_GO:
                connection.sendall(struct.pack(">QIII", OPTION_REPLY, option, UNSUPPORTED, 0))
                continue
            about = struct.pack(">HQH", 0, self.size, HAS_FLAGS | SEND_FLUSH | SEND_FUA)
            connection.sendall(struct.pack(">QIII", OPTION_REPLY, option, INFO, len(about)) + about
                               + struct.pack(">QIII", OPTION_REPLY, option, ACK, 0))
            return

    def answer(self, connection, file):
        magic, flags, kind, handle, offset, length = struct.unpack(">IHHQQI", exactly(file, 28))
        if magic != REQUEST or kind == DISCONNECT:
            return False
        content = exactly(file, length) if kind == WRITE else b""
        with self.lock:
            if kind == FLUSH and self.flushes + 1 == self.last:
                self.is_cut = True
                self.has_failed.set()
            if self.is_cut:
                return False
            error, got = self.carry_out(kind, offset, length, content, flags & 1)
        connection.sendall(struct.pack(">IIQ", REPLY, error, handle) + got)
        return True

    def carry_out(self, kind, offset, length, content, is_safe):
        if kind == READ:
            return 0, os.pread(self.seen, length, offset)
        if kind == WRITE:
            os.pwrite(self.seen, content, offset)
            for block in range(offset // BLOCK, -(-(offset + length) // BLOCK)):
                self.write_block(block, is_safe)
            return 0, b""
        if kind == FLUSH:
            self.flush()
            return 0, b""
        return INVALID, b""

    def write_block(self, block, is_safe):
        content = os.pread(self.seen, BLOCK, block * BLOCK)
        if is_safe and not self.lies:
            self.cached.pop(block, None)
            os.pwrite(self.stable, content, block * BLOCK)
        else:
            self.cached.setdefault(block, []).append(content)

    def flush(self):
        self.flushes += 1
        if self.lies:
            return
        for block, contents in self.cached.items():
            os.pwrite(self.stable, contents[-1], block * BLOCK)
        self.cached = {}


def exactly(file, length):
    content = file.read(length)
    if len(content) != length:
        raise EOFError
    return content
