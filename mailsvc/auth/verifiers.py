"""SCRAM at our side: verifiers for new passwords, and what to tell a client that begins an exchange (RFC 5802 3, RFC 7677).

All verifiers of an account share one salt, since the client hears it before it shows by which password it comes. It is made from the
account's address with a key that only the store has, and a name that nobody has gets its salt in the same way: nobody can tell from a
salt, today or in a year, whether an account exists.

Iterations are 50,000: a client spends some ten milliseconds; more than 65,536 are refused by clients with Cyrus SASL.
"""

import hmac

from mailsvc.core.interfaces.secrets import ISecrets
from mailsvc.core.secrets import MAX_DEVICES, VerifierRow
from mailsvc.core.values import Account
from mailsvc.formats.sasl import HASHES, ScramSecrets, keys_of

__all__ = ["ITERATIONS", "make_verifiers", "salt_of", "scram_secrets"]

ITERATIONS = 50_000


def salt_of(salt_key: bytes, address: str) -> bytes:
    """The salt of an account, or of nobody."""
    return hmac.digest(salt_key, address.encode("utf-8", "surrogatepass"), "sha256")[:16]


def make_verifiers(password: bytes, salt: bytes, iterations: int = ITERATIONS) -> tuple[VerifierRow, ...]:
    """The rows to store with a password (prepared). Blocks for some 50 ms."""
    rows = []
    for hash in HASHES:
        keys = keys_of(password, hash, salt, iterations)
        rows.append((hash, salt, iterations, keys.stored_key, keys.server_key))
    return tuple(rows)


async def scram_secrets(store: ISecrets, account: Account | None, address: str, hash: str) -> ScramSecrets:
    """What an exchange is given: the keys of all verifiers, filled up with false ones, so that each exchange costs the same.

    :param address: the account's, or the one that somebody made up. Raises NOT_NOW.
    """
    false_salt = salt_of(await store.salt_key(), address)
    verifiers = await store.verifiers(account.id if account else 0, hash)
    nobodys = await store.nobodys_verifiers(MAX_DEVICES + 1 - len(verifiers))
    first = verifiers[0] if verifiers else None
    salt, iterations = (first.salt, first.iterations) if first else (false_salt, ITERATIONS)
    fitting = [one for one in verifiers if (one.salt, one.iterations) == (salt, iterations)]
    return ScramSecrets(salt, iterations, tuple(one.keys for one in (*fitting, *nobodys)))
