"""A client under TLS 1.3 that makes its records by itself, so that it can send what no library sends.

The handshake is done by Python's ssl, the records are sealed here, with the one cipher that is small
enough to be written down: ChaCha20-Poly1305 (RFC 8439).  The secret comes from the file of keys that
Python writes.
"""

import hashlib
import hmac
import struct

from .tls import Machine, client_context, V13

HANDSHAKE, ALERT, DATA = 22, 21, 23
KEY_UPDATE = b"\x18\x00\x00\x01\x00"
KEY_UPDATE_WANTED = b"\x18\x00\x00\x01\x01"
SUITE = "TLS_CHACHA20_POLY1305_SHA256"
ALL = 0xFFFFFFFF


# ---- RFC 8439


def quarter(x, a, b, c, d):
    for one, two, three, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[one] = (x[one] + x[two]) & ALL
        mixed = x[three] ^ x[one]
        x[three] = (mixed << by | mixed >> (32 - by)) & ALL


QUARTERS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def block(key, counter, nonce):
    start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574,
             *struct.unpack("<8I", key), counter, *struct.unpack("<3I", nonce)]
    mixed = list(start)
    for _ in range(10):
        for places in QUARTERS:
            quarter(mixed, *places)
    return struct.pack("<16I", *((a + b) & ALL for a, b in zip(mixed, start)))


def encrypted(key, nonce, content):
    stream = b"".join(block(key, 1 + number, nonce) for number in range((len(content) + 63) // 64))
    return bytes(a ^ b for a, b in zip(content, stream))


def tag(key, nonce, bound, sealed):
    once = block(key, 0, nonce)[:32]
    factor = int.from_bytes(once[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF

    def padded(text):
        return text + b"\0" * (-len(text) % 16)
    text = padded(bound) + padded(sealed) + struct.pack("<QQ", len(bound), len(sealed))
    total = 0
    for place in range(0, len(text), 16):
        total = (total + int.from_bytes(text[place:place + 16] + b"\1", "little")) * factor % ((1 << 130) - 5)
    return ((total + int.from_bytes(once[16:], "little")) & ((1 << 128) - 1)).to_bytes(16, "little")


# ---- RFC 8446


def expanded(secret, label, length):
    """HKDF-Expand-Label with an empty context, for one block of SHA-256."""
    name = b"tls13 " + label
    info = struct.pack(">HB", length, len(name)) + name + b"\0"
    return hmac.new(secret, info + b"\1", hashlib.sha256).digest()[:length]


class Sender:
    """The client's keys, and the number of the record that is next."""

    def __init__(self, secret):
        self.use(secret)

    def use(self, secret):
        self.secret, self.number = secret, 0
        self.key, self.vector = expanded(secret, b"key", 32), expanded(secret, b"iv", 12)

    def record(self, content, kind=DATA):
        inner = content + bytes([kind])
        head = struct.pack(">BHH", DATA, 0x0303, len(inner) + 16)
        nonce = bytes(a ^ b for a, b in zip(self.vector, self.number.to_bytes(12, "big")))
        sealed = encrypted(self.key, nonce, inner)
        self.number += 1
        return head + sealed + tag(self.key, nonce, head, sealed)

    def key_update(self, message=KEY_UPDATE):
        """That message, after which the next keys are in use."""
        sealed = self.record(message, HANDSHAKE)
        self.use(expanded(self.secret, b"traffic upd", 32))
        return sealed


def context_with_keys(path):
    context = client_context(minimum=V13)
    context.keylog_filename = path
    return context


def sender_of(path):
    """Of the one session whose keys are in the file."""
    with open(path, encoding="ascii") as file:
        words = [line.split() for line in file]
    (secret,) = [bytes.fromhex(word[2]) for word in words if word and word[0] == "CLIENT_TRAFFIC_SECRET_0"]
    return Sender(secret)


def shaken(socket, path):
    """A session over that socket: (what opens the server's records, what seals ours)."""
    machine = Machine(context_with_keys(path)).shake_over(socket)
    return machine, sender_of(path)
