"""The Date field as a day (RFC 5322 3.3, and older and stranger forms)."""

import re
from datetime import date

__all__ = ["sent_day"]

_MONTHS = {
    name: number
    for number, name in enumerate(
        [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"], 1
    )
}
_DAY = rb"(?P<day>[0-9]{1,2})"
_MONTH = rb"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_FORMS = (
    re.compile(_DAY + rb"[ \t-]+" + _MONTH + rb"[ \t,-]+(?P<year>[0-9]{2,4})", re.I),
    # asctime: Mon May 10 11:26:39 2005
    re.compile(_MONTH + rb"[ \t]+" + _DAY + rb",?(?:[ \t]+[0-9:]+)?[ \t]+(?P<year>[0-9]{4})", re.I),
    re.compile(rb"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"),
)


def sent_day(value: bytes) -> date | None:
    """The day in a Date field, as written there: time and zone do not count (RFC 3501 6.4.4). None if there is none."""
    for form in _FORMS:
        found = form.search(value[:200])
        if found is not None:
            return _day(int(found["year"]), found["month"].lower(), int(found["day"]))
    return None


def _day(year: int, month: bytes, day: int) -> date | None:
    if year < 50:  # RFC 5322 4.3
        year += 2000
    elif year < 1000:
        year += 1900
    try:
        return date(year, _MONTHS.get(month) or int(month), day)
    except ValueError:
        return None
