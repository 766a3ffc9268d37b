"""Dates as IMAP writes them (RFC 3501 9: date, date-time): a day is a ``datetime.date``, a moment is whole seconds since the epoch."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

from mailsvc.formats.imap.cursor import Cursor
from mailsvc.formats.imap.errors import BadSyntax

__all__ = ["MONTHS", "date_time", "day", "internal_date"]

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NUMBER_OF = {name.lower().encode("ascii"): number for number, name in enumerate(MONTHS, 1)}

_DAY = re.compile(rb'("?)([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})\1')
# date-day-fixed is two characters; a lone digit is taken too, as many clients write it.
_MOMENT = re.compile(
    rb'"( ?[0-9]{1,2})-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-5][0-9])"'
)

FIRST, LAST = 0, 253_402_300_799
"""The years 1970 to 9999 in UTC: what a date-time can say of a moment that the store can hold."""


def day(cursor: Cursor) -> date:
    """date = date-text / DQUOTE date-text DQUOTE."""
    found = cursor.expect(_DAY, "a date such as 1-Feb-1994")
    try:
        return date(int(found[4]), _NUMBER_OF[found[3].lower()], int(found[2]))
    except (KeyError, ValueError):
        raise BadSyntax("No such day") from None


def date_time(cursor: Cursor) -> int:
    """date-time, as seconds since the epoch. One that lies before it, or (by its zone) after the year 9999, becomes the nearest moment
    that can be told again: such dates come from damaged messages that people move here, and no message may keep out the others."""
    found = cursor.expect(_MOMENT, 'a date-time such as "17-Jul-1996 02:44:25 -0700"')
    zone = timedelta(hours=int(found[8]), minutes=int(found[9]))
    try:
        moment = datetime(
            int(found[3]),
            _NUMBER_OF[found[2].lower()],
            int(found[1]),
            int(found[4]),
            int(found[5]),
            min(int(found[6]), 59),  # a leap second
            tzinfo=timezone(-zone if found[7] == b"-" else zone),
        )
        return min(max(int(moment.timestamp()), FIRST), LAST)
    except (KeyError, ValueError, OverflowError):
        raise BadSyntax("No such moment") from None


def internal_date(moment: int) -> bytes:
    """INTERNALDATE of seconds since the epoch, quoted, in UTC."""
    # strftime's month names follow the locale.
    when = datetime.fromtimestamp(moment, UTC)
    return (
        f'"{when.day:2d}-{MONTHS[when.month - 1]}-{when.year:04d} {when.hour:02d}:{when.minute:02d}:{when.second:02d} +0000"'
    ).encode("ascii")
