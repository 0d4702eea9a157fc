"""Reads Maildirs, and takes the lines apart that postern puts in front of a message."""

import os
import re

ADDED = ("Return-Path", "Delivered-To", "X-Original-To", "Received")


class Stored:
    """One file of a Maildir: .added (name, value), .body (what was sent, lines ending in LF)."""

    def __init__(self, path):
        self.path, self.name = path, os.path.basename(path)
        with open(path, "rb") as file:
            self.bytes = file.read()
        self.added, self.body = split_added(self.bytes)

    def header(self, name):
        return next((value for key, value in self.added if key == name), None)


def split_added(content):
    """The four lines in front, unfolded, in their order; then the rest, untouched."""
    added, rest = [], content
    for name in ADDED:
        line = re.match(rb"%s: ((?:.*)(?:\n[ \t].*)*)\n" % name.encode(), rest)
        if not line:
            raise AssertionError(f"{name}: is missing in front of the message: {rest[:200]!r}")
        value = re.sub(rb"\n[ \t]+", b" ", line[1]).decode("latin-1")
        added.append((name, value))
        rest = rest[line.end():]
    return added, rest


class Mailboxes:
    """All mailboxes below the mail root; the mailbox of a user lies in DOMAIN/USER."""

    def __init__(self, root):
        self.root = root

    def folder(self, mailbox):
        local, domain = mailbox.rsplit("@", 1)
        return os.path.join(self.root, domain, local)

    def files(self, mailbox, part="new"):
        folder = os.path.join(self.folder(mailbox), part)
        try:
            return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def messages(self, mailbox):
        return [Stored(path) for path in self.files(mailbox)]

    def bodies(self, mailbox):
        return [message.body for message in self.messages(mailbox)]

    def all_files(self, part):
        found = []
        for folder, _, names in os.walk(self.root):
            if os.path.basename(folder) == part:
                found += [os.path.join(folder, name) for name in names]
        return found

    def empty(self):
        for path in self.all_files("new"):
            os.unlink(path)
