"""Real messages: all answer ENVELOPE and BODYSTRUCTURE, and every section agrees with the bytes and with Python's email package."""

import email
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from email.message import Message
from pathlib import Path
from typing import cast

import pytest

from mailsvc.formats.imap.bodystructure import bodystructure
from mailsvc.formats.imap.cursor import Cursor
from mailsvc.formats.imap.describe import describe
from mailsvc.formats.imap.extract import Range, binary, find_part, join, ranges
from mailsvc.formats.imap.reader import CommandReader, LiteralWanted, RawCommand
from mailsvc.formats.imap.sections import Section
from mailsvc.formats.mime.parts import Part, scan
from mailsvc.formats.mime.text import fold, text_of
from mailsvc.formats.mime.transfer import UnknownEncoding


def paths(container: Part, prefix: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """The numbers of all parts of a message or multipart (RFC 3501 6.4.5)."""
    children = container.children if container.is_multipart else [container]
    for number, child in enumerate(children, 1):
        path = (*prefix, number)
        yield path
        if child.is_message:
            yield from paths(child.children[0], path)
        elif child.is_multipart:
            yield from paths(child, path)


def section(data: bytes, root: Part, part: tuple[int, ...], text: str = "", *fields: bytes) -> list[Range]:
    """The ranges of a section that exists."""
    found = ranges(data, root, Section(part, text, fields))
    assert found is not None
    return found


def readable(response: bytes) -> None:
    """What we send must be one balanced list when read by the grammar: nested lists, strings, literals, NIL and numbers."""
    reader = CommandReader(max_line=1 << 24, max_text=1 << 24, max_literals=1 << 24)
    reader.feed(response + b"\r\n")
    while isinstance(event := reader.next_event(), LiteralWanted):
        reader.accept()
    assert isinstance(event, RawCommand)
    cursor = Cursor(event)
    _read_list(cursor)
    cursor.end()


def _read_list(cursor: Cursor) -> None:
    cursor.need(b"(")
    while not cursor.skip(b")"):
        if cursor.peek(b"("):
            _read_list(cursor)
        elif cursor.string_or_none() is None:
            cursor.expect(re.compile(rb"NIL|[0-9]+"), "an item")
        cursor.skip(b" ")


def test_every_message_answers(corpus: Sequence[Path]) -> None:
    """ENVELOPE, BODYSTRUCTURE and BODY can be parsed by a client, for every message."""
    for path in corpus:
        data = path.read_bytes()
        found = describe(data)
        for response in (found.envelope, found.bodystructure, bodystructure(found.message, extended=False)):
            readable(response)


def test_sections_agree_with_the_bytes(corpus: Sequence[Path]) -> None:
    """HEADER and TEXT make the message, every part lies in its parent, fields and the others make the header."""
    for path in corpus:
        data = path.read_bytes()
        root = scan(data)
        assert join(data, section(data, root, ())) == data, path.name
        assert join(data, section(data, root, (), "HEADER") + section(data, root, (), "TEXT")) == data, path.name
        some = section(data, root, (), "HEADER.FIELDS", b"subject", b"received")
        others = section(data, root, (), "HEADER.FIELDS.NOT", b"subject", b"received")
        assert len(join(data, some)) + len(join(data, others)) <= root.body - root.start + 2, path.name
        for numbers in paths(root):
            part = find_part(root, numbers)
            assert part is not None, (path.name, numbers)
            mime, body = section(data, root, numbers, "MIME"), section(data, root, numbers)
            assert mime == [(part.start, part.body - part.start)]
            assert body == [(part.body, part.end - part.body)]
            assert root.body <= part.body <= part.end <= len(data)
            with suppress(UnknownEncoding):
                assert binary(data, root, Section(numbers)) is not None


# Python drops the empty part between two delimiter lines in a row, and so numbers the parts after it otherwise.
DIFFERENT = ("268-",)


def leaves(message: Message) -> list[tuple[str, bytes | None]]:
    """Types and bodies that Python sees; of what only it divides (delivery reports), the type."""
    kind = message.get_content_type()
    if not message.is_multipart():
        return [(kind, cast("str", message._payload).encode("ascii", "surrogateescape"))]  # type: ignore[attr-defined]
    if kind.startswith("multipart/") or kind == "message/rfc822":
        return [leaf for child in cast("list[Message]", message.get_payload()) for leaf in leaves(child)]
    return [(kind, None)]


def test_against_python(corpus: Sequence[Path]) -> None:
    """Where Python's parser sees no defect, it sees the same parts with the same octets."""
    compared = 0
    for path in corpus:
        data = path.read_bytes()
        message = email.message_from_bytes(data)
        if path.name.startswith(DIFFERENT) or any(each.defects for each in message.walk()):
            continue
        theirs = leaves(message)
        ours = [
            (b"/".join(each.type).decode(), data[each.body : each.end])
            for each in scan(data).walk()
            if not each.children
        ]
        opaque = [
            (kind, None if body is None else octets) for (kind, octets), (_, body) in zip(ours, theirs, strict=True)
        ]
        assert opaque == theirs, path.name
        compared += 1
    assert compared > len(corpus) // 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("554-", ["会議", "日本語", "半角カナ"]),
        ("555-", ["見積書", "日本語の本文", "ｶﾅ"]),
        ("556-", ["見積書", "日本語の本文"]),
        ("557-", ["報告書", "機種依存文字"]),
        ("558-", ["御礼", "㈱"]),
        ("559-", ["かっこ", "①"]),
        ("560-", ["長い件名", "日本語"]),
        ("057-", ["まみむめも", "かきくえこ"]),
        ("060-", ["まみむめも", "すみません"]),
        ("061-", ["あいうえお", "今後とも"]),
        ("301-", ["心当たり"]),
    ],
)
def test_japanese_messages_are_found(corpus: Sequence[Path], name: str, words: list[str]) -> None:
    """SEARCH TEXT finds them by a word of their subject and of their text."""
    (path,) = [each for each in corpus if each.name.startswith(name)]
    data = path.read_bytes()
    text = fold("\n".join(each.text for each in text_of(data, scan(data))))
    assert [word for word in words if fold(word) not in text] == []


def test_all_text_can_be_searched(corpus: Sequence[Path]) -> None:
    """No message breaks the search."""
    for path in corpus:
        data = path.read_bytes()
        assert all(isinstance(fold(each.text), str) for each in text_of(data, scan(data)))
