"""Reading responses as a client does: tokens, literals, nested lists (RFC 3501 9), strictly, so that a malformed one is noticed."""

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["fetched", "structure_parts", "values"]

_TOKEN = re.compile(rb'\s*(?:(\()|(\))|"((?:[^"\\\r\n]|\\["\\])*)"|~?\{([0-9]+)\}\r\n|((?:[^\s()"\[]|\[[^\]]*\])+))')


def values(response: bytes) -> list[Any]:
    """The values of a response: bytes, None for NIL, lists."""
    found, at = _values(response, 0, False)
    assert at == len(response), response[at : at + 100]
    return found


def _values(data: bytes, at: int, nested: bool) -> tuple[list[Any], int]:
    found: list[Any] = []
    while data[at:].strip():
        token = _TOKEN.match(data, at)
        assert token is not None, data[at : at + 100]
        at = token.end()
        if token[1]:
            inner, at = _values(data, at, True)
            found.append(inner)
        elif token[2]:
            assert nested
            return found, at
        elif token[3] is not None:
            found.append(re.sub(rb"\\(.)", rb"\1", token[3]))
        elif token[4] is not None:
            found.append(data[at : at + int(token[4])])
            at += int(token[4])
        else:
            found.append(None if token[5].upper() == b"NIL" else token[5])
    assert not nested
    return found, len(data)


def fetched(said: bytes) -> dict[bytes, Any]:
    """The items of the only FETCH response in what the server said up to its tagged OK."""
    response = said[: said.rindex(b"\r\n", 0, -2) + 2]
    star, _, fetch, items = values(response)
    assert (star, fetch) == (b"*", b"FETCH")
    return dict(zip(items[::2], items[1::2], strict=True))


def structure_parts(structure: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each part of a BODYSTRUCTURE that is no multipart: its number and its description."""
    if isinstance(structure[0], list):
        for number, part in enumerate(takewhile_lists(structure), 1):
            yield from structure_parts(part, f"{path}.{number}" if path else str(number))
        return
    path = path or "1"
    yield path, structure
    if structure[:2] == [b"message", b"rfc822"]:
        inner = structure[8]
        yield from structure_parts(inner, path if isinstance(inner[0], list) else f"{path}.1")


def takewhile_lists(items: list[Any]) -> Iterator[Any]:
    """The lists at the beginning."""
    for item in items:
        if not isinstance(item, list):
            return
        yield item
