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
        self.name, self.marks, self.lock = name, {}, threading.Lock()

    def enter(self, recipient_lists, size):
        with self.lock:
            mark = f"ledger-{self.name}-{len(self.marks)}"
            self.marks[mark] = [Message(mark, recipients, size) for recipients in recipient_lists]
        return self.marks[mark]

    def new(self, recipients, size=2000):
        return self.enter([recipients], size)[0]

    def new_each(self, recipients, size=2000):
        """For LMTP: one for each recipient, under one mark."""
        return self.enter([[recipient] for recipient in recipients], size)

    def messages(self):
        with self.lock:
            return [message for messages in self.marks.values() for message in messages]

    def count(self, outcome):
        return sum(1 for message in self.messages() if message.outcome == outcome)

    def summary(self):
        return ", ".join(f"{self.count(outcome)} {outcome}" for outcome in (STORED, REFUSED, UNKNOWN))


# ---- sending


def begin(client, message, sender):
    """The envelope; the reply that refuses it, or None."""
    for command in (f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{recipient}>" for recipient in message.recipients)):
        reply = client.command(command)
        if reply.code != 250:
            client.expect("RSET", 250)
            return reply
    return None


def send_chunks(client, content):
    """Two of them; the reply to the last one that was sent."""
    half = len(content) // 2
    client.send(b"BDAT %d\r\n" % half + content[:half])
    reply = client.reply()
    if reply.code == 250:
        client.send(b"BDAT %d LAST\r\n" % (len(content) - half) + content[half:])
        reply = client.reply()
    elif reply.code != 421:
        client.expect("RSET", 250)
    return reply


def send_data(client, content):
    reply = client.command("DATA")
    if reply.code == 354:
        client.send(wire(content) + b".\r\n")
        reply = client.reply()
    return reply


def transmit(client, message, sender="ledger@client.example", by_chunks=False):
    """One message by SMTP."""
    refusal = begin(client, message, sender)
    if refusal:
        message.answered(refusal)
    elif by_chunks:
        message.answered(send_chunks(client, message.content.replace(b"\n", b"\r\n")))
    else:
        message.answered(send_data(client, message.content))


def transmit_each(client, copies_, sender="ledger@client.example"):
    """One message by LMTP: copies_ are messages of one mark, one for each recipient, and each is answered."""
    envelope = Message(copies_[0].mark, [copy.recipients[0] for copy in copies_], copies_[0].size)
    refusal = begin(client, envelope, sender) or client.command("DATA")
    if refusal.code != 354:
        for copy in copies_:
            copy.answered(refusal)
        return
    client.send(wire(envelope.content) + b".\r\n")
    for copy in copies_:
        copy.answered(client.reply())


def attempt(transmission, client, message, **options):
    """False when the session broke: whether the message was stored is not known."""
    try:
        transmission(client, message, **options)
        return True
    except (OSError, Closed, AssertionError) as error:
        for part in message if isinstance(message, list) else [message]:
            part.text = part.text or repr(error)
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
    here = [mailbox for mailbox in message.recipients if mailbox in found]
    missing = [mailbox for mailbox in message.recipients if mailbox not in found]
    contents = [bytes_ for mailbox in here for bytes_ in found[mailbox]]
    if len(contents) > len(here):
        return "stored more than once"
    if not all(bytes_.endswith(b"\n" + message.content) for bytes_ in contents):
        return "not whole"
    if message.outcome == STORED and missing:
        return f"acknowledged and not in {missing[:3]}"
    if message.outcome == REFUSED and here:
        return f"refused and yet in {here[:3]}"
    if here and missing:
        return f"in {len(here)} of {len(message.recipients)} mailboxes only"
    return None


def strangers(marks, found):
    """Where copies lie that nobody has sent there."""
    for mark, mailboxes in found.items():
        sent = {recipient for message in marks.get(mark, []) for recipient in message.recipients}
        for mailbox in set(mailboxes) - sent:
            yield f"{mark} in {mailbox}, where it was not sent"


def judge(ledger, mail, mailboxes):
    """All that is wrong, a line each: acknowledged ones exactly once and whole in each mailbox, refused
    ones nowhere, the others in all of their mailboxes or in none."""
    found = copies(mail, mailboxes)
    wrong = list(strangers(ledger.marks, found))
    for message in ledger.messages():
        problem = wrong_with(message, found.get(message.mark, {}))
        if problem:
            wrong.append(f"{message.mark} ({message.outcome}: {message.text}) {problem}")
    return wrong
