"""What can be wrong with a command, as the words of its tagged answer."""

__all__ = ["BadCharset", "BadName", "BadSyntax", "TooLong"]


class BadSyntax(Exception):
    """A command that cannot be carried out as written. The only exception that parsing raises.

    :ivar status: ``"BAD"`` or ``"NO"``, for the tagged response. :ivar code: response code without brackets, or ``""``.
    :ivar text: the reason, ASCII, for people. :ivar tag: the tag to answer with; ``"*"`` if the client sent none.
    """

    status = "BAD"
    code = ""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
        self.tag = "*"


class BadName(BadSyntax):
    """A mailbox name that can never exist here: well-formed as a command, so the answer is NO (RFC 5530: CANNOT)."""

    status = "NO"
    code = "CANNOT"


class TooLong(BadSyntax):
    """What it would cost too much to look at, or to look for (RFC 5530: LIMIT)."""

    code = "LIMIT"


class BadCharset(BadSyntax):
    """SEARCH in a charset that is not known (RFC 3501 6.4.4, 7.1)."""

    status = "NO"
    code = "BADCHARSET (US-ASCII UTF-8 ISO-2022-JP SHIFT_JIS EUC-JP ISO-8859-1)"
