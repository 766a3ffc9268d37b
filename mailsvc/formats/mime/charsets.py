"""Bytes to text in whatever charset a message names, or ought to have named.

:func:`decode` never raises. It believes a label as long as the bytes allow it; text without label, or with one that lies, is read as what
it must be (ISO-2022-JP has its escapes, UTF-8 cannot be mistaken), then as Shift_JIS or EUC-JP if that gives Japanese, and at last as
windows-1252, in which everything means something.

``iso-8859-1`` and ``us-ascii`` are the labels that lie most, so UTF-8 and ISO-2022-JP are recognized under them (as in WHATWG's Encoding
standard iso-8859-1 is read as windows-1252, gb2312 as gb18030, ks_c_5601-1987 as cp949).
"""

import codecs
import re
from collections.abc import Callable
from encodings import normalize_encoding
from encodings.aliases import aliases
from functools import lru_cache

from mailsvc.formats.mime.japanese import decode_euc, decode_iso2022, decode_shift_jis

__all__ = ["codec_of", "decode"]

_ALIASES = {
    "ansi_x3.110-1983": "cp1252",
    "big5": "cp950",
    "cp50220": "iso2022_jp",
    "cp50221": "iso2022_jp",
    "cp50222": "iso2022_jp",
    "cp51932": "euc_jp",
    "euc-kr": "cp949",
    "eucjp-ms": "euc_jp",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso-8859-1": "cp1252",
    "iso-8859-8-i": "iso8859-8",
    "ks_c_5601-1987": "cp949",
    "shift-jis": "cp932",
    "shift_jis": "cp932",
    "unicode-2-0-utf-7": "utf-7",
    "utf-8mb4": "utf-8",
    "windows-31j": "cp932",
    "windows-874": "cp874",
    "x-euc": "euc_jp",
    "x-euc-jp": "euc_jp",
    "x-gbk": "gb18030",
    "x-sjis": "cp932",
}
_FAMILIES = {"shift_jis": "cp932", "shift_jisx0213": "shift_jis_2004", "iso8859-1": "cp1252", "gb2312": "gb18030"}

# Only these names reach codecs.lookup: it imports modules by name and remembers each name that it did not find, for ever. What Python
# knows beyond them is not text on the wire (idna, punycode, unicode_escape, ...) or has an alias above.
_KNOWN = {*aliases, *aliases.values(), "cp720", "cp737", "cp856", "cp874", "koi8_t", "koi8_u"} - {"mbcs", "oem"}

_JAPANESE: dict[str, Callable[[bytes], str]] = {"cp932": decode_shift_jis, "euc_jp": decode_euc}
_WIDE = {"utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"}
_ESCAPES = re.compile(rb"\x1b(?:\$[@AB(]|\([IJ])")


@lru_cache(maxsize=256)
def codec_of(label: str) -> str | None:
    """The codec for a charset's name, or None if there is none."""
    label = label.strip().lower()
    alias = _ALIASES.get(label)
    if alias:
        return alias
    if normalize_encoding(label) not in _KNOWN:
        return None
    try:
        info = codecs.lookup(label)
    except LookupError:  # an alias of a codec that this platform does not have
        return None
    if not info._is_text_encoding:
        return None
    return "iso2022_jp" if info.name.startswith("iso2022_jp") else _FAMILIES.get(info.name, info.name)


def decode(data: bytes, label: str | None = None) -> str:
    """The text of ``data``; ``label`` is the charset it claims, if any."""
    codec = codec_of(label[:64]) if label else None
    if b"\x1b" in data and _ESCAPES.search(data) and codec not in _WIDE:
        return decode_iso2022(data)
    if codec is None or codec == "ascii":
        return _guess(data)
    if codec == "iso2022_jp":
        return decode_iso2022(data) if data.isascii() else _guess(data)
    if codec == "cp1252":
        return data.decode("utf-8") if _is_utf8(data) else _western(data)
    try:
        text = _JAPANESE[codec](data) if codec in _JAPANESE else data.decode(codec)
    except (UnicodeError, ValueError):
        return _guess(data, codec)
    return _second_thought(data, text) if codec in _JAPANESE else text


def _guess(data: bytes, claimed: str = "") -> str:
    """Text without a label that could be true."""
    if data.isascii():
        return data.decode("ascii")
    if _is_utf8(data):
        return data.decode("utf-8")
    best = max(_japanese_readings(data), key=_japanese_score, default="")
    if _looks_japanese(best):
        return best
    # What the label says, with marks where it is wrong, is still better than anything else.
    return data.decode(claimed, "replace") if claimed else _western(data)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _western(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


# --- is it Japanese? ---

_KANA = re.compile("[\u3001\u3002\u300c\u300d\u3041-\u3093\u30a1-\u30f6\u30fc]")
_KANJI = re.compile("[\u4e00-\u9fff]")
_ODD = re.compile("[\uff61-\uff9f\ue000-\uf8ff\x80-\x9f]")
_WORDS = re.compile(r"\w")


def _japanese_readings(data: bytes) -> list[str]:
    readings = []
    for read in _JAPANESE.values():
        try:
            readings.append(read(data))
        except UnicodeDecodeError:
            continue
    return readings


def _japanese_score(text: str) -> int:
    """Full-width kana hardly come by chance; half-width kana and private characters are what a wrong reading is full of."""
    text = text[:4096]
    return 3 * len(_KANA.findall(text)) + len(_KANJI.findall(text)) - 2 * len(_ODD.findall(text))


def _looks_japanese(text: str) -> bool:
    """Whether a reading that was tried without being told may be believed: kana in it, or hardly anything but kanji."""
    sample = text[:4096]
    if _japanese_score(sample) <= 0:
        return False
    return bool(_KANA.search(sample)) or 2 * len(_KANJI.findall(sample)) >= len(_WORDS.findall(sample))


def _second_thought(data: bytes, text: str) -> str:
    """``text`` fits its Japanese label; but if that gives no kana and another encoding does, the label lied."""
    if data.isascii() or _KANA.search(text):
        return text
    if _is_utf8(data):
        return data.decode("utf-8")
    best = max(_japanese_readings(data), key=_japanese_score)
    return best if _KANA.search(best) and _japanese_score(best) > _japanese_score(text) else text
