"""A file of names and hashed passwords as a source, in the form that htpasswd, Dovecot and others write.

One ``name:hash`` a line; further fields after another ``:`` are passed over, as are empty lines and lines that begin with ``#``. A hash
may carry Dovecot's ``{SCHEME}`` in front. The file is read again when it has changed.

A file that cannot be read fails every log-in for the time being; a hash that cannot be verified fails those of its own name.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from mailsvc.auth.credentials import AvatarId
from mailsvc.auth.hashing import imported, matches
from mailsvc.auth.names import WrongPassword
from mailsvc.auth.pool import Worker

__all__ = ["PasswdFile", "PasswdFileChecker", "parse"]

log = Logger()

_LOCKED = re.compile(r"[!*x]*")  # no password at all, or one kept elsewhere


@attrs.frozen
class PasswdFile:
    """A file as it was read.

    :ivar hashes: name -> hash, ``""`` if locked. :ivar problems: lines that were passed over, in words.
    """

    hashes: Mapping[str, str] = attrs.field(repr=False)
    problems: tuple[str, ...] = ()


def parse(text: str) -> PasswdFile:
    """Read the text of a file."""
    hashes: dict[str, str] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, rest = line.partition(":")
        if not colon or not name:
            problems.append(f"line {number}: not name:hash")
        elif name in hashes:
            problems.append(f"line {number}: {name} stands here twice; the first line counts")
        else:
            hashes[name] = _hash(rest.split(":")[0])
    return PasswdFile(hashes, tuple(problems))


def _hash(field: str) -> str:
    field = imported(field)
    return "" if _LOCKED.fullmatch(field) else field


@implementer(ICredentialsChecker)
class PasswdFileChecker:
    """Yields the name as it stands in the file; :class:`~mailsvc.auth.checkers.OutsideSource` makes an account of it."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, path: Path, worker: Worker) -> None:
        """:param path: of a passwd or htpasswd file, read again when it has changed. :param worker: where hashes are verified."""
        self._path = path
        self._worker = worker
        self._stamp: tuple[int, ...] = ()
        self._file = PasswdFile({})

    def requestAvatarId(self, credentials: IUsernamePassword) -> "Deferred[AvatarId]":
        """The name. Fails with UnauthorizedLogin, NOT_NOW, OSError, UnknownScheme."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: IUsernamePassword) -> AvatarId:
        known, right = await self._worker.run(self._judge, credentials.username, credentials.password)
        if not right:
            raise WrongPassword("wrong-password") if known else UnauthorizedLogin("not-in-the-file")
        return credentials.username

    def _judge(self, name: bytes, password: bytes) -> tuple[bool, bool]:
        """Whether the name stands here, and the password is right. In a thread: reading a file on a slow disk blocks too."""
        stored = self._current().hashes.get(name.decode("utf-8", "replace"))
        return stored is not None, matches(stored or "", password)

    def _current(self) -> PasswdFile:
        status = os.stat(self._path)
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp != self._stamp:
            self._file = parse(self._path.read_text("utf-8"))
            self._stamp = stamp
            for problem in self._file.problems:
                log.warn("{path}: {problem}", path=str(self._path), problem=problem)
        return self._file
