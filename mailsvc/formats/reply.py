"""SMTP replies: code, enhanced status code, lines of text -> octets (RFC 5321 4.2.1, RFC 2034, RFC 3463)."""

import attrs

__all__ = ["Reply"]

MAX_TEXT = 480
"""Characters of one line; RFC 5321 4.5.3.1.5 allows 512 octets with code and CRLF."""


def _printable(text: str) -> str:
    """One line of ASCII: nothing in a reply may look like a second one, or need SMTPUTF8 to be read."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(c if " " <= c <= "~" else "?" for c in text)
    return text[:MAX_TEXT]


def _readable(text: str) -> str:
    """One line of UTF-8 (RFC 6531 3.7.4.2: only for a client that has said SMTPUTF8)."""
    octets = "".join(c if c.isprintable() else "?" for c in text).encode("utf-8", "replace")
    return octets[:MAX_TEXT].decode("utf-8", "ignore")


@attrs.frozen(init=False)
class Reply:
    """One reply.

    :ivar code: three digits. :ivar enhanced: such as ``"5.7.1"``; ``""`` for the greeting, EHLO and 3xx, which have none (RFC 2034 4).
    :ivar lines: the text, in ASCII unless ``utf8`` is given. :ivar octets: what goes over the wire, rendered once.
    """

    code: int
    enhanced: str
    lines: tuple[str, ...]
    octets: bytes = attrs.field(repr=False, eq=False)

    def __init__(self, code: int, enhanced: str, *lines: str, utf8: bool = False) -> None:
        mark = f"{enhanced} " if enhanced else ""
        texts = [mark + (_readable if utf8 else _printable)(line) for line in lines]
        text = "".join(f"{code}-{line}\r\n" for line in texts[:-1]) + f"{code} {texts[-1]}\r\n"
        self.__attrs_init__(code, enhanced, lines, text.encode("utf-8"))

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code), self.enhanced, *self.lines)))
