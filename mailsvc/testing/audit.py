"""What is in the mailboxes, compared with what was promised.

::

    queue of the store (first), next hop, mailboxes by POP3 -->  Findings  --+
    Ledger of the correspondents ---------------------------------------------+--> judge --> sentences, none if all is well

In this order: who has left the queue is at the next hop, or in a report to the writer, before he is missed.
"""

import poplib
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import attrs

from mailsvc.core.queued import State
from mailsvc.formats.dsn.read import read
from mailsvc.store.connect import gather, open_store
from mailsvc.testing.correspondents import MARK, Fate, Ledger, Letter, digest
from mailsvc.testing.harness import RunningServer, wait_for

__all__ = ["Findings", "collect", "doubles", "judge", "look_into_queue", "unexplained"]

_ID = re.compile(re.escape(MARK) + rb"(\S+)\r\n")
_REPORT = b"multipart/report"


@attrs.define
class Findings:
    """What was found, over one or more rounds.

    :ivar copies: how often each letter lay in each mailbox, or came to the next hop: (id, address) -> count. :ivar digests: id -> digests
        of what was found. :ivar nameless: messages that are no letter of ours. :ivar moments: when copies came to the next hop.
    :ivar waiting: how often each letter to somebody elsewhere is in the queue now. :ivar reported: of how many its writer was told that it
        failed.
    """

    copies: Counter[tuple[str, str]] = attrs.Factory(Counter)
    digests: dict[str, set[str]] = attrs.Factory(dict)
    nameless: list[str] = attrs.Factory(list)
    moments: dict[tuple[str, str], list[float]] = attrs.Factory(dict)
    waiting: Counter[tuple[str, str]] = attrs.Factory(Counter)
    reported: Counter[tuple[str, str]] = attrs.Factory(Counter)

    def add(self, address: str, message: bytes, moment: float = 0.0) -> None:
        """Enter one message of a mailbox, or one that came to the next hop at this moment."""
        if _REPORT in message[:2000] and (bounce := read(message)) is not None:
            self.reported.update((bounce.status.envelope_id, one.final) for one in bounce.status.recipients)
            return
        match = _ID.search(message)
        if match is None:
            self.nameless.append(f"{address}: {message[:80]!r}")
            return
        name = match[1].decode("ascii")
        self.copies[name, address] += 1
        if moment:
            self.moments.setdefault((name, address), []).append(moment)
        self.digests.setdefault(name, set()).add(digest(message[match.start() :]))


def collect(server: RunningServer, findings: Findings) -> int:
    """Fetch all messages of all accounts by POP3 into ``findings``, and delete them, for the next round. Returns how many."""
    return sum(_empty(server, address, findings) for address in server.accounts)


def look_into_queue(server: RunningServer, findings: Findings) -> int:
    """Enter what is in the queue now; letters are known by their ENVID. Returns how many recipients wait, those held not counted."""
    store = open_store(server.directory / "store")
    try:
        found = gather(store.queue.listing())
    finally:
        store.close()
    findings.waiting = Counter((message.envid, recipient.address) for message, recipient in found)
    return sum(recipient.state is State.WAITING for _, recipient in found)


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


def _places(letter: Letter, address: str, findings: Findings, complete: bool) -> int:
    """In how many places a letter is for somebody elsewhere: at the next hop, reported, waiting. Until all is complete, who was seen
    waiting may have been settled since, or waits for a second copy, because nobody has heard that the first was taken."""
    key = letter.id, address
    settled = (findings.copies[key] > 0) + findings.reported[key]
    return settled + (findings.waiting[key] if complete or not settled else 0)


def judge(ledger: Ledger, findings: Findings, complete: bool = True) -> list[str]:
    """All that is wrong, as sentences.

    :param complete: False while messages may still be on their way: only what was promised is asked for.
    """
    wrong = [f"nobody wrote this: {text}" for text in findings.nameless]
    wrong += [
        f"nobody wrote letter {name} to {address}"
        for name, address in findings.copies | findings.waiting | findings.reported
        if not _is_due(ledger, name, address)
    ]
    for letter in tuple(ledger.letters.values()):
        wrong += _judge_letter(letter, findings, complete)
    return wrong


def _is_due(ledger: Ledger, name: str, address: str) -> bool:
    letter = ledger.letters.get(name)
    return letter is not None and address in (*letter.recipients, *letter.outside)


def unexplained(findings: Findings, kills: Iterable[float], patience: float = 15.0) -> list[str]:
    """Second copies at the next hop that no kill explains: none soon after the first copy was taken, and before the next one came.

    :param kills: when. :param patience: seconds that it may take to write down that a letter was taken.
    """
    moments = tuple(kills)
    return [
        f"letter {name} went to {address} twice without need"
        for (name, address), came in findings.moments.items()
        for first, second in pairwise(came)
        if not any(first - 1 <= kill <= min(second, first + patience) for kill in moments)
    ]


def doubles(findings: Findings) -> int:
    """How many copies too many came to the next hop."""
    return sum(len(came) - 1 for came in findings.moments.values())


def _judge_letter(letter: Letter, findings: Findings, complete: bool) -> list[str]:
    copies = [findings.copies[letter.id, recipient] for recipient in letter.recipients]
    outside = [_places(letter, address, findings, complete) for address in letter.outside]
    wrong = [
        f"letter {letter.id} is in more than one place for {address}: {findings.copies[letter.id, address]} copies, "
        f"{findings.waiting[letter.id, address]} waiting, {findings.reported[letter.id, address]} reports"
        for address, many in zip(letter.outside, outside, strict=True)
        if many > 1
    ]
    copies += [min(many, 1) for many in outside]
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
