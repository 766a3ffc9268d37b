"""From the configured names of password sources to the chain that asks them."""

from collections.abc import Iterable
from pathlib import Path

from twisted.cred import strcred
from twisted.cred.checkers import ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import IUsernamePassword

from mailsvc.auth.checkers import Chain, DirectoryChecker, OutsideSource, Upgrade
from mailsvc.auth.hashing import Hasher
from mailsvc.auth.passwd import PasswdFileChecker
from mailsvc.core.interfaces.directory import IDirectory

__all__ = ["make_chain"]

_UNUSED = {
    "unix": "it reads /etc/shadow as root and hashes in the reactor; use passwd:/path",
    "anonymous": "it lets everybody in",
}


def make_chain(
    names: Iterable[str],
    directory: IDirectory,
    hasher: Hasher,
    further: Iterable[ICredentialsChecker] = (),
    upgrade: Upgrade | None = None,
) -> Chain:
    """The chain of the sources called ``names`` (AuthOptions.sources), then of ``further`` checkers (``--auth``).

    :param upgrade: stores a renewed hash of one of our own accounts.
    Raises ValueError, saying which source cannot be used and why.
    """
    named = [_source(name, directory, hasher, upgrade) for name in names]
    return Chain([*named, *(_outside(checker, directory) for checker in further)])


def _source(name: str, directory: IDirectory, hasher: Hasher, upgrade: Upgrade | None) -> ICredentialsChecker:
    kind, _, argument = name.partition(":")
    if name == "own":
        return DirectoryChecker(directory, hasher, upgrade)
    if kind == "passwd":
        return OutsideSource(PasswdFileChecker(Path(argument), hasher.worker), directory)
    if kind in _UNUSED:
        raise ValueError(f"password source {kind} is not used here: {_UNUSED[kind]}")
    try:
        checker = strcred.makeChecker(name)
    except (strcred.StrcredException, ValueError, TypeError) as error:
        raise ValueError(f"password source {kind}: {error}") from error
    return _outside(checker, directory)


def _outside(checker: ICredentialsChecker, directory: IDirectory) -> OutsideSource:
    if IUsernamePassword not in checker.credentialInterfaces:
        raise ValueError(f"password source {type(checker).__name__} does not check names and passwords")
    if isinstance(checker, InMemoryUsernamePasswordDatabaseDontUse):
        # Twisted 26.10 fills it with text when it is made from "memory:name:password", and then looks for octets in it.
        checker.users = {_octets(name): _octets(password) for name, password in checker.users.items()}
    return OutsideSource(checker, directory)


def _octets(text: str | bytes) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else text
