"""The search keys as tests: a table from the key's type to what makes its test (RFC 3501 6.4.4, RFC 5032, RFC 7162 3.1.5).

A test takes a message's :class:`Row` and, if it was opened, what is in it, and says True, False, or None: not known before the message is
opened further. Days of internal dates are days in UTC, in which INTERNALDATE is shown.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mailsvc.formats.imap import search as keys
from mailsvc.formats.imap.search import Key
from mailsvc.formats.mime.text import fold
from mailsvc.imap.search.opened import DATE, FLAGS, MODSEQ, NUMBER, SIZE, UID, Opened, Row

if TYPE_CHECKING:
    from mailsvc.imap.selection import Selection

__all__ = ["TESTS", "Test", "compile_key", "tests_of"]

Test = Callable[[Row, Opened | None], bool | None]

_EPOCH_DAY = 719_163
"""``date(1970, 1, 1).toordinal()``."""

_RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "before": int.__lt__,
    "on": int.__eq__,
    "since": int.__ge__,
}


def compile_key(key: Key, selection: "Selection", now: int) -> Test:
    """The test for a key. ``now``: seconds since the epoch."""
    return TESTS[type(key)](key, selection, now)


def tests_of(key: Key) -> int:
    """How many tests it takes at most."""
    if isinstance(key, keys.And | keys.Or):
        return sum(map(tests_of, key.keys))
    return tests_of(key.key) if isinstance(key, keys.Not) else 1


# --- logic ---


def _all(key: keys.All, selection: "Selection", now: int) -> Test:
    return lambda row, opened: True


def _and(key: keys.And, selection: "Selection", now: int) -> Test:
    tests = [compile_key(each, selection, now) for each in key.keys]

    def test(row: Row, opened: Opened | None) -> bool | None:
        known: bool | None = True
        for each in tests:
            verdict = each(row, opened)
            if verdict is False:
                return False
            known = known and verdict
        return known

    return test


def _or(key: keys.Or, selection: "Selection", now: int) -> Test:
    tests = [compile_key(each, selection, now) for each in key.keys]

    def test(row: Row, opened: Opened | None) -> bool | None:
        known: bool | None = False
        for each in tests:
            verdict = each(row, opened)
            if verdict:
                return True
            known = verdict if verdict is None else known
        return known

    return test


def _not(key: keys.Not, selection: "Selection", now: int) -> Test:
    inner = compile_key(key.key, selection, now)

    def test(row: Row, opened: Opened | None) -> bool | None:
        verdict = inner(row, opened)
        return None if verdict is None else not verdict

    return test


# --- what the view's arrays tell ---


def _flagged(key: keys.Flagged, selection: "Selection", now: int) -> Test:
    bit = selection.names.bits(key.flag)
    if key.present:
        return lambda row, opened: bool(row[FLAGS] & bit)
    return lambda row, opened: not row[FLAGS] & bit


def _recent(key: keys.Recent, selection: "Selection", now: int) -> Test:
    first = selection.recent
    return lambda row, opened: row[UID] >= first


def _numbers(key: keys.Numbers, selection: "Selection", now: int) -> Test:
    view = selection.view
    if key.uid:
        uids = key.numbers.resolve(view.uid(view.exists) if view.exists else 0)
        return lambda row, opened: row[UID] in uids
    numbers = key.numbers.resolve(view.exists)
    return lambda row, opened: row[NUMBER] in numbers


def _dated(key: keys.Dated, selection: "Selection", now: int) -> Test:
    compare, day = _RELATIONS[key.relation], key.day.toordinal()
    if not key.sent:
        return lambda row, opened: compare(row[DATE] // 86_400 + _EPOCH_DAY, day)

    def test(row: Row, opened: Opened | None) -> bool | None:
        found = opened.day() if opened is not None else None
        if found is None:
            return None
        return found[0] is not None and compare(found[0].toordinal(), day)

    return test


def _size(key: keys.Size, selection: "Selection", now: int) -> Test:
    octets = key.octets
    if key.larger:
        return lambda row, opened: row[SIZE] > octets
    return lambda row, opened: row[SIZE] < octets


def _within(key: keys.Within, selection: "Selection", now: int) -> Test:
    moment = now - key.seconds
    if key.younger:
        return lambda row, opened: row[DATE] >= moment
    return lambda row, opened: row[DATE] <= moment


def _modseq(key: keys.ModSeq, selection: "Selection", now: int) -> Test:
    least = key.modseq
    return lambda row, opened: row[MODSEQ] >= least


# --- what only the message tells ---


def _header(key: keys.HeaderText, selection: "Selection", now: int) -> Test:
    name, text = key.name, fold(key.text)
    return lambda row, opened: opened.contains(name, text) if opened is not None else None


def _body(key: keys.BodyText, selection: "Selection", now: int) -> Test:
    text, header = fold(key.text), key.header
    return lambda row, opened: opened.has_text(text, header) if opened is not None else None


TESTS: dict[type, Callable[[Any, "Selection", int], Test]] = {
    keys.All: _all,
    keys.And: _and,
    keys.Or: _or,
    keys.Not: _not,
    keys.Flagged: _flagged,
    keys.Recent: _recent,
    keys.Numbers: _numbers,
    keys.Dated: _dated,
    keys.Size: _size,
    keys.Within: _within,
    keys.ModSeq: _modseq,
    keys.HeaderText: _header,
    keys.BodyText: _body,
}
