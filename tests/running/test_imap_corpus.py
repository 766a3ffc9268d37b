"""Real messages on a running server, by APPEND and by LMTP: what comes out agrees with the octets, and people find their mail.

The words to search for are a table written by a person who looked at the messages with another program.
"""

import smtplib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mailsvc.testing.harness import RunningServer
from mailsvc.testing.imap_client import IMAPClient, Response, Synchronizing
from tests.imap.reading import structure_parts
from tests.smtp.test_corpus import crlf

BOXES = ("alice@example.test", "bob@example.test")
"""Into the INBOX of the first all goes by APPEND, into that of the second by LMTP."""

ITEMS = b"(UID RFC822.SIZE INTERNALDATE ENVELOPE BODY BODYSTRUCTURE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT] RFC822.HEADER)"

WORDS = {
    "057-mikel-mail-japanese": ("まみむめも", "かきくえこ"),
    "058-mikel-mail-japanese_attachment": ("testing", "これわてすと"),
    "059-mikel-mail-japanese_attachment_long_name": ("めもまみむ", ""),
    "060-mikel-mail-japanese_iso_2022": ("まみむめも", "すみません"),
    "061-mikel-mail-japanese_shift_jis": ("test", "今後ともよろしく"),
    "085-mikel-mail-raw_email_with_partially_quoted_subject": ("漢字", ""),
    "098-mikel-mail-example14": ("テストテスト", ""),
    "297-spamassassin-nice-cjk-big5-base64.1": ("SLAT-talk", "永久網址"),
    "298-spamassassin-nice-cjk-gb2312.1": ("", "台湾鑫龙商贸集团"),
    "299-spamassassin-nice-cjk-gb2312.2": ("装硬碟问题", "请检查一下"),
    "300-spamassassin-nice-cjk-iso-2022-jp.1": ("CP932", "このファイルの形式は"),
    "338-spamassassin-nice-unicode2": ("電子繳費憑證", ""),
    "407-spamassassin-spam-unicode1": ("foo", "委託金融機構扣繳"),
    "408-spamassassin-spam-unicode2": ("外贸客户开发", "即时聊天通讯"),
    "554-made-iso2022jp-7bit": ("会議のお知らせ", "日本語の本文です"),
    "555-made-sjis-8bit": ("見積書の件", "日本語の本文です"),
    "556-made-sjis-b64": ("見積書の件", "日本語の本文です"),
    "557-made-eucjp-8bit": ("報告書", "日本語の本文です"),
    "558-made-utf8-8bit": ("ありがとうございました", "日本語の本文です"),
    "559-made-utf8-qp": ("かっこ「」", "日本語の本文です"),
    "560-made-utf8-b64-long": ("とても長い件名とても長い", "日本語の本文です"),
}
"""Message -> a word of its subject, a word of its text; empty where it has none that is worth the search."""

CHARSETS = ("UTF-8", "ISO-2022-JP", "Shift_JIS", "CP932", "EUC-JP", "UTF-16", "UTF-7")


@pytest.fixture(scope="module")
def server(corpus: Sequence[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server on which both INBOXes hold all messages."""
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        client = log_in(running, BOXES[0])
        for path in corpus:
            client.do(b"APPEND INBOX ", Synchronizing(crlf(path.read_bytes())))
        with smtplib.LMTP(running.host, running.ports["lmtp"]) as line:
            for path in corpus:
                line.sendmail("", [BOXES[1]], crlf(path.read_bytes()), ["BODY=8BITMIME"])
        yield running
        assert "Traceback" not in running.log


def log_in(server: RunningServer, address: str) -> IMAPClient:
    """A session."""
    client = IMAPClient(server.connect("imap"))
    client.do(b"LOGIN %s %s" % (address.encode(), server.accounts[address].encode()))
    return client


@pytest.fixture(params=BOXES, ids=["append", "lmtp"])
def client(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[IMAPClient]:
    """A session with all messages selected, however they came."""
    session = log_in(server, request.param)
    session.do(b"SELECT INBOX")
    yield session
    session.close()


def only_fetch(responses: Sequence[Response]) -> dict[bytes, Any]:
    """The items of the one FETCH response."""
    (response,) = (each for each in responses if each.name == b"FETCH")
    return response.items


def test_octets(client: IMAPClient, corpus: Sequence[Path]) -> None:
    """RFC 3501 6.4.5: BODY[], HEADER, TEXT, every part and its size, and partials, are the octets that were sent."""
    for number, path in enumerate(corpus, 1):
        message = crlf(path.read_bytes())
        items = only_fetch(client.do(b"FETCH %d %s" % (number, ITEMS)))
        whole = items[b"BODY[]"]
        assert whole.endswith(message), path.name
        assert whole == items[b"BODY[HEADER]"] + items[b"BODY[TEXT]"], path.name
        assert items[b"RFC822.HEADER"] == items[b"BODY[HEADER]"]
        assert int(items[b"RFC822.SIZE"]) == len(whole)
        assert len(items[b"ENVELOPE"]) == 10, path.name
        check_parts(client, number, whole, items[b"BODYSTRUCTURE"], path.name)
        check_partials(client, number, whole, path.name)


def check_parts(client: IMAPClient, number: int, whole: bytes, structure: object, name: str) -> None:
    """Each part that BODYSTRUCTURE names has the size it says and lies in the message."""
    for at, part in structure_parts(structure):
        place = at.encode()
        items = only_fetch(
            client.do(b"FETCH %d (BODY.PEEK[%s] BODY.PEEK[%s.MIME] BODY.PEEK[%s]<3.7>)" % (number, *[place] * 3))
        )
        octets = items[b"BODY[%s]" % place]
        assert len(octets) == int(part[6]), (name, at)
        assert octets in whole, (name, at)
        assert items[b"BODY[%s.MIME]" % place] in whole
        assert items[b"BODY[%s]<3>" % place] == octets[3:10]


def check_partials(client: IMAPClient, number: int, whole: bytes, name: str) -> None:
    """Pieces put together are the whole; behind its end there is nothing."""
    size = len(whole) // 3 + 1
    for start in (0, size, 2 * size, len(whole) - 1, len(whole), len(whole) + 100):
        items = only_fetch(client.do(b"FETCH %d BODY.PEEK[]<%d.%d>" % (number, start, size)))
        assert items[b"BODY[]<%d>" % start] == whole[start : start + size], name


def test_all_at_once(client: IMAPClient, corpus: Sequence[Path]) -> None:
    """ENVELOPE and BODYSTRUCTURE answer for all, and each answer can be read."""
    found = [each.items for each in client.do(b"FETCH 1:* (ENVELOPE BODYSTRUCTURE BODY)") if each.name == b"FETCH"]
    assert len(found) == len(corpus)
    assert all(len(items[b"ENVELOPE"]) == 10 for items in found)


def search(client: IMAPClient, charset: str, key: str, word: str) -> list[int]:
    """The numbers that SEARCH finds for a word in a charset."""
    octets = word.encode(charset)
    responses = client.do(f"SEARCH CHARSET {charset} {key} ".encode(), Synchronizing(octets))
    (found,) = (each for each in responses if each.name == b"SEARCH")
    return [int(each) for each in found.text.split()[1:]]


def words(corpus: Sequence[Path]) -> Iterator[tuple[int, str, str, str]]:
    """Number of a message, its name, key and word."""
    for number, path in enumerate(corpus, 1):
        for key, word in zip(("SUBJECT", "BODY"), WORDS.get(path.stem, ("", "")), strict=True):
            if word:
                yield number, path.name, key, word


def test_japanese_is_found(client: IMAPClient, corpus: Sequence[Path]) -> None:
    """RFC 3501 6.4.4: a word of the subject and a word of the text find the message, whatever charset it was written in."""
    asked = list(words(corpus))
    assert len(asked) >= len(WORDS) or len(corpus) < 100
    missed = [
        (name, key, word) for number, name, key, word in asked if number not in search(client, "UTF-8", key, word)
    ]
    missed += [
        (name, "TEXT", word) for number, name, _, word in asked if number not in search(client, "UTF-8", "TEXT", word)
    ]
    assert missed == []
    assert search(client, "UTF-8", "TEXT", "京都府京都市左京区") == []


@pytest.mark.parametrize("charset", CHARSETS)
def test_charsets(client: IMAPClient, charset: str) -> None:
    """The client's charset does not matter: the same word finds the same messages."""
    expected = search(client, "UTF-8", "TEXT", "本文")
    assert expected or not client.do(b"SEARCH ALL")[0].text.split()[1:]
    assert search(client, charset, "TEXT", "本文") == expected


def test_unknown_charset(client: IMAPClient) -> None:
    """RFC 3501 6.4.4: NO with BADCHARSET, and the session goes on."""
    tagged = client.ask(b"SEARCH CHARSET X-NOWHERE TEXT ", Synchronizing(b"\xe4"))[-1]
    assert (tagged.name, tagged.code[:1]) == (b"NO", [b"BADCHARSET"])
    client.do(b"NOOP")
