"""Writing to a connection without waiting for the reactor to say that it may.

``transport.write`` only queues: it asks the kernel to report when the socket takes data, and sends at the next turn of the reactor.
A reply nearly always fits into the socket's buffer at once, so :func:`write_now` tries that first: one system call instead of four
and one turn of the reactor less (a fifth of the CPU of a POP3 RETR). What does not fit goes the ordinary way, with its back-pressure.

Under TLS it is OpenSSL's records that leave so: the connections of a :class:`PromptPort` do it by themselves, for TLS from the first
octet to write to. (Where TLS begins with STARTTLS, Twisted goes past this.)
"""

from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.tcp import Connection, Port, Server

__all__ = ["PromptPort", "write_now"]


def write_now(transport: Any, data: bytes) -> None:
    """Write ``data`` after everything written before."""
    # Under TLS the bytes must pass through OpenSSL.
    if isinstance(transport, Connection) and not transport.TLS:
        _write(transport, data)
    else:
        transport.write(data)


def _write(connection: Connection, data: bytes) -> None:
    if not _queued(connection):  # which it would overtake
        sent = connection.writeSomeData(data)
        if isinstance(sent, int):  # else the connection is lost: write() finds out in the ordinary way
            data = data[sent:]
    if data:
        FileDescriptor.write(connection, data)


def _queued(connection: Any) -> bool:
    return bool(connection.dataBuffer or connection._tempDataBuffer) or connection.disconnecting


class _PromptServer(Server):
    """A connection that a client has made."""

    def write(self, data: bytes) -> None:
        """As the transport's own, but sooner."""
        if self.TLS or not self.connected:
            super().write(data)
        else:
            _write(self, data)


class PromptPort(Port):
    """A TCP port whose connections write at once."""

    transport = _PromptServer
