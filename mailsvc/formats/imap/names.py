"""Names of mailboxes: modified UTF-7 and UTF-8 on the wire, ``str`` in NFC everywhere else (RFC 3501 5.1, RFC 6855 3, RFC 9051 5.1).

Modified UTF-7 is read strictly: each name has exactly one spelling, so ``encode_utf7(decode_utf7(x)) == x`` for whatever is accepted.
Names may hold whatever a file system would hate (``..``, ``\\``, ``CON``), since none becomes a file name; they may not hold control
characters, empty components or more than 1,000 octets (RFC 5198 and RFC 9051 5.1; LIST wildcards are allowed but cannot be typed in a
pattern).
"""

import binascii
import re
import unicodedata

from mailsvc.formats.imap.cursor import Cursor
from mailsvc.formats.imap.errors import BadName, TooLong

__all__ = [
    "DELIMITER",
    "INBOX",
    "canonical",
    "check_new",
    "decode_name",
    "decode_utf7",
    "encode_name",
    "encode_utf7",
    "mailbox",
    "parents",
]

INBOX = "INBOX"
DELIMITER = "/"
MAX_OCTETS = 1000
MAX_LEVELS = 64
MAX_SPELLED = 10_000
"""Octets of what a client may send as a name or pattern: four times what any name needs in modified UTF-7. Normalisation takes quadratic
time where accents are piled up."""

# RFC 3501 5.1.3: 0x20-0x25 and 0x27-0x7e stand for themselves.
_SPECIAL = re.compile(r"&|[^\x20-\x7e]+")
_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")
_DIRECT = re.compile(rb"[\x20-\x25\x27-\x7e]*")
_NEVER = {"Cc", "Cs", "Zl", "Zp"}  # controls, surrogates, line and paragraph separators


def encode_utf7(name: str) -> bytes:
    """Modified UTF-7 of any text without lone surrogates (RFC 3501 5.1.3)."""
    return _SPECIAL.sub(_shift, name).encode("ascii")


def _shift(found: re.Match[str]) -> str:
    if found[0] == "&":
        return "&-"
    coded = binascii.b2a_base64(found[0].encode("utf-16-be"), newline=False).decode("ascii")
    return "&" + coded.rstrip("=").replace("/", ",") + "-"


def decode_utf7(name: bytes) -> str:
    """The text of modified UTF-7. Raises BadName for everything that :func:`encode_utf7` would not have written."""
    pieces = []
    at = 0
    while at < len(name):
        direct = _DIRECT.match(name, at)
        assert direct is not None
        pieces.append(direct[0].decode("ascii"))
        at = direct.end()
        if at < len(name):
            shifted = _SHIFTED.match(name, at)
            if shifted is None:
                raise BadName("Mailbox name is not modified UTF-7")
            pieces.append(_unshift(shifted[1]))
            at = shifted.end()
    text = "".join(pieces)
    # One spelling only: no superfluous shifts, no printable ASCII in base64, no bits left over.
    if encode_utf7(text) != name:
        raise BadName("Mailbox name is not in the one correct form of modified UTF-7")
    return text


def _unshift(coded: bytes) -> str:
    if not coded:
        return "&"
    try:
        octets = binascii.a2b_base64(coded.replace(b",", b"/") + b"=" * (-len(coded) % 4))
        return octets.decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        raise BadName("Mailbox name is not modified UTF-7") from None


def encode_name(name: str, utf8: bool = False) -> bytes:
    """A mailbox name as the session writes it, before quoting (see :func:`mailsvc.formats.imap.strings.mailbox`)."""
    return name.encode("utf-8") if utf8 else encode_utf7(name)


def decode_name(name: bytes, utf8: bool = False) -> str:
    """A mailbox name, reference or pattern as the session reads it, in canonical form. Raises BadName, TooLong."""
    if len(name) > MAX_SPELLED:
        raise TooLong(f"Mailbox name or pattern of more than {MAX_SPELLED} octets")
    if not utf8:
        return canonical(decode_utf7(name))
    try:
        return canonical(name.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadName("Mailbox name is not UTF-8") from None


def canonical(name: str) -> str:
    """NFC, INBOX in capitals, also as the first component (RFC 3501 5.1: case-insensitive), no component in modified UTF-7 again."""
    if "&" in name:
        name = DELIMITER.join(map(_meant, name.split(DELIMITER)))
    name = unicodedata.normalize("NFC", name)
    head, slash, rest = name.partition(DELIMITER)
    return INBOX + slash + rest if head.upper() == INBOX and head.isascii() else name


def _meant(component: str) -> str:
    """What somebody meant who wrote modified UTF-7 where UTF-8 was agreed on.

    Thunderbird (153) does so for a mailbox that is made before it has logged in once, although its session has ENABLEd UTF8=ACCEPT by then;
    it would show 仕事, and everybody else ``&TtVOiw-``. Text that is ASCII or no correct modified UTF-7 stays.
    """
    try:
        meant = decode_utf7(component.encode("ascii"))
    except (UnicodeEncodeError, BadName):
        return component
    return component if meant.isascii() else meant


def mailbox(cursor: Cursor) -> str:
    """mailbox = "INBOX" / astring."""
    return decode_name(cursor.astring("a mailbox name"), cursor.utf8)


def check_new(name: str) -> str:
    """A name for CREATE or RENAME: canonical, without a final delimiter (RFC 3501 6.3.3: it only announces children). Raises BadName."""
    name = canonical(name).removesuffix(DELIMITER)
    if not name or "" in name.split(DELIMITER):
        raise BadName("Mailbox name has an empty component")
    if len(name.encode("utf-8", "surrogatepass")) > MAX_OCTETS or name.count(DELIMITER) >= MAX_LEVELS:
        raise BadName("Mailbox name is too long")
    if any(unicodedata.category(char) in _NEVER for char in name):
        raise BadName("Mailbox name has control characters")
    return name


def parents(name: str) -> list[str]:
    """The superior names, outermost first: of ``a/b/c`` ``["a", "a/b"]`` (RFC 3501 6.3.3: CREATE makes them)."""
    parts = name.split(DELIMITER)
    return [DELIMITER.join(parts[:count]) for count in range(1, len(parts))]
