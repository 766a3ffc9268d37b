"""Header fields: from the bytes of a header to names and values (RFC 5322 2.2, 3.6).

A header ends at its first empty line and nowhere else. Lines in it that are no fields (``From `` of an mbox, garbage) are passed over and
belong to no field. Lines may end in CRLF or LF. Fields are looked for in the first 256 KiB of a header; what lies beyond is part of the
header's bytes but of nothing that is computed from them.
"""

import re
from collections.abc import Iterable, Iterator

__all__ = ["MAX_HEADER", "Fields", "field_ranges", "unfold"]

MAX_HEADER = 262_144

# field-name = 1*ftext (%d33-57 / %d59-126), obsolete space before the colon (RFC 5322 4.5); a value goes on over lines that begin with WSP.
_FIELD = re.compile(rb"^([!-9;-~]{1,255})[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.M)


class Fields:
    """The fields of one header, by name in lower case, in order of appearance; values raw, as :func:`unfold` takes them."""

    __slots__ = ("_values",)

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        """The header at ``data[start:end]``."""
        end = len(data) if end is None else end
        self._values: dict[bytes, list[bytes]] = {}
        for name, value in _FIELD.findall(data, start, min(end, start + MAX_HEADER)):
            key = name.lower()
            if key in self._values:
                self._values[key].append(value)
            else:
                self._values[key] = [value]

    def __contains__(self, name: bytes) -> bool:
        return name in self._values

    def first(self, name: bytes) -> bytes | None:
        """The unfolded value of the first field of this name (lower case), or None."""
        values = self._values.get(name)
        return unfold(values[0]) if values else None

    def all(self, name: bytes) -> list[bytes]:
        """The unfolded values of all fields of this name."""
        return [unfold(value) for value in self._values.get(name, ())]

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """``(name in lower case, unfolded value)``, grouped by name."""
        for name, values in self._values.items():
            for value in values:
                yield name, unfold(value)


def unfold(value: bytes) -> bytes:
    """A value without line ends and outer space (RFC 5322 2.2.3); lone CRs and NULs go too, no response could carry them well."""
    if b"\n" in value or b"\r" in value or b"\0" in value:
        value = value.translate(None, b"\r\n\0")
    return value.strip(b" \t")


def field_ranges(
    data: bytes, start: int, end: int, names: Iterable[bytes], wanted: bool = True
) -> list[tuple[int, int]]:
    """Where the fields called ``names`` (any case) lie in the header ``data[start:end]``, whole lines, as ``(offset, length)``.

    With ``wanted`` False: where the other fields lie. Neighbours are one range (RFC 3501 6.4.5: HEADER.FIELDS, HEADER.FIELDS.NOT).
    """
    keys = {name.lower() for name in names}
    ranges: list[tuple[int, int]] = []
    for found in _FIELD.finditer(data, start, min(end, start + MAX_HEADER)):
        if (found[1].lower() in keys) is not wanted:
            continue
        first = found.start()
        length = min(found.end() + 1, end) - first  # with its LF
        if ranges and sum(ranges[-1]) == first:
            ranges[-1] = (ranges[-1][0], ranges[-1][1] + length)
        else:
            ranges.append((first, length))
    return ranges
