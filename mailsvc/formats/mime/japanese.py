"""Japanese text as it is really sent: ISO-2022-JP, Shift_JIS and EUC-JP with everything that their standards leave out.

Python's codecs are strict about JIS X 0208; people send NEC row 13 (①㈱), half-width kana and IBM's kanji in all three encodings. A pair
of octets is a row and a cell of the same table everywhere, so what the codec does not know is moved into Shift_JIS, where cp932 knows it.
Standards: RFC 1468, RFC 1554, ISO 2022, JIS X 0201, JIS X 0208, JIS X 0212, JIS X 0213.
"""

import re

__all__ = ["decode_euc", "decode_iso2022", "decode_shift_jis"]

_HIGH = bytes(octet | 0x80 for octet in range(256))
_PAIR = re.compile(rb"[\x21-\x7e\xa1-\xfe]{2}")
_CONTROLS = re.compile(rb"([\x00-\x20\x7f]+)")
_EUC_PAIRS = re.compile(rb"(?<![\x8e\x8f])((?:[\xa1-\xfe]{2})+)")

# A designation, a shift (JIS X 0202), or the end of a line, where the text is ASCII again (RFC 1468) even if nothing says so.
_SWITCH = re.compile(rb"(\x1b\$\(?[@A-Q]|\x1b[(.][@-Z]|[\x0e\x0f\r\n])")


def _to_cp932(pair: re.Match[bytes]) -> bytes:
    """A pair of JIS octets as the same row and cell of Shift_JIS."""
    row, cell = pair[0][0] & 0x7F, pair[0][1] & 0x7F
    lead = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
    trail = cell + (0x1F if cell < 0x60 else 0x20) if row & 1 else cell + 0x7E
    return bytes((lead, trail))


def _pairs(text: bytes) -> str:
    """JIS X 0208 and its extensions."""
    try:
        return text.translate(_HIGH).decode("euc_jp")
    except UnicodeDecodeError:
        return _PAIR.sub(_to_cp932, text).decode("cp932", "replace")


def _supplement(text: bytes) -> str:
    """JIS X 0212."""
    high = text.translate(_HIGH)
    return b"".join(b"\x8f" + high[at : at + 2] for at in range(0, len(high), 2)).decode("euc_jp", "replace")


def _jis2004(text: bytes) -> str:
    """JIS X 0213, first plane."""
    return text.translate(_HIGH).decode("euc_jis_2004", "replace")


def _gb2312(text: bytes) -> str:
    return text.translate(_HIGH).decode("gb2312", "replace")


def _ksc5601(text: bytes) -> str:
    return text.translate(_HIGH).decode("euc_kr", "replace")


def _kana(text: bytes) -> str:
    """JIS X 0201 kana."""
    return text.translate(_HIGH).decode("cp932", "replace")


def _single(text: bytes) -> str:
    """ASCII; octets above 127 are half-width kana or Shift_JIS that strayed here."""
    return text.decode("cp932", "replace")


_SETS = {
    b"$@": _pairs,
    b"$B": _pairs,
    b"$(@": _pairs,
    b"$(B": _pairs,
    b"$(D": _supplement,
    b"$(O": _jis2004,
    b"$(Q": _jis2004,
    b"$A": _gb2312,
    b"$(A": _gb2312,
    b"$(C": _ksc5601,
    b"(I": _kana,
    b"\x0e": _kana,
}


def decode_iso2022(data: bytes) -> str:
    """ISO-2022-JP and its relatives; never raises. Redundant escapes do nothing, unclosed ones end with the line."""
    read = _single
    pieces = []
    for piece in _SWITCH.split(data):
        if piece.startswith((b"\x1b$", b"\x1b(", b"\x1b.")) or piece in (b"\x0e", b"\x0f"):
            read = _SETS.get(piece.lstrip(b"\x1b"), _single)
        elif piece in (b"\r", b"\n"):
            read = _single
            pieces.append(piece.decode("ascii"))
        elif read is _single:
            pieces.append(_single(piece))
        else:
            # Spaces and controls are themselves in every set.
            pieces += [part.decode("ascii") if part[:1] <= b" " else read(part) for part in _CONTROLS.split(piece)]
    return "".join(pieces)


def decode_shift_jis(data: bytes) -> str:
    """Shift_JIS with the extensions of Windows. Raises UnicodeDecodeError."""
    return data.decode("cp932")


def decode_euc(data: bytes) -> str:
    """EUC-JP with the extensions of Windows. Raises UnicodeDecodeError."""
    try:
        return data.decode("euc_jp")
    except UnicodeDecodeError:
        pieces = _EUC_PAIRS.split(data)
    # Every second piece is a run of pairs.
    pieces[1::2] = [_PAIR.sub(_to_cp932, pairs) for pairs in pieces[1::2]]
    return "".join(piece.decode("cp932" if at % 2 else "euc_jp") for at, piece in enumerate(pieces))
