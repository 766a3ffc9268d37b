"""Which passwords people may choose: not too short, not on a list of bad ones, not made of their own name.

After NIST SP 800-63B 3.1.1.2: length and lists, no rules about kinds of characters, which make passwords worse.
"""

import unicodedata
from collections.abc import Iterable, Iterator

import attrs

from mailsvc.texts import Sentence

__all__ = ["COMMON", "PasswordRules", "fault", "guesses", "read_words"]

# fmt: off
COMMON = frozenset({
    "password", "passw0rd", "password1", "12345678", "123456789", "1234567890", "11111111", "00000000",
    "qwertyui", "qwertyuiop", "qwerty123", "1qaz2wsx", "asdfghjk", "abcd1234", "abc12345", "iloveyou",
    "sunshine", "princess", "football", "baseball", "superman", "trustno1", "letmein1", "welcome1",
    "administrator", "changeme", "default1", "sakura12", "doraemon", "pokemon1", "nintendo", "hogehoge",
    "hogehogehoge", "p@ssw0rd", "zaq12wsx",
})
# fmt: on
"""What is guessed first, wherever one is."""

LONGEST = 255
_PART = 4  # a shorter name is part of too many words


@attrs.frozen(kw_only=True)
class PasswordRules:
    """The rules of one domain. ``words``: passwords that nobody may have, in lower case."""

    shortest: int = 8
    words: frozenset[str] = COMMON


def fault(password: str, address: str, rules: PasswordRules) -> Sentence | None:
    """What is wrong with a new password of the account ``address``, None if nothing is."""
    folded = unicodedata.normalize("NFKC", password).casefold()
    if not rules.shortest <= len(password) <= LONGEST:
        return Sentence("password.length", shortest=rules.shortest, longest=LONGEST)
    if folded in rules.words:
        return Sentence("password.common")
    if len(set(folded)) < _PART:
        return Sentence("password.monotonous")
    name = address.partition("@")[0].casefold()
    if len(name) >= _PART and name in folded and len(folded) - len(name) < rules.shortest:
        return Sentence("password.name")
    return None


def read_words(text: str) -> frozenset[str]:
    """The words of a file, one a line."""
    return frozenset(line.strip().casefold() for line in text.splitlines() if line.strip())


def guesses(address: str, login: str, words: Iterable[str]) -> Iterator[str]:
    """What somebody would try first for this account: its own names, then the words."""
    names = dict.fromkeys(filter(None, (address.partition("@")[0], login, address.partition("@")[2].partition(".")[0])))
    for name in names:
        yield from (name, name + "1", name + "123", name + "1234", name[::-1], name.capitalize(), name + name)
    yield from words
