"""CRAM-MD5: a digest over our challenge and a secret (RFC 2195). For old clients, with device passwords only."""

import re

from mailsvc.formats.sasl.exchange import NAME_LIMIT, Circumstances, Done, SaslError, Step, text
from mailsvc.formats.sasl.proofs import DigestProof

__all__ = ["CramMD5", "timestamp"]

_DIGEST = re.compile(rb"[0-9a-f]{32}")


def timestamp(circumstances: Circumstances) -> bytes:
    """A challenge in the form of a msg-id that never came before (RFC 2195 2, RFC 1939 7).

    Nothing but letters, digits, ``.`` and ``-`` around the ``@``: mpop refuses a server that shows anything else.
    """
    return f"<{circumstances.nonce}.{circumstances.now}@{circumstances.host}>".encode("ascii")


class CramMD5:
    """A CRAM-MD5 exchange."""

    def __init__(self, circumstances: Circumstances) -> None:
        self._challenge = timestamp(circumstances)

    def first(self) -> bytes | None:
        """The challenge."""
        return self._challenge

    def step(self, response: bytes) -> Step:
        """``user SP digest``; the name may hold spaces, the digest does not."""
        name, _, digest = response.rpartition(b" ")
        if not _DIGEST.fullmatch(digest):
            raise SaslError("no-digest")
        return Done(DigestProof(text(name, NAME_LIMIT, "name"), self._challenge, digest))
