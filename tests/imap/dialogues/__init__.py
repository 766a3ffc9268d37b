"""IMAP conversations as data (see mailsvc.testing.transcript), for any driver: memory, a socket, a socket with TLS; each cites its RFC."""

__all__: list[str] = []
