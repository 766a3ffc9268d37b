"""SEARCH (RFC 3501 6.4.4), ESEARCH (RFC 4731), WITHIN (RFC 5032), MODSEQ (RFC 7162 3.1.5); the scan is :mod:`mailsvc.imap.search`."""

from collections.abc import Sequence
from itertools import compress

from mailsvc.formats.imap import responses
from mailsvc.formats.imap.codes import Code
from mailsvc.formats.imap.commands import Command
from mailsvc.formats.imap.search import SearchProgram
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.imap.search.scan import Scan
from mailsvc.imap.session import Session
from mailsvc.imap.verbs import SELECTED, Answer, Verb, after_login

__all__ = ["CAPABILITIES", "VERBS"]

CAPABILITIES = after_login("ESEARCH", "WITHIN")


async def _search(session: Session, command: Command) -> Answer:
    (program,) = command.args
    selection = session.selected
    if program.modseq:
        session.enable("CONDSTORE")  # RFC 7162 3.1
    await selection.view.refresh()
    scan = Scan(session.mailboxes, selection, program.key, int(session.factory.clock.seconds()), session.drain)
    numbers: list[int] = []
    modseqs: list[int] = []
    async for rows, passed in scan.found():
        numbers += compress(rows.uids if command.uid else rows.numbers, passed)
        if program.modseq:
            modseqs += compress(rows.modseqs, passed)
    session.send(_results(command, program, numbers, modseqs))
    code = b"" if scan.complete else Code.EXPUNGEISSUED
    return Answer("SEARCH completed", code)


def _results(command: Command, program: SearchProgram, numbers: Sequence[int], modseqs: Sequence[int]) -> bytes:
    if program.returns is None:
        return responses.search(numbers, max(modseqs, default=None))
    modseq = _modseq(program.returns, modseqs)
    return responses.esearch(command.tag, program.returns, NumberSet.ascending(numbers), command.uid, modseq)


def _modseq(returns: Sequence[str], modseqs: Sequence[int]) -> int | None:
    """RFC 4731 3.2: of what is returned, if only MIN or MAX is; else of all that were found."""
    if modseqs and not {"ALL", "COUNT"} & set(returns):
        modseqs = [modseqs[0]] * ("MIN" in returns) + [modseqs[-1]] * ("MAX" in returns)
    return max(modseqs, default=None)


VERBS = (Verb("SEARCH", _search, SELECTED, expunges=False),)
