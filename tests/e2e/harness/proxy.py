"""Headers of the PROXY protocol, version 2 (HAProxy's proxy-protocol.txt, 2.2): right ones, and any others."""

import ipaddress
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
UNSPEC, TCP4, UDP4, TCP6, UDP6, UNIX, UNIX_DATAGRAM = 0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32
ALPN, AUTHORITY, CRC32C, NOOP, UNIQUE_ID, SSL, NETNS = 0x01, 0x02, 0x03, 0x04, 0x05, 0x20, 0x30
SSL_VERSION, SSL_CN, SSL_CIPHER = 0x21, 0x22, 0x23
# The first byte of the SSL TLV.
CLIENT_SSL, CLIENT_CERTIFICATE = 1, 2


def raw(command, family, rest, length=None):
    """The fixed part, with any length, and what is behind it."""
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest) if length is None else length) + rest


def addresses(source, destination, source_port=51234, destination_port=25):
    packed = b"".join(ipaddress.ip_address(address).packed for address in (source, destination))
    return packed + struct.pack("!HH", source_port, destination_port)


def header(source="192.0.2.7", destination="198.51.100.1", tlvs=b"", **ports):
    family = TCP6 if ":" in source else TCP4
    return raw(PROXY, family, addresses(source, destination, **ports) + tlvs)


def tlv(kind, value=b""):
    return struct.pack("!BH", kind, len(value)) + value


def tls(version=b"TLSv1.3", cipher=b"TLS_AES_256_GCM_SHA384", client=CLIENT_SSL, verify=0, more=b""):
    """The TLV that says that the client speaks TLS with the proxy."""
    inner = (tlv(SSL_VERSION, version) if version is not None else b"") + \
        (tlv(SSL_CIPHER, cipher) if cipher is not None else b"")
    return tlv(SSL, struct.pack("!BI", client, verify) + inner + more)


def crc32c(content):
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def with_checksum(source="192.0.2.7", destination="198.51.100.1", error=0):
    """A header whose checksum is right, or wrong by `error`."""
    empty = header(source, destination, tlv(CRC32C, bytes(4)))
    return empty[:-4] + struct.pack("!I", crc32c(empty) ^ error)
