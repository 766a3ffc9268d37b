"""From the configuration to the checkers: the chain of password sources, and beside it those of every other way to log in."""

from collections.abc import Iterable
from pathlib import Path

from twisted.cred import strcred
from twisted.cred.checkers import ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import IUsernamePassword
from twisted.internet.interfaces import IReactorTime

from mailsvc.auth.checkers import Chain, DirectoryChecker, OutsideSource
from mailsvc.auth.hashing import Hasher
from mailsvc.auth.pam import PamChecker, PamLine
from mailsvc.auth.passwd import PasswdFileChecker
from mailsvc.core.interfaces.directory import IDirectory

__all__ = ["make_chain"]

_UNUSED = {
    "unix": "it reads /etc/shadow as root and hashes in the reactor; use pam:SERVICE",
    "anonymous": "it lets everybody in",
}


def make_chain(
    names: Iterable[str],
    directory: IDirectory,
    hasher: Hasher,
    clock: IReactorTime,
    further: Iterable[ICredentialsChecker] = (),
    own: ICredentialsChecker | None = None,
    pam: PamLine | None = None,
) -> Chain:
    """The chain of the sources called ``names`` (AuthOptions.sources), then of ``further`` checkers (``--auth``).

    :param clock: limits the time that an outside source has. :param own: the checker of our own accounts; without one, a plain one for
        login passwords. :param pam: the line to the helper that asks PAM, if it is among the names.

    Raises ValueError, saying which source cannot be used and why.
    """
    own = own or DirectoryChecker(directory, hasher)
    named = [own if name == "own" else _source(name, directory, hasher, clock, pam) for name in names]
    return Chain([*named, *(_outside(checker, directory, clock) for checker in further)])


def _source(
    name: str, directory: IDirectory, hasher: Hasher, clock: IReactorTime, pam: PamLine | None
) -> ICredentialsChecker:
    kind, _, argument = name.partition(":")
    if kind == "passwd":
        return OutsideSource(PasswdFileChecker(Path(argument), hasher.worker), directory, clock)
    if kind == "pam":
        return OutsideSource(PamChecker(argument, pam, directory, clock), directory, clock)
    if kind in _UNUSED:
        raise ValueError(f"password source {kind} is not used here: {_UNUSED[kind]}")
    try:
        checker = strcred.makeChecker(name)
    except (strcred.StrcredException, ValueError, TypeError) as error:
        raise ValueError(f"password source {kind}: {error}") from error
    return _outside(checker, directory, clock)


def _outside(checker: ICredentialsChecker, directory: IDirectory, clock: IReactorTime) -> OutsideSource:
    if IUsernamePassword not in checker.credentialInterfaces:
        raise ValueError(f"password source {type(checker).__name__} does not check names and passwords")
    if isinstance(checker, InMemoryUsernamePasswordDatabaseDontUse):
        # Twisted 26.10 fills it with text when it is made from "memory:name:password", and then looks for octets in it.
        checker.users = {_octets(name): _octets(password) for name, password in checker.users.items()}
    return OutsideSource(checker, directory, clock)


def _octets(text: str | bytes) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else text
