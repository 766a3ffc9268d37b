"""The owner: the one process that writes, ``python -m mailsvc.store.owner DIRECTORY``.

Workers send requests over a Unix socket (frames: :mod:`mailsvc.store.codec`). The loop is plain and blocking, for it has one thing to
do:

1. read whatever all connections have sent
2. BEGIN IMMEDIATE; each request in a savepoint of its own; COMMIT, which is one **fdatasync** of the write-ahead log
   (``synchronous=FULL``) however many requests there are
3. tell all connections which mailboxes changed, then answer all requests

While it syncs, the next requests gather in the sockets; before it commits it may wait a moment for more of them
(:mod:`mailsvc.store.gather`).

Nothing is answered before its COMMIT returned, so nothing that was promised is lost with this process, whenever it dies. Large
messages are durable before their request arrives (:mod:`mailsvc.store.bodies`).

It holds the mailbox locks of POP3 in memory, for the life of the connection that took them. It ends when its parent says :data:`STOP` on
its standard input; when that ends without a word the parent is gone, and the workers have a moment to finish
(:mod:`mailsvc.store.succession`). SIGINT and SIGTERM are ignored, for they reach the whole group at once; to stop it alone, write to its
input or use SIGKILL, which it survives as well as anything can.
"""

import contextlib
import math
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import apsw
import attrs

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.queue import QUEUE_LOCK
from mailsvc.core.operations import Operation
from mailsvc.db.connection import DatabaseRefused
from mailsvc.store import codec
from mailsvc.store.committer import Committer, LeaseTaken
from mailsvc.store.gather import Gather
from mailsvc.store.housekeeping import Housekeeper
from mailsvc.store.layout import Layout
from mailsvc.store.peer import Peer
from mailsvc.store.succession import COURTESY, LEAVE, LINGER, take_over
from mailsvc.store.transaction import Touch

__all__ = ["READY", "STOP", "Owner", "main"]

READY = b"ready\n"
"""Written to standard output when clients may connect."""

STOP = b"stop\n"
"""Read from standard input: end now."""

MAX_GROUP = 500

# Seconds from one slice of the chores to the next: when there is more to do and nothing else, when there is, and when all is done.
_IDLE, _BUSY, _DONE = 0.02, 0.2, 1.0


class Owner:
    """Serves one store until its parent stops it."""

    def __init__(self, layout: Layout, parent: int, log: Callable[[str], None]) -> None:
        """:param parent: a descriptor on which the parent says :data:`STOP`, and which ends when the parent is gone."""
        self._layout = layout
        self._parent = parent
        self._log = log
        self._committer = Committer(layout, log)
        self._housekeeper = Housekeeper(layout, self._committer, log)
        self._selector = selectors.DefaultSelector()
        self._peers: set[Peer] = set()
        self._waiting: list[tuple[Peer, int, list[Operation], float]] = []
        self._locks: dict[int, Peer] = {}
        self._gather = Gather()
        self._next_chore = 0.0
        self._commit_time = 0.0  # moving average, seconds
        self._finished = False
        self._alone_until: float | None = None  # since the parent is gone
        self._courteous_until = 0.0
        self._table: dict[str, Callable[..., Any]] = {
            "lock": self._lock,
            "unlock": self._unlock,
            "hold": self._hold,
            "release": self._release,
            "figures": self._figures,
            LEAVE: self._leave,
        }

    def take_over(self) -> None:
        """:meth:`open`, if need be after the owner that a killed main process has left behind."""
        if take_over(self._layout, self.open):
            self._courteous_until = time.monotonic() + COURTESY

    def open(self) -> None:
        """Take the store and listen. Raises what :meth:`Committer.open` raises, OSError too if the socket cannot be made."""
        self._layout.check_socket()
        self._committer.unlink = self._housekeeper.unlink
        self._committer.open()
        self._listener = _listen(self._layout.socket)
        self._committer.reserve.take()  # after the last thing that needs room
        self._housekeeper.start()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._parent, selectors.EVENT_READ, self._parent_spoke)

    def run(self) -> None:
        """Serve until the parent says so, or is gone and nobody needs us any more."""
        while not self._is_over() or self._waiting:
            if not self._waiting:
                self._handle(max(0.0, self._next_chore - time.monotonic()))
            else:
                self._gather_more()
                self._commit()
            if time.monotonic() >= self._next_chore:
                self._do_chore()
        self._close()

    def _is_over(self) -> bool:
        if self._alone_until is None:
            return self._finished
        return self._finished or not self._peers or time.monotonic() > self._alone_until

    def _handle(self, timeout: float | None = None) -> bool:
        """Read and write what is possible; whether anything was."""
        events = self._selector.select(timeout)
        for key, mask in events:
            key.data(mask)
        return bool(events)

    def _gather_more(self) -> None:
        begun = time.monotonic()
        while patience := self._gather.patience(len(self._waiting), time.monotonic() - begun):
            if not self._handle(patience):
                break

    def _commit(self) -> None:
        begun = time.monotonic()
        group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
        group = [entry for entry in group if entry[-1] > begun]  # done now, the others' next try would double them
        done = self._committer.commit([operations for _, _, operations, _ in group])
        elapsed = time.monotonic() - begun
        self._commit_time += (elapsed - self._commit_time) / 8
        if done.changed:  # before the answers: who is told that something is done has already heard what it changed
            events = [attrs.astuple(event, recurse=False) for event in done.changed]
            self._broadcast((0, "changed", events))
        if done.accounts:
            self._broadcast((0, "accounts", [(event.account, event.credential) for event in done.accounts]))
        if done.queue:
            self._broadcast((0, "queue", done.queue.queue_ids))
        if done.relay:
            self._broadcast((0, "relay", []))
        for (peer, request, _, _), answer in zip(group, done.answers, strict=True):
            peer.send(_answer(request, answer))
        self._handle(0)  # what came meanwhile, before the answers make more
        self._gather.committed(len(group), bool(self._waiting), elapsed)
        for peer in tuple(self._peers):
            peer.flush()

    def _do_chore(self) -> None:
        more = self._housekeeper.chores.slice()
        self._next_chore = time.monotonic() + (_DONE if not more else _BUSY if self._waiting else _IDLE)

    def _broadcast(self, message: tuple[Any, ...], without: Peer | None = None) -> None:
        packed = codec.frame(message)
        for peer in self._peers:
            if peer is not without:
                peer.send_packed(packed)

    def _accept(self, mask: int) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError as error:
            self._log(f"accept failed: {error}")
            return
        peer = Peer(sock, self._selector, self._received, self._lost)
        self._peers.add(peer)
        peer.send((0, "hello", codec.VERSION))
        peer.flush()

    def _parent_spoke(self, mask: int) -> None:
        self._selector.unregister(self._parent)
        if os.read(self._parent, len(STOP)):
            self._finished = True
        else:
            self._alone_until = time.monotonic() + LINGER

    def _received(self, peer: Peer, message: tuple[Any, ...]) -> None:
        request, kind, *arguments = message
        try:
            if kind == "apply":
                self._queue(peer, request, codec.decode_operations(arguments[0]), *arguments[1:])
            elif kind == "ping":
                self._queue(peer, request, [Touch()])
            elif kind == "announce":
                self._announce(peer, *arguments)
            else:
                peer.send((request, "ok", self._table[kind](peer, *arguments)))
        except MailError as error:
            peer.send((request, "error", *codec.error_fields(error)))
        except (KeyError, TypeError, IndexError, ValueError) as error:
            refusal = MailError(Kind.BAD_REQUEST, "bad-request", detail=repr(error))
            peer.send((request, "error", *codec.error_fields(refusal)))

    def _queue(self, peer: Peer, request: int, operations: list[Operation], deadline: float = math.inf) -> None:
        self._waiting.append((peer, request, operations, deadline))

    def _lost(self, peer: Peer) -> None:
        self._peers.discard(peer)
        self._locks = {mailbox: holder for mailbox, holder in self._locks.items() if holder is not peer}
        self._housekeeper.hold(-peer.holds)

    def _announce(self, peer: Peer, topic: str, payload: Any) -> None:
        self._broadcast((0, "announce", topic, payload), without=peer)
        for other in tuple(self._peers):
            other.flush()

    def _lock(self, peer: Peer, mailbox: int, deadline: float = math.inf, again: bool = False) -> None:
        if time.monotonic() > deadline:
            raise temporary("store-timeout")  # nobody would give it back
        if mailbox == QUEUE_LOCK and not again and time.monotonic() < self._courteous_until:
            raise MailError(Kind.IN_USE, "mailbox-locked")
        holder = self._locks.get(mailbox)
        if holder is not None and not (again and holder is peer):
            raise MailError(Kind.IN_USE, "mailbox-locked")
        self._locks[mailbox] = peer

    def _unlock(self, peer: Peer, mailbox: int) -> None:
        if self._locks.get(mailbox) is peer:
            del self._locks[mailbox]

    def _hold(self, peer: Peer) -> None:
        peer.holds += 1
        self._housekeeper.hold(1)

    def _release(self, peer: Peer) -> None:
        if peer.holds:
            peer.holds -= 1
            self._housekeeper.hold(-1)

    def _leave(self, peer: Peer) -> None:
        if self._alone_until is None:
            raise MailError(Kind.IN_USE, "store-in-use")
        self._finished = True

    def _figures(self, peer: Peer) -> dict[str, float]:
        return {
            "commits": self._committer.commits,
            "requests": self._committer.requests,
            "commit_seconds": self._commit_time,
            "connections": len(self._peers),
            "locks": len(self._locks),
        }

    def _close(self) -> None:
        self._listener.close()
        self._housekeeper.stop()
        self._committer.close()
        for peer in tuple(self._peers):
            peer.close()


def _answer(request: int, answer: list[Any] | MailError) -> tuple[Any, ...]:
    if isinstance(answer, MailError):
        return (request, "error", *codec.error_fields(answer))
    return (request, "ok", answer)


def _listen(path: str) -> socket.socket:
    """A listening socket that only this user can reach. The lease is held, so what lies there is left over."""
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    mask = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(mask)
    listener.listen(128)
    return listener


def _log(text: str) -> None:
    with contextlib.suppress(OSError):  # the parent that reads it may be gone
        print(text, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Run the owner of the store in the directory ``arguments[0]``. Returns the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    owner = Owner(Layout(arguments[0]), sys.stdin.fileno(), _log)
    try:
        owner.take_over()
    except (LeaseTaken, DatabaseRefused, OSError, apsw.Error) as error:
        _log(str(error))
        return 1
    os.write(sys.stdout.fileno(), READY)
    owner.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
