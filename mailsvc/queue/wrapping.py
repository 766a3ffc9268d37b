"""Lines of plain text, English or Japanese, that fit on a screen: Japanese characters are two columns wide and have no spaces between."""

import re
import unicodedata

__all__ = ["wrap"]

WIDTH = 76

# Spaces, a word, or one Japanese character; with it stays what may not begin the next line, or end this one.
_TOKEN = re.compile(r" +|[^ \u2e80-\uffef]+[。、）」]*|[（「]*[\u2e80-\uffef][。、）」]*")


def wrap(text: str, indent: str = "") -> str:
    """``text`` (one line) as lines of at most 76 columns, each after ``indent``; a longer word has a line of its own."""
    lines: list[str] = []
    line, columns = "", len(indent)
    for token in _TOKEN.findall(text.strip()):
        wide = _columns(token)
        if line and columns + wide > WIDTH:
            lines.append(line)
            line, columns = "", len(indent)
        if line or token.strip():
            line, columns = line + token, columns + wide
    return "\n".join(indent + one.rstrip() for one in [*lines, line])


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
