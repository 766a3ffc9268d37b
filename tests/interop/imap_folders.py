"""What is in the folders of an account, seen by a small IMAP client: laid out before a client does something, and looked at afterwards."""

import imaplib
import re
from collections.abc import Mapping, Sequence

from imapclient import imap_utf7

from mailsvc.testing.harness import RunningServer

__all__ = ["Picture", "encode", "lay_out", "picture"]

Picture = Mapping[str, Sequence[tuple[str, bytes]]]
"""Name of a folder -> flags (sorted, without ``\\Recent``, one text) and octets of its messages, oldest first."""

_NAME = re.compile(rb'\(([^)]*)\) "/" (.*)')


def lay_out(server: RunningServer, address: str, folders: Picture) -> None:
    """Nothing but this is in the account afterwards, and an INBOX."""
    with _logged_in(server, address) as session:
        for name in _names(session):
            if name != "INBOX":
                _ok(session.delete(_quoted(name)))
        _ok(session.select("INBOX"))
        _ok(session.uid("STORE", "1:*", "+FLAGS", r"(\Deleted)"))
        _ok(session.close())
        for name, messages in folders.items():
            if name != "INBOX":
                _ok(session.create(_quoted(name)))
                _ok(session.subscribe(_quoted(name)))
            for flags, message in messages:
                _ok(session.append(_quoted(name), f"({flags})", '"20-Nov-2026 09:00:00 +0900"', message))


def picture(server: RunningServer, address: str) -> Picture:
    """What is there now. Empty folders are left out."""
    with _logged_in(server, address) as session:
        found = {name: _messages(session, name) for name in _names(session)}
    return {name: messages for name, messages in found.items() if messages}


def encode(name: str) -> str:
    """A folder's name in modified UTF-7 (RFC 3501 5.1.3), for clients that want it so."""
    return imap_utf7.encode(name).decode("ascii")


def _logged_in(server: RunningServer, address: str) -> imaplib.IMAP4:
    session = imaplib.IMAP4_SSL(server.host, server.ports["imaps"], ssl_context=server.tls_context(), timeout=60)
    session.login(address, server.accounts[address])
    return session


def _names(session: imaplib.IMAP4) -> list[str]:
    names = []
    for line in _ok(session.list()):
        found = _NAME.fullmatch(line)
        assert found, line
        names.append(imap_utf7.decode(found[2].strip(b'"')))
    return names


def _messages(session: imaplib.IMAP4, name: str) -> list[tuple[str, bytes]]:
    if _ok(session.select(_quoted(name), readonly=True)) == [b"0"]:
        return []
    return [
        (_flags(item[0]), item[1])
        for item in _ok(session.fetch("1:*", "(FLAGS BODY.PEEK[])"))
        if isinstance(item, tuple)
    ]


def _flags(line: bytes) -> str:
    found = re.search(rb"FLAGS \(([^)]*)\)", line)
    assert found, line
    return " ".join(sorted(flag for flag in found[1].decode().split() if flag != r"\Recent"))


def _quoted(name: str) -> str:
    return f'"{encode(name)}"'


def _ok(answer: tuple[str, list[bytes]]) -> list[bytes]:
    status, data = answer
    assert status == "OK", data
    return data
