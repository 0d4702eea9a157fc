"""Folder = program = process = privilege, shown by the symbols that an object file needs."""

import os
import re

from place import BUILD, PROCESS_FOLDERS, TOP, files, make, output_of, program_sources, read

INCLUDE = re.compile(r'^\s*#\s*include "([^"]+)"', re.M)


def words(text):
    return frozenset(text.split())


OPEN = words("open open64 openat openat64 __open_2 __open64_2 __openat_2 __openat64_2 creat creat64 fopen fopen64 "
             "freopen opendir mkostemp mkstemp mkdir mkdirat unlink unlinkat rename renameat renameat2 chmod chown")
SOCKET = words("socket bind connect listen")
RUN = words("execve execv execvp execvpe execl execlp execle execveat fexecve posix_spawn posix_spawnp fork vfork "
            "clone clone3 system popen")
OTHERS = words("kill tgkill ptrace process_vm_readv pidfd_open pidfd_send_signal")
IDENTITY = words("setuid seteuid setreuid setresuid setfsuid setgid setegid setregid setresgid setfsgid setgroups "
                 "initgroups capset chroot unshare setns")

# What reads a private key or gives one to a context.
PRIVATE_KEY = re.compile(r"SSL_(CTX_)?use_(RSA)?PrivateKey|SSL_(CTX_)?use_cert_and_key|PEM_read_bio_(\w*PrivateKey|PKCS8)|"
                         r"d2i_(\w*PrivateKey|PKCS8)|SSL_CONF_cmd_argv|OSSL_DECODER_|OSSL_STORE_|PKCS12_")

# folder -> (symbols it must not use, why)
FORBIDDEN = {
    "worker": ((OPEN, "opens no path"), (SOCKET, "makes no socket"), (RUN, "runs no program"),
               (OTHERS, "signals nobody"), (IDENTITY, "changes no identity"), (words("syscall"), "hides no call")),
    "delivery": ((SOCKET | words("socketpair accept accept4"), "has no network"), (RUN, "runs no program"),
                 (OTHERS, "signals nobody"), (IDENTITY, "changes no identity")),
    "master": ((IDENTITY, "changes identity in common/confine only"),),
    "control": ((IDENTITY, "changes identity in common/confine only"), (SOCKET, "has no network")),
    "common/smtp": ((OPEN | SOCKET | RUN | OTHERS | IDENTITY | words("read write send recv sendmsg recvmsg poll"),
                     "performs no I/O"),),
}
# Allowed in a folder for a reason that stands here.
LIBRARIES = {"worker": re.compile(r"capng_|cfg_"), "delivery": re.compile(r"capng_|SSL_|tls_|cfg_|evconnlistener"),
             "master": re.compile(r"capng_|SSL_|X509_|EVP_|PEM_"), "control": re.compile(r"capng_|SSL_|X509_|EVP_|PEM_|event_"),
             "common/smtp": re.compile(r"capng_|SSL_|cfg_|event_|cdb_|json_")}


def undefined_symbols(objects):
    """object -> symbols it needs from elsewhere"""
    status, lines = output_of(["nm", "-u", "-A", "-P", *objects])
    if status:
        raise RuntimeError("\n".join(lines[:5]))
    found = {}
    for line in lines:
        path, _, rest = line.partition(": ")
        found.setdefault(path, set()).add(rest.split()[0].split("@")[0])
    return found


def objects_of(folder):
    status, lines = make(f"BUILD={BUILD}", "-j2", "objects")
    found = files(f"{BUILD}/obj/{folder}/*.o")
    wanted = [f"{BUILD}/obj/{path[:-2]}.o" for path in program_sources() if os.path.dirname(path) == folder]
    missing = sorted(set(wanted) - set(found)) if not os.path.isabs(BUILD) else []
    if missing or (status and not found):
        raise RuntimeError(f"not built: {missing} {lines[-3:]}")
    return [path for path in found if path in wanted or os.path.isabs(BUILD)]


def check_folder(folder):
    problems = []
    objects = objects_of(folder)
    if not objects:
        return [f"{folder}: no objects"]
    for path, symbols in undefined_symbols(objects).items():
        for forbidden, reason in FORBIDDEN[folder]:
            problems += [f"{path}: {name}(): {folder}/ {reason}" for name in sorted(symbols & forbidden)]
        problems += [f"{path}: {name}() does not belong into {folder}/" for name in sorted(symbols)
                     if LIBRARIES[folder].match(name)]
    return problems


def symbols_of_worker():
    return check_folder("worker")


def symbols_of_delivery():
    return check_folder("delivery")


def symbols_of_master():
    return check_folder("master")


def symbols_of_control():
    return check_folder("control")


def symbols_of_engine():
    return check_folder("common/smtp")


def identity_is_changed_in_one_place():
    """Only common/confine changes users, groups and capabilities."""
    problems = []
    for folder in sorted({os.path.dirname(path) for path in program_sources()} - {"common/confine"}):
        for path, symbols in undefined_symbols(objects_of(folder)).items():
            problems += [f"{path}: {name}()" for name in sorted(symbols)
                         if name in IDENTITY or name.startswith("capng_")]
    return problems


def private_keys_are_used_in_one_place():
    """Only common/tls/private_key.c, which a process that holds the keys will replace."""
    problems, used = [], []
    for folder in sorted({os.path.dirname(path) for path in program_sources()}):
        for path, symbols in undefined_symbols(objects_of(folder)).items():
            found = [f"{path}: {name}()" for name in sorted(symbols) if PRIVATE_KEY.match(name)]
            if path.endswith("common/tls/private_key.o"):
                used += found
            else:
                problems += found
    return problems if used else [*problems, "common/tls/private_key.o: uses no private key"]


def delivery_has_no_openssl():
    """It is linked with the same libraries, but none is loaded that it does not call."""
    status, lines = make(f"BUILD={BUILD}", "-j2", f"{BUILD}/bin/postern-delivery")
    if status:
        return lines[-3:]
    needed = output_of(["readelf", "-d", f"{BUILD}/bin/postern-delivery"])[1]
    return [f"postern-delivery: {line.strip()}" for line in needed if "libssl" in line or "libcrypto" in line]


def includes():
    """No process folder includes another's headers, and common/ none of theirs."""
    problems = []
    for path in program_sources() + files("*/*.h", "*/*/*.h"):
        own = path.split("/")[0]
        if own not in (*PROCESS_FOLDERS, "common"):
            continue
        for included in INCLUDE.findall(read(path)):
            folder = included.split("/")[0]
            if folder in PROCESS_FOLDERS and folder != own:
                problems.append(f"{path}: includes {included}")
            if not os.path.exists(os.path.join(TOP, included)):
                problems.append(f"{path}: includes {included}, which is not named from the top")
    return problems


CHECKS = [symbols_of_worker, symbols_of_delivery, symbols_of_master, symbols_of_control, symbols_of_engine,
          identity_is_changed_in_one_place, private_keys_are_used_in_one_place, delivery_has_no_openssl, includes]
