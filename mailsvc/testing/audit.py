"""What is in the mailboxes, compared with what was promised.

::

    collect(server)  -- POP3 -->  Findings  --+
    Ledger of the correspondents -------------+--> judge --> sentences, none if all is well
"""

import poplib
import re
from collections import Counter

import attrs

from mailsvc.testing.correspondents import MARK, Fate, Ledger, Letter, digest
from mailsvc.testing.harness import RunningServer, wait_for

__all__ = ["Findings", "collect", "judge"]

_ID = re.compile(re.escape(MARK) + rb"(\S+)\r\n")


@attrs.define
class Findings:
    """What was found, over one or more rounds.

    :ivar copies: how often each letter lay in each mailbox: (id, address) -> count. :ivar digests: id -> digests of what was found.
    :ivar nameless: messages that are no letter of ours.
    """

    copies: Counter[tuple[str, str]] = attrs.Factory(Counter)
    digests: dict[str, set[str]] = attrs.Factory(dict)
    nameless: list[str] = attrs.Factory(list)

    def add(self, address: str, message: bytes) -> None:
        """Enter one message of a mailbox."""
        match = _ID.search(message)
        if match is None:
            self.nameless.append(f"{address}: {message[:80]!r}")
            return
        name = match[1].decode("ascii")
        self.copies[name, address] += 1
        self.digests.setdefault(name, set()).add(digest(message[match.start() :]))


def collect(server: RunningServer, findings: Findings) -> int:
    """Fetch all messages of all accounts by POP3 into ``findings``, and delete them, for the next round. Returns how many."""
    return sum(_empty(server, address, findings) for address in server.accounts)


def _empty(server: RunningServer, address: str, findings: Findings) -> int:
    session = _log_in(server, address)
    count = session.stat()[0]
    for number in range(1, count + 1):
        findings.add(address, b"\r\n".join([*session.retr(number)[1], b""]))
        session.dele(number)
    session.quit()  # only now are they deleted
    return count


def _log_in(server: RunningServer, address: str) -> poplib.POP3:
    """A session; "later" is taken for an answer for some seconds, by a server that has just come back."""
    sessions: list[poplib.POP3] = []

    def attempt() -> bool:
        session = poplib.POP3(server.host, server.ports["pop3"], timeout=60)
        try:
            session.user(address)
            session.pass_(server.accounts[address])
        except poplib.error_proto as error:
            session.close()
            if b"[SYS/TEMP]" in error.args[0]:
                return False
            raise
        sessions.append(session)
        return True

    wait_for(attempt, f"{address} can log in")
    return sessions[0]


def judge(ledger: Ledger, findings: Findings, complete: bool = True) -> list[str]:
    """All that is wrong, as sentences.

    :param complete: False while messages may still be on their way: only what was promised is asked for.
    """
    wrong = [f"nobody wrote this: {text}" for text in findings.nameless]
    wrong += [
        f"nobody wrote letter {name} to {address}"
        for name, address in findings.copies
        if not _is_due(ledger, name, address)
    ]
    for letter in tuple(ledger.letters.values()):
        wrong += _judge_letter(letter, findings, complete)
    return wrong


def _is_due(ledger: Ledger, name: str, address: str) -> bool:
    return name in ledger.letters and address in ledger.letters[name].recipients


def _judge_letter(letter: Letter, findings: Findings, complete: bool) -> list[str]:
    copies = [findings.copies[letter.id, recipient] for recipient in letter.recipients]
    wrong = []
    if letter.fate is Fate.PROMISED and 0 in copies:
        wrong.append(f"letter {letter.id} was promised and is lost: {copies} copies")
    if letter.fate is Fate.DOUBTFUL and complete and len(set(copies)) > 1:
        wrong.append(f"letter {letter.id} came to some of its recipients only: {copies} copies")
    if letter.fate is Fate.UNSENT and any(copies):
        wrong.append(f"letter {letter.id} was never sent to its end and is there: {copies} copies")
    if max(copies) > 1:
        wrong.append(f"letter {letter.id} was doubled: {copies} copies")
    if findings.digests.get(letter.id, {letter.digest}) != {letter.digest}:
        wrong.append(f"letter {letter.id} was changed")
    return wrong
