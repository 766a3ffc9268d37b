"""A report in words: what happened to which address, why, and what to do; Japanese first, then English, for we do not know who reads it.

::

    Matter(told, subject, dates) -> compose -> subject line, text

The words are in :mod:`mailsvc.texts`, the reasons in :mod:`mailsvc.queue.explanations`. What strangers said (their servers' replies, the
subject) is made one line each, cut, and quoted.
"""

import enum
import textwrap
from collections.abc import Iterator
from datetime import datetime

import attrs

from mailsvc.core.reports import Action, Told
from mailsvc.formats.dsn.fields import one_line
from mailsvc.queue.explanations import explain
from mailsvc.queue.wrapping import wrap
from mailsvc.texts import Texts

__all__ = ["LANGUAGES", "Audience", "Matter", "compose"]

LANGUAGES = ("ja", "en")
"""In this order."""

_RULE = "-" * 72
_LONGEST_SUBJECT = 100
_LONGEST_REPLY = 900


class Audience(enum.Enum):
    """Who reads it: how it begins."""

    SENDER = "report.about"
    POSTMASTER = "report.about-report"  # the sender is null
    POSTMASTER_FOR_NOBODY = "report.about-lost"  # the sender is not here any more


@attrs.frozen(kw_only=True)
class Matter:
    """What a report is about.

    :ivar subject: of the message, decoded, ``""`` if it has none. :ivar arrived: seconds since the epoch. :ivar size: octets of it.
    :ivar returned: True: all of it comes back, False: its header, None: nothing. :ivar postmaster: whom to ask for help.
    """

    audience: Audience
    told: tuple[Told, ...]
    sender: str
    subject: str
    arrived: int
    size: int
    returned: bool | None
    postmaster: str


def compose(matter: Matter) -> tuple[str, str]:
    """The subject line and the text."""
    texts = [Texts(language) for language in LANGUAGES]
    subject = " / ".join(one.say(_subject(matter)) for one in texts)
    pieces = ["\n\n".join(_paragraphs(matter, one)) for one in texts]
    return subject, f"\n\n{_RULE}\n\n".join(pieces) + "\n"


def _subject(matter: Matter) -> str:
    if matter.audience is not Audience.SENDER:
        return "report.subject.postmaster"
    actions = {one.action for one in matter.told}
    if Action.FAILED in actions:
        return "report.subject.failed"
    return "report.subject.delayed" if Action.DELAYED in actions else "report.subject.success"


def _paragraphs(matter: Matter, texts: Texts) -> Iterator[str]:
    other = texts.say("report.other-language")
    if other:
        yield other
    yield wrap(_about(matter, texts))
    for action, heading in _HEADINGS.items():
        concerned = [one for one in matter.told if one.action is action]
        if concerned:
            until = moment(texts, max(one.until for one in concerned))
            yield wrap(texts.say(heading, until=until))
            for one in concerned:
                yield "\n".join(_lines(one, matter, texts))
    yield "\n".join(_end(matter, texts))


_HEADINGS = {
    Action.FAILED: "report.failed",
    Action.DELAYED: "report.delayed",
    Action.DELIVERED: "report.delivered",
    Action.RELAYED: "report.relayed",
    Action.EXPANDED: "report.expanded",
}


def _about(matter: Matter, texts: Texts) -> str:
    subject = textwrap.shorten(one_line(matter.subject), _LONGEST_SUBJECT, placeholder=" ...")
    key = matter.audience.value
    if matter.audience is Audience.SENDER and not subject:
        key = "report.about-untitled"
    return texts.say(key, subject=subject, date=moment(texts, matter.arrived), sender=matter.sender)


def _lines(one: Told, matter: Matter, texts: Texts) -> Iterator[str]:
    """About one recipient."""
    yield f"  {one_line(one.address)}"
    original = one_line(one.orcpt.partition(";")[2])
    if original and original.lower() != one.address.lower():
        yield f"    {texts.say('report.original', address=original)}"
    if one.action is Action.FAILED and one.status.startswith("4."):
        yield wrap(texts.say("report.tried", date=moment(texts, matter.arrived)), "    ")
    reason = explain(one, matter.size)
    if reason is not None:
        yield wrap(texts.tell(reason), "    ")
    if one.action in (Action.FAILED, Action.DELAYED):
        yield from _quoted(one, texts)


def _quoted(one: Told, texts: Texts) -> Iterator[str]:
    reply = one_line(one.reply)
    if reply:
        yield f"    {texts.say(_who(one), host=one_line(one.host))}"
        yield wrap(reply[:_LONGEST_REPLY], "      ")


def _who(one: Told) -> str:
    """Whose words they are: of what never answered we say so ourselves."""
    if one.answered:
        return "report.remote"
    return "report.ours-of" if one.host else "report.ours"


def _end(matter: Matter, texts: Texts) -> Iterator[str]:
    if matter.returned is not None:
        yield texts.say("report.returned-all" if matter.returned else "report.returned-header")
    if matter.audience is Audience.SENDER:
        yield texts.say("report.help", postmaster=matter.postmaster)


def moment(texts: Texts, seconds: int) -> str:
    """A time in the local zone, as one writes it in this language."""
    local = datetime.fromtimestamp(seconds).astimezone()
    return texts.say(
        "report.date",
        year=local.year,
        month=texts.say("report.months").split()[local.month - 1],
        day=local.day,
        weekday=texts.say("report.weekdays").split()[local.weekday()],
        time=f"{local:%H:%M}",
        zone=f"{local:%z}",
    )
