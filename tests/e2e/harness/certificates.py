"""Certificates and keys for a test, made by openssl(1) in the test's folder."""

import os
import ssl
import subprocess

KINDS = {"rsa": ["-newkey", "rsa:2048"], "ecdsa": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}
# For `openssl ca`, which alone sets any dates.
AUTHORITY = """[ca]
default_ca = here
[here]
database = {0}.index
new_certs_dir = {1}
serial = {0}.serial
policy = any
default_md = sha256
copy_extensions = copy
[any]
commonName = supplied
"""
WIDE = """[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = mx.example.org
[extensions]
subjectAltName = @names
[names]
"""


class Pair:
    """A certificate and its key: two PEM files."""

    def __init__(self, certificate, key):
        self.certificate, self.key = certificate, key

    def der(self):
        """The server's own certificate, the first one of the file."""
        with open(self.certificate, encoding="ascii") as file:
            text = file.read()
        return ssl.PEM_cert_to_DER_cert(text[:text.index("-----END") + len("-----END CERTIFICATE-----")])


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, check=False, timeout=60,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AssertionError(f"openssl {arguments[0]}: {done.stderr.decode('latin-1')}")
    return done.stdout


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def subject(names):
    return ["-subj", f"/CN={names[0]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)]


def request(path, names, kind, *options):
    openssl("req", *options, *KINDS[kind], "-nodes", "-keyout", f"{path}.key", *subject(names))
    # Of an ordinary user's daemon the user is the reader, of root's root.
    os.chmod(f"{path}.key", 0o600)
    return Pair(f"{path}.pem", f"{path}.key")


def make(path, names=("mx.example.org",), kind="ecdsa", days=90):
    """A self-signed pair that is good from now on for so many days: PATH.pem and PATH.key."""
    return request(path, names, kind, "-x509", "-days", str(days), "-out", f"{path}.pem")


def make_expired(path, names=("mx.example.org",), kind="ecdsa"):
    """One whose last day is long past."""
    pair = request(path, names, kind, "-new", "-out", f"{path}.request")
    write(f"{path}.ca", AUTHORITY.format(path, os.path.dirname(path)))
    write(f"{path}.index", "")
    write(f"{path}.serial", "01\n")
    openssl("ca", "-batch", "-notext", "-selfsign", "-config", f"{path}.ca", "-in", f"{path}.request", "-keyfile", pair.key,
            "-startdate", "200101000000Z", "-enddate", "200201000000Z", "-out", pair.certificate)
    return pair


def make_chain(path, length, kind="rsa"):
    """A pair whose chain has so many certificates, each signed by the next one."""
    made = [request(f"{path}-{number}", (f"level{number}.example.org",), kind, "-new", "-out", f"{path}-{number}.request")
            for number in range(length)]
    write(f"{path}.extensions", "basicConstraints = CA:true\n")
    for number, pair in reversed(list(enumerate(made))):
        above = made[min(number + 1, length - 1)]
        signer = ["-signkey", pair.key] if above is pair else ["-CA", above.certificate, "-CAkey", above.key]
        openssl("x509", "-req", "-in", f"{path}-{number}.request", *signer, "-days", "90", "-set_serial",
                str(number + 1), "-extfile", f"{path}.extensions", "-out", pair.certificate)
    chain = "".join(open(pair.certificate, encoding="ascii").read() for pair in made)
    write(f"{path}.pem", chain)
    return Pair(f"{path}.pem", made[0].key)


def make_wide(path, count):
    """One with so many names that it is larger than what a socket holds."""
    names = "".join(f"DNS.{number} = name{number}.example.org\n" for number in range(count))
    write(f"{path}.conf", WIDE + names)
    openssl("req", "-x509", *KINDS["ecdsa"], "-nodes", "-keyout", f"{path}.key", "-config", f"{path}.conf", "-days", "90",
            "-out", f"{path}.pem")
    return Pair(f"{path}.pem", f"{path}.key")


def make_encrypted(path, pair, password="secret"):
    """The same key, behind a password."""
    openssl("pkey", "-in", pair.key, "-aes128", "-passout", f"pass:{password}", "-out", f"{path}.key")
    return Pair(pair.certificate, f"{path}.key")
