"""Names of the files in a store's directory.

=================== =====================================================================
``mail.db``         the database (with ``-wal`` and ``-shm`` beside it)
``owner.lock``      held (flock) by the one process that may write
``owner.sock``      where workers and commands reach it, mode 0600
``reserve``         room that is kept for deleting on a full disk (:mod:`mailsvc.store.reserve`)
``bodies/xx/<id>``  large messages, in 256 directories; the location in the database is ``xx/<id>``
``bodies/tmp/<id>`` large messages that are still arriving
=================== =====================================================================
"""

import os

import attrs

__all__ = ["SOCKET_PATH_BYTES", "Layout", "sync_directory"]

SOCKET_PATH_BYTES = 107
"""How long the path of a socket may be: sun_path of Linux without its final NUL, unix(7)."""


@attrs.frozen
class Layout:
    """Paths below the store's directory ``root``."""

    root: str

    @property
    def database(self) -> str:
        """The SQLite database."""
        return os.path.join(self.root, "mail.db")

    @property
    def lease(self) -> str:
        """The lock file of the owner."""
        return os.path.join(self.root, "owner.lock")

    @property
    def socket(self) -> str:
        """The owner's Unix socket."""
        return os.path.join(self.root, "owner.sock")

    @property
    def reserve(self) -> str:
        """The file that keeps room for deleting."""
        return os.path.join(self.root, "reserve")

    def check_socket(self) -> None:
        """Raise OSError, in words for people, if no socket can have this path."""
        length = len(os.fsencode(self.socket))
        if length > SOCKET_PATH_BYTES:
            raise OSError(
                f"the socket {self.socket} cannot be made: its path has {length} bytes, {SOCKET_PATH_BYTES} are possible; "
                "put the store under a shorter path"
            )

    @property
    def bodies(self) -> str:
        """The directory of large messages."""
        return os.path.join(self.root, "bodies")

    @property
    def tmp(self) -> str:
        """The directory of large messages that are still arriving."""
        return os.path.join(self.bodies, "tmp")

    def body(self, location: str) -> str:
        """The file of a location."""
        return os.path.join(self.bodies, location)

    def has(self, location: str) -> bool:
        """Whether the file of a location is there."""
        return os.path.exists(self.body(location))

    def make_root(self) -> None:
        """Make the store's directory and those above it that are missing, each with a durable name in the one above. Raises OSError."""
        missing, path = [], os.path.abspath(self.root)
        while not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for path in reversed(missing):
            os.makedirs(path, mode=0o700, exist_ok=True)  # somebody else may make it at the same time
            sync_directory(os.path.dirname(path))

    def make(self) -> None:
        """Make what is missing of the directories, private to this user, and durable. Raises OSError."""
        self.make_root()
        numbered = [os.path.join(self.bodies, f"{number:02x}") for number in range(256)]
        for path in (self.bodies, self.tmp, *numbered):
            os.makedirs(path, mode=0o700, exist_ok=True)
        sync_directory(self.bodies)
        sync_directory(self.root)


def sync_directory(path: str) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
