"""The keys of device passwords: a file beside the configuration, outside the database and outside its backups.

One line a key, ``id base64``; the last one is used for what is made now, older ones for what was made with them. Each yields two keys
(HKDF, RFC 5869): for the keyed hash by which a password is recognised, and for the encryption (AES-256-GCM) of those that APOP and
CRAM-MD5 need. The associated data binds what is sealed to its account and its id, so that it cannot be moved to another's row.

Who has the database but not this file learns nothing of device passwords; who loses this file loses them all, so copy it elsewhere.
"""

import base64
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["BadKeyFile", "Key", "KeyFile", "KeyRing", "UnknownKey"]

_LINE = re.compile(r"([0-9a-z]{1,20}) ([A-Za-z0-9+/=]+)")
_NONCE = 12


class UnknownKey(LookupError):
    """Something was made with a key that the file does not have (any more)."""


class BadKeyFile(ValueError):
    """The file is not one of keys; the message tells the line, never its content."""


@attrs.frozen
class Key:
    """One key with what is derived from it."""

    id: str
    secret: bytes = attrs.field(repr=False)

    @classmethod
    def new(cls) -> "Key":
        """A random one."""
        return cls(secrets.token_hex(4), secrets.token_bytes(32))

    def mac(self, password: bytes) -> bytes:
        """By which a password is recognised."""
        return hmac.digest(_derived(self.secret, b"mac"), password, "sha256")

    def seal(self, password: bytes, account: int, device: int) -> bytes:
        """The password encrypted: nonce and ciphertext."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + AESGCM(_derived(self.secret, b"seal")).encrypt(nonce, password, _bound_to(account, device))

    def open(self, sealed: bytes, account: int, device: int) -> bytes:
        """The password again. Raises UnknownKey if it was not sealed by this key, for this account and device."""
        try:
            return AESGCM(_derived(self.secret, b"seal")).decrypt(
                sealed[:_NONCE], sealed[_NONCE:], _bound_to(account, device)
            )
        except (InvalidTag, ValueError):
            raise UnknownKey(f"what was sealed with key {self.id} cannot be opened with it") from None


@lru_cache(64)
def _derived(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"mailsvc device password " + purpose).derive(secret)


def _bound_to(account: int, device: int) -> bytes:
    return b"%d:%d" % (account, device)


class KeyRing:
    """Keys by id. The last one is used for what is made now."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        """:param keys: the oldest first."""
        self._keys = {key.id: key for key in keys}

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys.values())

    @property
    def current(self) -> Key:
        """The key for what is made now. Raises UnknownKey if there is none at all."""
        if not self._keys:
            raise UnknownKey("there is no key for device passwords")
        return list(self._keys.values())[-1]

    def key(self, id: str) -> Key:
        """Raises UnknownKey."""
        try:
            return self._keys[id]
        except KeyError:
            raise UnknownKey(f"the key {id} is not in the key file") from None

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read the text of a file. Raises BadKeyFile."""
        keys = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            found = _LINE.fullmatch(line.strip())
            try:
                secret = base64.b64decode(found[2], validate=True) if found else b""
            except ValueError:
                secret = b""
            if found is None or len(secret) != 32:
                raise BadKeyFile(f"line {number} is not a key")
            keys.append(Key(found[1], secret))
        return cls(keys)

    def text(self) -> str:
        """The text of the file."""
        lines = [f"{key.id} {base64.b64encode(key.secret).decode('ascii')}\n" for key in self._keys.values()]
        return (
            "# Keys of mailsvc's device passwords. Secret; the last one is in use. Changed by `mailsvc keys rotate`.\n"
            + "".join(lines)
        )


class KeyFile:
    """The file on the disk, read again when it has changed; one that is missing holds no keys."""

    def __init__(self, path: Path) -> None:
        """:param path: of the file (``[auth] keys``); it need not exist."""
        self.path = path
        self._stamp: tuple[int, ...] | None = None
        self._ring = KeyRing()

    def ring(self) -> KeyRing:
        """The keys as of now. Raises OSError, BadKeyFile."""
        stamp = self._status()
        if stamp != self._stamp:
            self._ring = KeyRing.parse(self.path.read_text("ascii", "replace")) if stamp else KeyRing()
            self._stamp = stamp
        return self._ring

    def write(self, ring: KeyRing) -> None:
        """Replace the file, durable and readable by its owner (who stays the same) only. Raises OSError."""
        new = self.path.with_name(self.path.name + ".new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(ring.text())
            file.flush()
            if self._status():
                status = self.path.stat()
                os.fchown(descriptor, status.st_uid, status.st_gid)
            os.fsync(descriptor)
        new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _status(self) -> tuple[int, ...] | None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
