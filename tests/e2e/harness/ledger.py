"""Numbered messages: what each was answered, and afterwards whether that is what lies in the mailboxes."""

import collections
import hashlib
import re
import threading

from .session import Closed, wire

MARK = re.compile(rb"^Subject: (ledger-[0-9a-z]+-\d+)$", re.M)
STORED, REFUSED, UNKNOWN = "stored", "refused", "unknown"
# The service stops: it may have been stored all the same, as ARCHITECTURE.md says.
UNCERTAIN = (421,)


def content_of(mark, size):
    """A body in LF form that no other message has, with dots and without NUL; at least `size` bytes."""
    seed = hashlib.sha256(mark.encode()).hexdigest().encode()
    line = b"." + seed + b"\n"
    return b"Subject: " + mark.encode() + b"\n\n" + line * (size // len(line) + 1)


class Message:
    """One copy for each of its mailboxes, or none for any.  What is answered for each recipient
    (LMTP) is a message for each."""

    def __init__(self, mark, recipients, size):
        self.mark, self.recipients, self.size = mark, tuple(recipients), size
        self.outcome, self.text = UNKNOWN, ""

    @property
    def content(self):
        return content_of(self.mark, self.size)

    def answered(self, reply):
        self.text = reply.text
        if reply.code == 250:
            self.outcome = STORED
        elif reply.code not in UNCERTAIN:
            self.outcome = REFUSED


class Ledger:
    def __init__(self, name):
        self.name, self.messages, self.lock = name, {}, threading.Lock()

    def new(self, recipients, size=2000):
        with self.lock:
            message = Message(f"ledger-{self.name}-{len(self.messages)}", recipients, size)
            self.messages[message.mark] = message
        return message

    def count(self, outcome):
        with self.lock:
            return sum(1 for message in self.messages.values() if message.outcome == outcome)

    def summary(self):
        return ", ".join(f"{self.count(outcome)} {outcome}" for outcome in (STORED, REFUSED, UNKNOWN))


# ---- sending


def transmit(client, message, sender="ledger@client.example", by_chunks=False):
    """One message by SMTP; the reply."""
    client.envelope(sender, message.recipients)
    if by_chunks:
        content = message.content.replace(b"\n", b"\r\n")
        half = len(content) // 2
        client.send(b"BDAT %d\r\n" % half + content[:half])
        reply = client.reply()
        if reply.code == 250:
            client.send(b"BDAT %d LAST\r\n" % (len(content) - half) + content[half:])
            reply = client.reply()
    else:
        client.expect("DATA", 354)
        client.send(wire(message.content) + b".\r\n")
        reply = client.reply()
    message.answered(reply)
    return reply


def attempt(client, message, **options):
    """False when the session broke: whether the message was stored is not known."""
    try:
        transmit(client, message, **options)
        return True
    except (OSError, Closed, AssertionError) as error:
        message.text = message.text or repr(error)
        return False


# ---- counting


def copies(mail, mailboxes):
    """mark -> mailbox -> the copies there, as bytes; what has no mark stands under its path."""
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for mailbox in mailboxes:
        for path in mail.files(mailbox) + mail.files(mailbox, "cur"):
            with open(path, "rb") as file:
                bytes_ = file.read()
            mark = MARK.search(bytes_)
            found[mark[1].decode() if mark else path][mailbox].append(bytes_)
    return found


def wrong_with(message, found):
    """What is wrong with one message, in words; None: nothing.  found: mailbox -> copies."""
    missing = [mailbox for mailbox in message.recipients if mailbox not in found]
    if any(len(here) > 1 for here in found.values()):
        return "stored more than once"
    if set(found) - set(message.recipients):
        return "stored where it does not belong"
    if not all(bytes_.endswith(b"\n" + message.content) for here in found.values() for bytes_ in here):
        return "not whole"
    if message.outcome == STORED and missing:
        return f"acknowledged and not in {missing[:3]}"
    if message.outcome == REFUSED and found:
        return f"refused and yet in {sorted(found)[:3]}"
    if found and missing:
        return f"in {len(found)} of {len(message.recipients)} mailboxes only"
    return None


def judge(ledger, mail, mailboxes):
    """All that is wrong, a line each: acknowledged ones exactly once and whole in each mailbox, refused
    ones nowhere, the others in all of their mailboxes or in none."""
    found = copies(mail, mailboxes)
    wrong = [f"{mark} was never sent" for mark in sorted(set(found) - set(ledger.messages))]
    for mark, message in ledger.messages.items():
        problem = wrong_with(message, found.get(mark, {}))
        if problem:
            wrong.append(f"{mark} ({message.outcome}: {message.text}) {problem}")
    return wrong
