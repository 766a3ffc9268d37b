"""The search keys as tests: a table from the key's type to what makes its test (RFC 3501 6.4.4, RFC 5032, RFC 7162 3.1.5).

A test takes many messages at once, as columns (:class:`~mailsvc.imap.rows.Rows`), and, if they were opened, what is in each. For each it
says True, False, or None: not known before the message is opened further. Days of internal dates are days in UTC, in which INTERNALDATE is
shown.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mailsvc.formats.imap import search as keys
from mailsvc.formats.imap.search import Key
from mailsvc.formats.mime.text import fold
from mailsvc.imap.rows import Rows
from mailsvc.imap.search.opened import Opened

if TYPE_CHECKING:
    from mailsvc.imap.selection import Selection

__all__ = ["TESTS", "Test", "Verdicts", "compile_key", "tests_of"]

Verdicts = list[bool | None]

Test = Callable[[Rows, Sequence[Opened] | None], Verdicts]

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
    return lambda rows, opened: [True] * len(rows)


def _and(key: keys.And, selection: "Selection", now: int) -> Test:
    return _every([compile_key(each, selection, now) for each in key.keys])


def _or(key: keys.Or, selection: "Selection", now: int) -> Test:
    return _opposite(_every([_opposite(compile_key(each, selection, now)) for each in key.keys]))


def _not(key: keys.Not, selection: "Selection", now: int) -> Test:
    return _opposite(compile_key(key.key, selection, now))


def _opposite(inner: Test) -> Test:
    return lambda rows, opened: [None if verdict is None else not verdict for verdict in inner(rows, opened)]


def _every(tests: Sequence[Test]) -> Test:
    """Whether all of them say yes; what one has refused, the next is not asked about."""

    def test(rows: Rows, opened: Sequence[Opened] | None) -> Verdicts:
        verdicts: Verdicts = [True] * len(rows)
        for each in tests:
            left = [at for at, verdict in enumerate(verdicts) if verdict is not False]
            more = each(rows.at(left), opened and [opened[at] for at in left])
            for at, verdict in zip(left, more, strict=True):
                verdicts[at] = verdict if verdicts[at] else verdict and None
        return verdicts

    return test


# --- what the view's arrays tell ---


def _flagged(key: keys.Flagged, selection: "Selection", now: int) -> Test:
    bit = selection.names.bits(key.flag)
    if key.present:
        return lambda rows, opened: [flags & bit != 0 for flags in rows.flags]
    return lambda rows, opened: [not flags & bit for flags in rows.flags]


def _recent(key: keys.Recent, selection: "Selection", now: int) -> Test:
    first = selection.recent
    return lambda rows, opened: [uid >= first for uid in rows.uids]


def _numbers(key: keys.Numbers, selection: "Selection", now: int) -> Test:
    view = selection.view
    if key.uid:
        uids = key.numbers.resolve(view.uid(view.exists) if view.exists else 0)
        return lambda rows, opened: [uid in uids for uid in rows.uids]
    numbers = key.numbers.resolve(view.exists)
    return lambda rows, opened: [number in numbers for number in rows.numbers]


def _dated(key: keys.Dated, selection: "Selection", now: int) -> Test:
    compare, day = _RELATIONS[key.relation], key.day.toordinal()
    if not key.sent:
        return lambda rows, opened: [compare(date // 86_400 + _EPOCH_DAY, day) for date in rows.dates]

    def sent(opened: Opened) -> bool:
        found = opened.day()
        return found is not None and compare(found.toordinal(), day)

    return _inside(sent)


def _size(key: keys.Size, selection: "Selection", now: int) -> Test:
    octets = key.octets
    if key.larger:
        return lambda rows, opened: [size > octets for size in rows.sizes]
    return lambda rows, opened: [size < octets for size in rows.sizes]


def _within(key: keys.Within, selection: "Selection", now: int) -> Test:
    moment = now - key.seconds
    if key.younger:
        return lambda rows, opened: [date >= moment for date in rows.dates]
    return lambda rows, opened: [date <= moment for date in rows.dates]


def _modseq(key: keys.ModSeq, selection: "Selection", now: int) -> Test:
    least = key.modseq
    return lambda rows, opened: [modseq >= least for modseq in rows.modseqs]


# --- what only the message tells ---


def _inside(test: Callable[[Opened], bool | None]) -> Test:
    return lambda rows, opened: [None] * len(rows) if opened is None else [test(each) for each in opened]


def _header(key: keys.HeaderText, selection: "Selection", now: int) -> Test:
    name, text = key.name, fold(key.text)
    return _inside(lambda opened: opened.contains(name, text))


def _body(key: keys.BodyText, selection: "Selection", now: int) -> Test:
    text, header = fold(key.text), key.header
    return _inside(lambda opened: opened.has_text(text, header))


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
