"""The proof: what the mail server truly took, against all that was committed. Nothing here asks the program."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP

from tests.faults_mail import Accepted
from tests.faults_writers import Committed

MODULE = "Territories"
SHOWN_BY_MODULE = 10
"""So many entries of a module a mail names; it counts them all."""


@dataclass(frozen=True)
class Told:
    """A digest as its reader has it: the transactions it is about (the second bound is not in it), entries of the module, their names."""

    address: str
    first: int
    after: int
    entries: int
    names: frozenset[str]


@dataclass
class Figures:
    """What the proof found, over all recipients."""

    changes: int = 0
    told: int = 0
    missed: int = 0
    twice: int = 0
    digests: int = 0
    resent: int = 0
    altered: int = 0
    named: int = 0
    wrong: int = 0


def read_mail(message_id: str, address: str, content: bytes) -> Told:
    """Return what a mail tells, by its window and its text."""
    mail = BytesParser(policy=SMTP).parsebytes(content)
    assert isinstance(mail, EmailMessage)
    assert str(mail["Message-ID"]) == message_id
    window = re.fullmatch(r"(\d+)\.(\d+)-(\d+)\.(\d+)", str(mail["X-Audit-Window"]))
    assert window, mail["X-Audit-Window"]
    assert window[1] == window[3], "one cluster"
    part = mail.get_body(("plain",))
    assert part is not None
    text = str(part.get_content()).replace("\r\n", "\n")
    # The program itself may have changed a recipient whose mails came back: of no interest here.
    section = re.search(rf"^{MODULE}\n-{{20,}}\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    counted = re.findall(r"\b([\d,]+) (?:created|updated|deleted)", section[1]) if section else []
    return Told(
        address,
        int(window[2]),
        int(window[4]),
        sum(int(number.replace(",", "")) for number in counted),
        frozenset(re.findall(r"“(w\d+x\d+w)”", " ".join(text.split()))),
    )


def prove(
    committed: Iterable[Committed],
    scopes: Mapping[str, str | None],
    accepted: Iterable[Accepted],
    contents: Mapping[str, bytes],
) -> Figures:
    """Compare. *scopes* are the recipients' addresses and accounts; *accepted* all mails taken, *contents* the bytes by Message-ID.

    `missed` counts the changes that a recipient was never told, `twice` those in two different digests of one recipient; `resent` the
    mails taken again, `altered` those of them that were not the same bytes to the same address; `wrong` the digests whose text says
    another number of entries than their window has, names what is not in it, or leaves out what should be there.
    """
    figures, changes = Figures(), sorted(committed, key=lambda change: change.xid)
    copies: dict[str, list[Accepted]] = defaultdict(list)
    for mail in accepted:
        copies[mail.message_id].append(mail)
    digests: dict[str, list[Told]] = defaultdict(list)
    for name, mails in copies.items():
        digests[mails[0].address].append(read_mail(name, mails[0].address, contents[name]))
        figures.resent += len(mails) - 1
        figures.altered += sum((mail.address, mail.digest) != (mails[0].address, mails[0].digest) for mail in mails)
    figures.changes, figures.digests = len(changes), len(copies)
    for address, account in scopes.items():
        mine = [change for change in changes if account in {None, change.account}]
        for change in mine:
            times = sum(told.first <= change.xid < told.after for told in digests[address])
            figures.missed += times == 0
            figures.told += times == 1
            figures.twice += times > 1
        for told in digests[address]:
            inside = {change.name for change in mine if told.first <= change.xid < told.after}
            figures.named += len(told.names & inside)
            shown = min(len(inside), SHOWN_BY_MODULE)
            figures.wrong += told.entries != len(inside) or not told.names <= inside or len(told.names) < shown
    return figures
