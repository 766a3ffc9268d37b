"""Hashes of passwords: argon2id for our own (RFC 9106), and those of other programs that we can verify.

:class:`Hasher` works off the reactor in a :class:`~mailsvc.auth.pool.Worker`. The cost, 19 MiB, 2 passes, 1 lane, is 25 ms of one core
here (the library's default would be 190 ms of four) and is OWASP's advice for servers.

To verify a password against no hash at all costs as much as against a real one, so that nobody can tell from the time whether an account
exists.
"""

import re
from collections.abc import Callable
from typing import Any

import argon2
import bcrypt
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from passlib.hash import sha256_crypt, sha512_crypt  # type: ignore[import-untyped]  # the kept fork: libpass

from mailsvc.auth.pool import Worker
from mailsvc.core.errors import Kind, MailError
from mailsvc.formats.sasl import saslprep

__all__ = ["Hasher", "UnknownScheme", "imported", "known", "matches", "prepared"]

_DOVECOT_SCHEME = re.compile(r"^\{[A-Za-z0-9.-]+\}")

_ARGON2 = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)

# Well-formed, of the same cost as a real one, and the hash of nothing.
_NOBODY = f"$argon2id$v=19$m={_ARGON2.memory_cost},t={_ARGON2.time_cost},p={_ARGON2.parallelism}${'A' * 22}${'A' * 43}"


class UnknownScheme(ValueError):
    """A stored hash of a kind that we cannot verify; the message names the scheme, never the hash."""


def _verify_argon2(stored: str, password: bytes) -> bool:
    try:
        return _ARGON2.verify(stored, password)
    except VerifyMismatchError:
        return False
    except (InvalidHashError, VerificationError):
        raise UnknownScheme("a damaged argon2 hash") from None


def _verify_bcrypt(stored: str, password: bytes) -> bool:
    try:
        # bcrypt ends after 72 octets, and so did whoever made the hash.
        return bcrypt.checkpw(password[:72], stored.encode("ascii"))
    except ValueError:
        raise UnknownScheme("a damaged bcrypt hash") from None


def _verify_crypt(scheme: Any) -> Callable[[str, bytes], bool]:
    def verify(stored: str, password: bytes) -> bool:
        try:
            return bool(scheme.verify(password, stored))
        except ValueError:
            raise UnknownScheme(f"a damaged {scheme.name} hash") from None

    return verify


_SCHEMES = {
    "argon2id": _verify_argon2,
    "argon2i": _verify_argon2,
    "argon2d": _verify_argon2,
    "2a": _verify_bcrypt,
    "2b": _verify_bcrypt,
    "2y": _verify_bcrypt,
    "5": _verify_crypt(sha256_crypt),  # crypt(3) of Linux, and Dovecot's SHA256-CRYPT and SHA512-CRYPT
    "6": _verify_crypt(sha512_crypt),
}


def matches(stored: str, password: bytes) -> bool:
    """Whether ``stored``, a hash in ``$scheme$...`` form, is that of ``password``. Blocks. ``""``: False, after the usual work.

    Raises UnknownScheme.
    """
    if not stored:
        _verify_argon2(_NOBODY, password)
        return False
    return _verifier(stored)(stored, password)


def _verifier(stored: str) -> Callable[[str, bytes], bool]:
    scheme = re.match(r"\$([a-z0-9-]{1,20})\$", stored)
    if scheme is None:
        raise UnknownScheme("a password without a scheme such as $argon2id$")
    try:
        return _SCHEMES[scheme[1]]
    except KeyError:
        raise UnknownScheme(f"password scheme ${scheme[1]}$ is not among {', '.join(_SCHEMES)}") from None


def imported(field: str) -> str:
    """A hash as another program wrote it, without Dovecot's ``{SCHEME}``."""
    return _DOVECOT_SCHEME.sub("", field.strip())


def known(stored: str) -> None:
    """Raises UnknownScheme for a hash that we cannot verify."""
    _verifier(stored)(stored, b"anything")


def prepared(password: str | bytes) -> bytes | None:
    """The octets of a password that are hashed (RFC 4616 2: SASLprep, then UTF-8); None if it is not fit to be one."""
    try:
        text = password.decode("utf-8") if isinstance(password, bytes) else password
        return saslprep(text).encode("utf-8")
    except ValueError:
        return None


class Hasher:
    """Hashes and verifies the passwords of our own accounts."""

    def __init__(self, worker: Worker) -> None:
        """:param worker: where hashing is done, which takes some 25 ms of a processor each."""
        self.worker = worker

    async def hash(self, password: str | bytes) -> str:
        """The PHC string to store. Raises MailError BAD_REQUEST for a password that nobody could log in with, NOT_NOW."""
        octets = prepared(password)
        if octets is None:
            raise MailError(Kind.BAD_REQUEST, "unfit-password", "A password is text without control characters")
        return await self.worker.run(_ARGON2.hash, octets)

    async def verify(self, stored: str, password: bytes) -> bool:
        """Whether ``stored`` is the hash of ``password``; ``""`` is nobody's. Always the same work. Raises NOT_NOW, UnknownScheme."""
        octets = prepared(password)
        return await self.worker.run(matches, stored if octets else "", octets or b"")

    def outdated(self, stored: str) -> bool:
        """Whether a hash that has just been verified should be made anew: another scheme or cost than today's."""
        return not stored.startswith("$argon2id$") or _ARGON2.check_needs_rehash(stored)
