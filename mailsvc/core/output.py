"""Writing to a connection without waiting for the reactor to say that it may.

``transport.write`` only queues: it asks the kernel to report when the socket takes data, and sends at the next turn of the reactor.
A reply nearly always fits into the socket's buffer at once, so :func:`write_now` tries that first: one system call instead of four
and one turn of the reactor less (a fifth of the CPU of a POP3 RETR). What does not fit goes the ordinary way, with its back-pressure.
"""

from typing import Any

from twisted.internet.tcp import Connection

__all__ = ["write_now"]


def write_now(transport: Any, data: bytes) -> None:
    """Write ``data`` after everything written before."""
    # Under TLS the bytes must pass through OpenSSL; with something still queued they would overtake it.
    if isinstance(transport, Connection) and not transport.TLS and not _queued(transport):
        sent = transport.writeSomeData(data)
        if isinstance(sent, int):  # else the connection is lost: write() finds out in the ordinary way
            data = data[sent:]
    if data:
        transport.write(data)


def _queued(transport: Any) -> bool:
    return bool(transport.dataBuffer or transport._tempDataBuffer) or transport.disconnecting
