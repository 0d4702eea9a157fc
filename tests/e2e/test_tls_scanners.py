"""What scanners say of the running daemon: testssl.sh and sslscan, by STARTTLS and with TLS from the beginning."""

import json
import shutil
import subprocess
import xml.etree.ElementTree

from harness import certificates, tls
from harness.trial import test

# testssl's words for what is no fault of the server.
HARMLESS = ("OK", "INFO", "LOW", "DEBUG")
# What comes of the test's own certificates, which no authority has signed, and of the machine it runs on.
EXCEPTIONS = {
    "cert_chain_of_trust": "the certificates are self-signed",
    "cert_revocation": "they name neither CRL nor OCSP",
    "sessionresumption_ticket": "it goes before the ticket has come, now and then; test_tls_certificates.py has tests of tickets",
    "engine_problem": "the openssl(1) of this machine has no GOST",
}
CIPHERS = {"TLSv1.2": {f"ECDHE-{kind}-{cipher}" for kind in ("RSA", "ECDSA")
                       for cipher in ("AES256-GCM-SHA384", "AES128-GCM-SHA256", "CHACHA20-POLY1305")},
           "TLSv1.3": {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"}}


def scanned(t, command):
    if not shutil.which(command[0]):
        t.skip(f"{command[0]} is not installed")
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=800, check=False,
                          cwd=t.folder).stdout


def served(t):
    """With a pair of each kind of key; a scanner is one client with many sessions."""
    pairs = [certificates.make(t.path(kind), kind=kind) for kind in ("rsa", "ecdsa")]
    return tls.served(t, *pairs, limits={"sessions-per-address": 0})


def testssl_findings(t, daemon, *options, port):
    path = t.path(f"findings-{port}")
    scanned(t, ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", daemon.address,
                "--jsonfile", path, *options, f"mx.example.org:{port}"])
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def require_harmless(t, findings):
    bad = [f"{one['id']}: {one['severity']}: {one['finding']}" for one in findings
           if one["severity"] not in HARMLESS and one["id"].split(" ")[0] not in EXCEPTIONS]
    t.check(not bad, "\n".join(bad))
    names = {one["id"] for one in findings}
    for name in ("SSLv3", "TLS1_2", "TLS1_3", "heartbleed", "CCS", "secure_client_renego", "ROBOT", "LUCKY13"):
        t.check(name in names, f"{name} was looked at: {len(findings)} findings")


@test(covers="B-15 C-15 security.md:TLS-DoS", timeout=1800, long=True)
def testssl(t):
    with t.daemon(**served(t)) as daemon:
        workers = daemon.workers()
        require_harmless(t, testssl_findings(t, daemon, "--starttls", "smtp", port=daemon.port))
        require_harmless(t, testssl_findings(t, daemon, port=tls.implicit_port(t)))
        t.equal(daemon.workers(), workers, "the workers")
        daemon.send()


def sslscan_of(t, daemon, *options, port):
    text = scanned(t, ["sslscan", "--xml=-", "--show-cipher-ids", *options, f"{daemon.address}:{port}"])
    return xml.etree.ElementTree.fromstring(text).find("ssltest")


def require_strong(t, scan):
    enabled = {(one.get("type"), one.get("version")) for one in scan.findall("protocol") if one.get("enabled") == "1"}
    t.equal(enabled, {("tls", "1.2"), ("tls", "1.3")}, "versions")
    found = {version: {one.get("cipher") for one in scan.findall("cipher") if one.get("sslversion") == version} for version in CIPHERS}
    t.equal(found, CIPHERS, "ciphers")
    t.equal({one.get("vulnerable") for one in scan.findall("heartbleed")}, {"0"}, "heartbleed")
    t.equal({one.get("supported") for one in scan.findall("renegotiation")}, {"0"}, "renegotiation")
    groups = {one.get("name").split(" ")[0] for one in scan.findall("group")}
    t.equal(groups, {"x25519", "secp256r1", "secp384r1"}, "groups")


@test(covers="B-15 C-15", timeout=300, long=True)
def sslscan(t):
    with t.daemon(**served(t)) as daemon:
        require_strong(t, sslscan_of(t, daemon, "--starttls-smtp", port=daemon.port))
        require_strong(t, sslscan_of(t, daemon, port=tls.implicit_port(t)))
