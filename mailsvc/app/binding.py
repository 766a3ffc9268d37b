"""Listening sockets: made while the process may still bind low ports, used later, maybe in other processes.

With several workers each listener gets one socket per worker on the same port (``SO_REUSEPORT``): the kernel spreads connections among
them, and the parent keeps all of them open, so that what waits in a dead worker's queue is served by its successor. A Unix socket
has one queue that all workers share.
"""

import errno
import os
import socket
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.unix import Port as UnixPort

from mailsvc.core.output import PromptPort
from mailsvc.wire.options import ListenerOptions

__all__ = ["CannotBind", "bind_listener", "bind_tcp", "serve_on", "unlink_unix"]

_BACKLOG = 1024


class CannotBind(Exception):
    """A listener's address or port cannot be had; the text says which and why."""


def bind_listener(options: ListenerOptions, copies: int) -> list[socket.socket]:
    """One listening, non-blocking socket per worker (``copies``), all at the listener's address. Raises CannotBind."""
    try:
        path = _unix_path(options)
        if path is not None:
            return [_bind_unix(path)] * copies
        # Is a server there? Another mailsvc would let us share its port, and half of its clients with it.
        if copies > 1:
            bind_tcp(options.address, options.port).close()
        return [bind_tcp(options.address, options.port, shared=copies > 1) for _ in range(copies)]
    except OSError as error:
        hint = " (a port below 1024 needs root, or CAP_NET_BIND_SERVICE)" if error.errno == errno.EACCES else ""
        raise CannotBind(f"{options.name}: {os.strerror(error.errno or 0)}{hint}") from error


def bind_tcp(address: str, port: int, shared: bool = False) -> socket.socket:
    """A listening socket; ``::`` takes IPv4 too. ``shared`` lets further sockets of ours listen on the port. Raises OSError."""
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
        if family == socket.AF_INET6:  # of :: alone it decides: nobody comes to another address by IPv4
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, False)
        listening.bind((address, port))
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def serve_on(reactor: Any, listening: socket.socket, factory: IProtocolFactory) -> IListeningPort:
    """Serve on a socket of :func:`bind_listener`. The file of a Unix socket is left alone: it is not this process's to change or remove."""
    if listening.family != socket.AF_UNIX:
        port = PromptPort._fromListeningDescriptor(reactor, listening.fileno(), listening.family, factory)
        port.startListening()
        return cast(IListeningPort, port)
    unix_port = UnixPort._fromListeningDescriptor(reactor, listening.fileno(), factory)
    # An abstract name (unix(7)): Twisted would set the mode of a file now, and remove it at the end.
    unix_port._bindPath = b"\0" + os.fsencode(unix_port._bindPath)
    unix_port.startListening()
    return cast(IListeningPort, unix_port)


def unlink_unix(options: ListenerOptions) -> None:
    """Remove the socket file of a listener that has one, if we may."""
    path = _unix_path(options)
    if path is not None:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            return  # bound as root in a directory of root's: the next start removes it


def _unix_path(options: ListenerOptions) -> Path | None:
    return Path(options.address.removeprefix("unix:")) if options.address.startswith("unix:") else None


def _bind_unix(path: Path) -> socket.socket:
    _remove_stale(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(path))
        path.chmod(0o666)  # like a port: who may come in is said by the directory's mode
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def _remove_stale(path: Path) -> None:
    """Remove the file that a killed server left; one that somebody listens on is in use."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:  # also from a file that is no socket at all: not ours to remove
            if path.is_socket():
                path.unlink()
                return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
