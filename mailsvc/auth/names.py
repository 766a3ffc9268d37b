"""From what a client calls itself to an account: the steps that every way to log in shares."""

from twisted.cred.error import UnauthorizedLogin

from mailsvc.auth.credentials import Admission
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.secrets import ELSEWHERE
from mailsvc.core.values import Account, Peer
from mailsvc.formats.sasl import NAME_LIMIT, saslprep

__all__ = ["WrongPassword", "admit", "claimed", "find", "name_of", "same_account"]


class WrongPassword(UnauthorizedLogin):
    """Of a source that knows the name: no other source may let it in. (A bare UnauthorizedLogin: unknown here, ask the next.)"""


def name_of(octets: bytes) -> str:
    """A name as it is looked up. Raises UnauthorizedLogin: no account has a name that is not fit to be one."""
    if len(octets) > NAME_LIMIT or b"\0" in octets:
        raise UnauthorizedLogin("unfit-name")
    try:
        return saslprep(octets.decode("utf-8"))
    except ValueError:
        raise UnauthorizedLogin("unfit-name") from None


async def find(directory: IDirectory, octets: bytes, peer: Peer) -> Account | None:
    """The account of this name. Raises UnauthorizedLogin, NOT_NOW."""
    return await directory.find_login(name_of(octets), peer.domain)


async def claimed(directory: IDirectory, octets: bytes, peer: Peer) -> tuple[Account | None, str]:
    """The account of this name, and the canonical address that it has or would have. Raises UnauthorizedLogin, NOT_NOW."""
    return await directory.claimed(name_of(octets), peer.domain)


async def same_account(directory: IDirectory, account: Account, authzid: bytes, peer: Peer) -> None:
    """Nobody here may act as somebody else (RFC 4422 2). Raises UnauthorizedLogin."""
    if not authzid:
        return
    other = await find(directory, authzid, peer)
    if other is None or other.id != account.id:
        raise UnauthorizedLogin("other-identity")


def admit(account: Account | None, credential: int = ELSEWHERE) -> Admission:
    """The avatar id of an account that may log in, by a credential (``LOGIN``, the id of a device). Raises UnauthorizedLogin."""
    if account is None:
        raise UnauthorizedLogin("no-account")
    if not account.enabled:
        raise UnauthorizedLogin("disabled")
    return Admission.make(account.address, credential)
