"""Ceasing to be root once the ports are bound and the keys are read.

The parent gives its privileges up before it starts any other process, so owner and workers never have them; what a worker needs of
root's it is given: sockets by inheritance, keys over a pipe. ``twistd --uid --gid`` does the same drop at the same moment.
"""

import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
from twisted.python.util import switchUID

__all__ = ["Identity", "acting_as", "find_identity"]


@attrs.frozen
class Identity:
    """Whom to become."""

    uid: int
    gid: int

    def assume(self, hand_over: Path | None = None) -> None:
        """Become it for good (groups, then group, then user). Nothing happens if we are it already. Raises PermissionError.

        :param hand_over: a file made as root that the new identity goes on writing.
        """
        if (os.getuid(), os.getgid()) == (self.uid, self.gid):
            return
        if hand_over is not None and hand_over.exists():
            os.chown(hand_over, self.uid, self.gid)
        switchUID(self.uid, self.gid)  # initgroups, setgid, setuid
        if os.getuid() != self.uid or os.geteuid() != self.uid:
            raise PermissionError(f"could not become uid {self.uid}")


def find_identity(user: str, group: str) -> Identity | None:
    """The identity of these names, None when both are empty. Raises ValueError for an unknown name, or when we may not change."""
    if not user and not group:
        return None
    try:
        entry = pwd.getpwnam(user) if user else pwd.getpwuid(os.getuid())
        gid = grp.getgrnam(group).gr_gid if group else entry.pw_gid
    except KeyError as error:
        raise ValueError(f"user = {user!r}, group = {group!r}: {error.args[0]}") from None
    identity = Identity(entry.pw_uid, gid)
    if os.geteuid() != 0 and (os.geteuid(), os.getegid()) != (identity.uid, gid):
        raise ValueError(f"user = {user!r}: only root can become somebody else; start as root or leave it out")
    return identity


@contextmanager
def acting_as(identity: Identity | None) -> Iterator[None]:
    """For root's commands: be somebody else meanwhile, so that new files are theirs. Nothing happens for None and for ourselves."""
    if identity is None or os.geteuid() == identity.uid:
        yield
        return
    os.setegid(identity.gid)
    os.seteuid(identity.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
