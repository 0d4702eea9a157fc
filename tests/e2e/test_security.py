"""Past holes of other mail servers: addresses that meant something to a shell, a template, a table or a
file name, and mail that was lost or told apart badly.  SECURITY-ROWS.txt lists them all, and which of
them wait for a part of this program that is not there yet."""

import os
import re
import threading

from harness import processes, trial
from harness.session import wire
from harness.trial import test

ROWS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "SECURITY-ROWS.txt")
STATES = ("tested", "elsewhere", "absent")
FREE = {"errors": 0, "unknown-commands": 0, "idle-commands": 0}
SHELL = (b";{}", b"|{}", b"&{}", b"&&{}", b"`{}`", b"$({})", b"${IFS}{}", b"';{};'", b'";{};"', b">{}", b"<{}", b"-o{}", b"--help;{}",
         b"\n{}", b"\r{}", b"a\0{}", b"#{}", b"*", b"?", b"~", b"!{}", b"() { :;};{}", b"$IFS$9{}", b"%0a{}", b"for i in 0 1;do {};done",
         b";for(;;){}", b"i;{};exit 0", b"\\`{}\\`", b"{}\t", b"|/bin/sh -c {}", b":include:{}", b"/{}", b"\xff{}", b"\xc2\xa0{}")


def quoted(value):
    return b'"' + re.sub(rb'([\\"])', rb"\\\1", value) + b'"'


def paths_below(folder, mail_root):
    """All files, and the folders that are no mailboxes, which may be made meanwhile."""
    return {os.path.join(parent, name) for parent, folders, names in os.walk(folder)
            for name in names + [name for name in folders if not parent.startswith(mail_root)]}


def try_transaction(client, sender, recipient):
    """Delivers it if both are taken, else resets; whether it was stored."""
    utf8 = b" SMTPUTF8"
    taken = client.command(b"MAIL FROM:<" + sender + b">" + utf8).code == 250
    if not taken:
        client.expect("MAIL FROM:<a@client.example> SMTPUTF8", 250)
    if client.command(b"RCPT TO:<" + recipient + b">").code != 250:
        client.expect("RSET", 250)
        return False
    client.expect("DATA", 354)
    client.send(b"x\r\n.\r\n")
    reply = client.reply()
    if reply.code != 250:
        raise AssertionError(f"{sender!r} to {recipient!r}: {reply}")
    return True


@test(covers="A-07 C-19 security.md:shell-characters security.md:newline-in-address")
def shell_characters(t):
    """CVE-2020-7247: no byte of an address reaches a shell. No process is started, no file is made but the
    messages; what holds a line end or a NUL is in no transaction at all."""
    canary = t.path("canary")
    with t.daemon(aliases=["@example.net: bob"], limits=FREE) as daemon:
        daemon.send(["bob@example.org", "bob@example.net"])
        before, family = paths_below(t.folder, daemon.mail_root), sorted(processes.descendants(daemon.pid()))
        stored = 0
        for pattern in SHELL:
            for command in (b"touch " + canary.encode(), b"touch${IFS}" + canary.encode()):
                value = pattern.replace(b"{}", command)
                for local in (value, quoted(value)):
                    with daemon.greeted() as client:
                        was_stored = try_lines(client, local)
                    broken = re.search(rb"[\r\n\0]", value)
                    t.check(not (was_stored and broken), f"{local!r} was taken")
                    stored += was_stored
        t.check(stored > 30, f"only {stored} were stored")
        made = paths_below(t.folder, daemon.mail_root) - before
        new = daemon.mail().folder("bob@example.net") + "/new/"
        t.equal([path for path in made if not path.startswith(new)], [], "what was made elsewhere")
        t.equal(len(made), stored, "messages")
        t.check(not os.path.exists(canary), "the canary")
        t.equal(sorted(processes.descendants(daemon.pid())), family, "processes")


def try_lines(client, local):
    """As sender and as recipient; a line end within it makes other lines of it, none of which is a whole
    transaction."""
    if re.search(rb"[\r\n]", local):
        client.send(b"MAIL FROM:<" + local + b"@client.example>\r\nRCPT TO:<" + local + b"@example.net>\r\nDATA\r\n")
        codes = [client.reply().code for _ in range(3)]
        return 354 in codes
    return try_transaction(client, local + b"@client.example", local + b"@example.net")


TEMPLATES = ("%d", "%u", "%%", "%n", "%s%n", "%{domain}", "${HOME}", "$HOME", "${run{/bin/true}}", "$(id)", "{d}", "%25", "%2F", "%2e%2e",
             "%2E", "~", "~root", "$${x}", "=?utf-8?q?x?=", "__proto__", "constructor", "nan", "-", "--", "-rf")


@test(covers="A-05 A-07 security.md:expansion")
def nothing_is_expanded_twice(t):
    """CVE-2019-10149: %d and %u of delivery.maildir are replaced once; what stands in a name stays a name,
    and two names are never one folder."""
    written = [f'"{name}"' if "(" in name else name for name in TEMPLATES]
    with t.daemon(mailboxes=["alice", *written], domains=["example.org"], limits=FREE) as daemon:
        with daemon.greeted() as client:
            for number, name in enumerate(written):
                body = f"Subject: {number}\n\n{TEMPLATES[number]}\n".encode()
                t.equal(client.deliver(f"{name}@client.example", [f"{name}@example.org"], body).code, 250, name)
        root = os.path.join(daemon.mail_root, "example.org")
        everybody = len(TEMPLATES) + 2  # alice and postmaster
        processes.wait_until(lambda: len(os.listdir(root)) >= everybody, 20, "all mailboxes")
        t.equal((len(os.listdir(root)), sorted(os.listdir(daemon.mail_root))),
                (everybody, [".postern", "example.org"]), "folders")
        for path in daemon.mail().all_files("new"):
            with open(path, "rb") as file:
                number, name = re.search(rb"Subject: (\d+)\n\n(.*)\n$", file.read()).groups()
            wanted = TEMPLATES[int(number)].lower().replace("%", "%25").replace("/", "%2F")
            t.equal((path.split("/")[-3], name.decode()), (wanted, TEMPLATES[int(number)]), "the folder")


@test(covers="A-13 A-07 C-12 security.md:envelope-records", timeout=120)
def each_byte_of_an_envelope(t):
    """21Nails, CVE-2020-28015 and others: the envelope passes from process to process with its lengths, and
    no byte ends one value and begins another. Each byte that is taken comes out in its own place."""
    with t.daemon(aliases=["@example.net: bob"], limits=FREE) as daemon, daemon.greeted() as client:
        wanted = []
        for byte in range(256):
            for value in (b"a" + bytes([byte]) + b"b", b"a\\" + bytes([byte]) + b"b"):
                if byte in (10, 13):
                    continue
                local = b'"' + value + b'"'
                if client.command(b"MAIL FROM:<" + local + b"@client.example> SMTPUTF8").code != 250:
                    continue
                if client.command(b"RCPT TO:<" + local + b"@example.net>").code != 250:
                    client.expect("RSET", 250)
                    continue
                client.expect("DATA", 354)
                client.send(b"x\r\n.\r\n")
                t.equal(client.reply().code, 250, repr(local))
                wanted.append(local)
        t.check(len(wanted) > 150, f"only {len(wanted)} were taken")
        found = daemon.mail().messages("bob@example.net")
        t.equal(sorted(message.header("Return-Path").encode("latin-1") for message in found),
                sorted(b"<" + local + b"@client.example>" for local in wanted), "senders")
        t.equal(sorted(message.header("X-Original-To").encode("latin-1") for message in found),
                sorted(local + b"@example.net" for local in wanted), "recipients")
        t.equal({message.body for message in found}, {b"x\n"}, "bodies")


@test(covers="A-07 C-12 security.md:envelope-records")
def longest_envelope(t):
    """The longest values that are taken come out whole; longer ones are refused, never cut."""
    local, domain = b"l" * 64, b".".join([b"d" * 63] * 3) + b"." + b"e" * 55 + b".example"
    with t.daemon(aliases=["@example.net: bob"], limits=FREE | {"command-line": 4096}) as daemon, daemon.greeted() as client:
        taken = []
        for extra in range(-3, 400, 7):
            sender = local + b"@" + domain[:max(1, len(domain) + extra)] + b"x" * max(0, extra)
            recipient = b"r" * (64 + extra) + b"@example.net"
            if client.command(b"MAIL FROM:<" + sender + b">").code != 250:
                client.expect("MAIL FROM:<a@client.example>", 250)
                sender = b"a@client.example"
            if client.command(b"RCPT TO:<" + recipient + b">").code != 250:
                client.expect("RSET", 250)
                continue
            client.expect("DATA", 354)
            client.send(b"x\r\n.\r\n")
            t.equal(client.reply().code, 250, "the reply")
            taken.append((b"<" + sender + b">", recipient))
        found = [(message.header("Return-Path").encode(), message.header("X-Original-To").encode())
                 for message in daemon.mail().messages("bob@example.net")]
        t.equal(sorted(found), sorted(taken), "envelopes")
        t.check(taken, "some were taken")


@test(covers="A-13 A-16 security.md:name-collision", timeout=120)
def no_two_messages_have_one_name(t):
    """Many messages to one mailbox within the same moment, in one stream and from many clients at once."""
    clients, each = 20, 25
    with t.daemon(limits={"sessions-per-address": 0}) as daemon:
        def send(number):
            with daemon.greeted() as client:
                client.send(b"".join(b"MAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n%d-%d\r\n.\r\n"
                                     % (number, index) for index in range(each)))
                for _ in range(each):
                    codes.extend(client.reply().code for _ in range(4))
        codes = []
        threads = [threading.Thread(target=send, args=(number,), daemon=True) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        t.equal((codes.count(250), codes.count(354)), (3 * clients * each, clients * each), "replies")
        t.equal(sorted(daemon.mail().bodies("alice@example.org")),
                sorted(b"%d-%d\n" % (number, index) for number in range(clients) for index in range(each)), "messages")


@test(covers="A-13 security.md:accept-before-write")
def nothing_is_accepted_before_it_is_written(t):
    """At each 250 the file is there; where it cannot be written there is no 250, and nothing comes later."""
    with t.daemon() as daemon:
        daemon.send()
        folder = os.path.join(daemon.mail().folder("alice@example.org"), "new")
        with daemon.greeted() as client:
            for number in range(20):
                os.chmod(folder, 0o500 if number % 3 == 2 else 0o700)
                reply = client.deliver("a@client.example", ["alice@example.org"], b"message %d\n" % number)
                bodies = daemon.mail().bodies("alice@example.org")
                t.equal(reply.code, 451 if number % 3 == 2 else 250, f"the reply to {number}")
                t.equal(b"message %d\n" % number in bodies, number % 3 != 2, f"message {number} among {bodies}")
        os.chmod(folder, 0o700)
        daemon.send()
        t.equal(len(daemon.mail().files("alice@example.org")), 2 + 20 - 20 // 3, "messages")


FROM_LINES = (b"From alice Thu Jan  1 00:00:00 1970\n\nx\n", b"From: a@b\nFrom someone\nSubject: x\n\nFrom here on\n>From there\n",
              b"\nFrom me\n\nFrom you\n", b"Return-Path: <forged@client.example>\nDelivered-To: forged@example.org\nFrom \n\n\nFrom \n", b"From")


@test(covers="A-10 C-10 C-12 security.md:from-line")
def lines_that_begin_with_from(t):
    """A Maildir knows no From line: none is written, and those that are sent stay as they are."""
    with t.daemon() as daemon:
        for body in FROM_LINES:
            daemon.send(body=body if body.endswith(b"\n") else body + b"\n", sender="From@client.example")
        found = daemon.mail().messages("alice@example.org")
        t.equal(sorted(message.body for message in found), sorted(body.rstrip(b"\n") + b"\n" if body == b"From" else body
                                                                   for body in FROM_LINES), "messages")
        for message in found:
            t.check(message.bytes.startswith(b"Return-Path: <From@client.example>\n"), f"the first line of {message.bytes!r}")
        with daemon.greeted() as client:
            content = wire(b"From x\n")
            client.begin_data("a@client.example", ["bob@example.org"])
            client.send(content + b".\r\n")
            t.equal(client.reply().code, 250, "the reply")
        t.equal(daemon.mail().bodies("bob@example.org"), [b"From x\n"], "the message of bob")


# What the recipient is, and whom it is for: nobody, or the catch-all that knows every name of example.net.
TWO_ATS = ((b"alice@example.org@elsewhere.example", None), (b"alice@elsewhere.example@example.net", None),
           (b"a@@example.net", None), (b"@example.net@example.net", None), (b'"alice@elsewhere.example"@example.net', True),
           (b'"alice@example.org"@elsewhere.example', None), (b'"a\\"@elsewhere.example"@example.net', True),
           (b'"a"@elsewhere.example"@example.net', None), (b"a%example.net@elsewhere.example", None), (b"a@b%example.net", None),
           (b"alice\\@example.org@example.net", None), (b"alice@example.net\0@elsewhere.example", None),
           (b"alice@elsewhere.example,bob@example.net", None), (b"alice@elsewhere.example bob@example.net", None),
           (b"<alice@elsewhere.example>@example.net", None), (b"alice@example.net:elsewhere.example", None),
           (b"alice@[example.net]", None), (b"@elsewhere.example:zoe@example.net", True), (b"@example.net:alice@elsewhere.example", None))


@test(covers="A-04 A-07 C-19 security.md:two-ats")
def two_ats(t):
    """The domain is what stands behind the last @ that is not quoted; nothing else decides whose mail it is."""
    with t.daemon(aliases=["@example.net: bob"], limits=FREE) as daemon, daemon.greeted() as client:
        for address, is_ours in TWO_ATS:
            stored = try_transaction(client, b"a@client.example", address)
            t.equal(stored, bool(is_ours), f"{address!r} was taken")
            t.equal(len(daemon.mail().files("bob@example.net")), int(stored), f"the mail of {address!r}")
            t.equal(len(daemon.mail().all_files("new")), int(stored), f"all mail of {address!r}")
            daemon.mail().empty()


# ---- the table


def rows():
    """(section, name, state, reason) of each row."""
    section = None
    with open(ROWS, encoding="utf-8") as file:
        for line in file:
            if line.startswith("[") and line.endswith("]\n"):
                section = line[1:-2]
            elif line.strip() and not line.startswith("#"):
                name, state, *reason = line.split(None, 2)
                yield section, name, state, "".join(reason).strip()


LISTED = list(rows())  # read at once: an ordinary user may not reach the file


@test(covers="security.md:rows")
def every_row_has_its_test(t):
    """A row is covered by a test that names it, or the table says why it cannot be yet: one of both."""
    covered = {word.removeprefix("security.md:") for one in trial.TESTS for word in one.covers.split()
               if word.startswith("security.md:")}
    listed = LISTED
    t.check(len(listed) >= 23, f"the table was read: {len(listed)} rows")
    t.equal(len({name for _, name, _, _ in listed}), len(listed), "different names")
    for section, name, state, reason in listed:
        found = any(word == name or (name.endswith("*") and word.startswith(name[:-1])) for word in covered)
        t.check(section and state in STATES, f"a state of {name}: {state}")
        t.check(state != "tested" or found, f"{name} ({section}): no test covers security.md:{name}")
        t.check(state != "absent" or (reason and not found), f"{name} ({section}): a reason, and no test: {reason!r}")
        t.check(state != "elsewhere" or reason, f"{name} ({section}): where")
