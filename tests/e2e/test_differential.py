"""The same dialogues with postern and with Postfix: where they differ, the reason is written down."""

import os

from harness import comparison
from harness.postfix import Postfix
from harness.trial import test

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "differential")
MAILBOXES = ("alice", "bob", "jürgen")
SIZE, RECIPIENTS, LINE = 65536, 100, 2048
# Received fields of a message that does not loop yet; Postfix counts its own as well, and refuses the limit itself.
HOPS = 50
POSTFIX_PORT = 2525


@test(covers="A-07 B-43 C-14 C-19 C-32 D-07", timeout=120, root=True)
def postfix(t):
    """Of each reply its class, and whether the connection stays open."""
    dialogues = comparison.load_dialogues(FOLDER)
    differences = comparison.load_differences(FOLDER)
    other = Postfix(t, "postfix", POSTFIX_PORT, [*MAILBOXES, "postmaster"], smtputf8_enable="yes",
                    message_size_limit=SIZE, smtpd_recipient_limit=RECIPIENTS, line_length_limit=LINE,
                    hopcount_limit=HOPS + 2, smtpd_delay_reject="no",
                    smtpd_helo_restrictions="reject_invalid_helo_hostname", smtpd_forbid_bare_newline="reject")
    limits = {"message-size": SIZE, "recipients": RECIPIENTS, "command-line": LINE, "errors": 0,
              "unknown-commands": 0, "sessions-per-address": 0}
    with t.daemon(mailboxes=MAILBOXES, limits=limits) as daemon, other:
        rows = comparison.play_all(dialogues, (daemon, other))
        other.require_clean_log()
    found = comparison.unexpected(rows, differences)
    t.check(not found, f"{len(found)} of {len(rows)} dialogues differ (postern, Postfix):\n" + "\n".join(found))
