"""What is in a mailbox, seen by POP3 octet for octet. (poplib refuses lines of more than 2,048 octets, so the reading is done here.)"""

import poplib
from collections.abc import Sequence

from mailsvc.testing.harness import RunningServer

__all__ = ["empty", "fetch"]


def fetch(server: RunningServer, address: str) -> Sequence[bytes]:
    """All messages of an account, which stay there. Raises AssertionError if one is not as long as LIST and RETR said."""
    session = _logged_in(server, address)
    sizes = [int(line.split()[1]) for line in session.list()[1]]
    session.sock.sendall(b"".join(b"RETR %d\r\n" % number for number in range(1, len(sizes) + 1)))
    messages = [_retrieved(session) for _ in sizes]
    assert sizes == [len(message) for message in messages]
    session.quit()
    return messages


def empty(server: RunningServer, address: str) -> int:
    """Delete all messages of an account; returns how many there were."""
    session = _logged_in(server, address)
    count = session.stat()[0]
    session.sock.sendall(b"".join(b"DELE %d\r\n" % number for number in range(1, count + 1)))
    assert all(session.file.readline().startswith(b"+OK") for _ in range(count))
    session.quit()
    return count


def _logged_in(server: RunningServer, address: str) -> poplib.POP3:
    session = poplib.POP3_SSL(server.host, server.ports["pop3s"], timeout=60, context=server.tls_context())
    session.user(address)
    session.pass_(server.accounts[address])
    return session


def _retrieved(session: poplib.POP3) -> bytes:
    status = session.file.readline()
    lines = []
    while (line := session.file.readline()) != b".\r\n":
        assert line.endswith(b"\r\n"), line
        lines.append(line.removeprefix(b"."))
    message = b"".join(lines)
    assert status == b"+OK %d octets\r\n" % len(message), status
    return message
