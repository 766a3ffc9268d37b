"""SASLprep: one spelling for names and passwords that look alike (RFC 4013, a profile of RFC 3454).

A password typed with a Japanese input method in full-width letters becomes the same octets as the plain one. Both sides of a comparison
must pass through here: what is hashed and what is verified (RFC 4616 2).
"""

import stringprep
import unicodedata

__all__ = ["saslprep"]

# RFC 4013 2.3: what may not remain after mapping and normalisation.
_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(string: str) -> str:
    """The prepared form of a "query" string (unassigned code points pass, RFC 3454 7).

    Raises ValueError if it holds what is prohibited, or if nothing remains of it.
    """
    if string.isascii() and string.isprintable() and string:
        return string
    mapped = "".join(_mapped(character) for character in string)
    prepared = unicodedata.normalize("NFKC", mapped)  # RFC 4013 2.2
    if not prepared:
        raise ValueError("nothing remains after SASLprep")
    if any(in_table(character) for character in prepared for in_table in _PROHIBITED):
        raise ValueError("a character that SASLprep prohibits")
    _check_direction(prepared)
    return prepared


def _mapped(character: str) -> str:
    """RFC 4013 2.1: every kind of space is a space, soft hyphens and the like are nothing."""
    if stringprep.in_table_c12(character):
        return " "
    return "" if stringprep.in_table_b1(character) else character


def _check_direction(string: str) -> None:
    """RFC 3454 6: letters of both directions do not mix, and right-to-left text begins and ends as such."""
    if not any(map(stringprep.in_table_d1, string)):
        return
    if any(map(stringprep.in_table_d2, string)):
        raise ValueError("letters of both directions")
    if not (stringprep.in_table_d1(string[0]) and stringprep.in_table_d1(string[-1])):
        raise ValueError("right-to-left text that does not begin and end as such")
