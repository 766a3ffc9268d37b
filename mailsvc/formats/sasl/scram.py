"""SCRAM-SHA-1, SCRAM-SHA-256 and their -PLUS (RFC 5802, 7677): neither side shows the password, and each proves that it knows it.

::

    C: gs2-header n=name,r=nonce                       step -> Need(ScramQuestion)
    S: r=nonce+ours,s=salt,i=iterations                Challenge
    C: c=gs2-header and channel,r=nonce+ours,p=proof   step -> Challenge (v=), or Done without it if no key fits
    S: v=signature
    C: (empty)                                         step -> Done

An account may have several passwords (devices), so the proof is held against the keys of each. Only who showed one of them gets our
signature: with it a stranger could try passwords at home. Whether the log-in is good is for the checker, which looks again.

Channel binding (RFC 5802 6): tls-exporter (RFC 9266) and tls-server-end-point (RFC 5929 4).
"""

import binascii
import hmac
import re

import attrs

from mailsvc.formats.sasl.exchange import NAME_LIMIT, Challenge, Circumstances, Done, Need, SaslError, Step
from mailsvc.formats.sasl.gs2 import Gs2, gs2_header, saslname
from mailsvc.formats.sasl.proofs import ScramProof
from mailsvc.formats.sasl.questions import ScramQuestion
from mailsvc.formats.sasl.scram_keys import HASHES, ScramSecrets

__all__ = ["Scram"]

_NONCE_LIMIT = 512
_FIRST = re.compile(rb"n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,\0]*)*")
_FINAL = re.compile(rb"(c=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,\0]*)*),p=([^,]+)")
_SIZES = {"SHA-1": 20, "SHA-256": 32}


@attrs.define
class _Talk:
    """What was said so far."""

    gs2: Gs2
    name: str
    bare: bytes  # client-first-message-bare
    nonce: bytes  # the client's, then both
    secrets: ScramSecrets | None = None
    server_first: bytes = b""


class Scram:
    """A SCRAM exchange."""

    def __init__(self, hash: str, plus: bool, circumstances: Circumstances) -> None:
        """:param hash: a key of ``HASHES``. :param plus: whether this is the -PLUS variant."""
        self._hash = hash
        self._plus = plus
        self._circumstances = circumstances
        self._talk: _Talk | None = None
        self._proof: ScramProof | None = None

    def first(self) -> bytes | None:
        """The client speaks first."""
        return None

    def step(self, response: bytes) -> Step:
        """The client's first message, its last one, or its silence after our signature."""
        if self._talk is None:
            self._talk = self._begin(response)
            return Need(ScramQuestion(self._talk.name, self._hash), self._salted)
        if self._proof is None:
            return self._finish(self._talk, response)
        if response:
            raise SaslError("nothing-expected")
        return Done(self._proof)

    def _begin(self, message: bytes) -> _Talk:
        gs2 = gs2_header(message)
        if gs2 is None:
            raise SaslError("no-gs2-header")
        self._check_binding(gs2)
        if gs2.rest.startswith(b"m="):
            raise SaslError("unknown-extension", refused=True)  # RFC 5802 5.1: must fail
        found = _FIRST.fullmatch(gs2.rest)
        if found is None or len(found[2]) > _NONCE_LIMIT or len(found[1]) > 3 * NAME_LIMIT:
            raise SaslError("bad-first-message")
        return _Talk(gs2, saslname(found[1], "name"), gs2.rest, found[2])

    def _check_binding(self, gs2: Gs2) -> None:
        """RFC 5802 6."""
        if (gs2.flag == "p") != self._plus:
            raise SaslError("binding-and-mechanism-differ", refused=True)
        if gs2.flag == "y" and self._circumstances.bindings:
            raise SaslError("downgraded", refused=True)  # somebody in between has hidden our -PLUS from the client
        if gs2.flag == "p" and gs2.binding not in self._circumstances.bindings:
            raise SaslError("unknown-binding", refused=True)

    def _salted(self, secrets: ScramSecrets) -> Step:
        """Tell the client by which salt its password counts."""
        talk = self._talk
        assert talk is not None
        talk.secrets = secrets
        talk.nonce += self._circumstances.nonce.encode("ascii")
        salt = binascii.b2a_base64(secrets.salt, newline=False)
        talk.server_first = b"r=%b,s=%b,i=%d" % (talk.nonce, salt, secrets.iterations)
        return Challenge(talk.server_first)

    def _finish(self, talk: _Talk, message: bytes) -> Step:
        found = _FINAL.fullmatch(message)
        if found is None:
            raise SaslError("bad-final-message")
        without_proof, channel, nonce, proof = found.groups()
        expected = talk.gs2.octets + self._circumstances.bindings.get(talk.gs2.binding, b"")
        if not hmac.compare_digest(_base64(channel), expected):
            raise SaslError("another-channel", refused=True)
        if not hmac.compare_digest(nonce, talk.nonce):
            raise SaslError("another-nonce", refused=True)
        octets = _base64(proof)
        if len(octets) != _SIZES[self._hash]:
            raise SaslError("bad-proof")
        auth_message = b",".join((talk.bare, talk.server_first, without_proof))
        self._proof = ScramProof(talk.name, self._hash, auth_message, octets, talk.gs2.authzid)
        return self._answer(talk, self._proof)

    def _answer(self, talk: _Talk, proof: ScramProof) -> Step:
        assert talk.secrets is not None
        fitting = next((keys for keys in talk.secrets.keys if proof.shown_by(keys.stored_key)), None)
        if fitting is None:
            return Done(proof)
        signature = hmac.digest(fitting.server_key, proof.message, HASHES[self._hash])
        return Challenge(b"v=" + binascii.b2a_base64(signature, newline=False))


def _base64(octets: bytes) -> bytes:
    """In its one spelling: bits that stand for nothing must be zero (RFC 4648 3.5), which ``strict_mode`` does not look at."""
    try:
        decoded = binascii.a2b_base64(octets, strict_mode=True)
    except ValueError:
        raise SaslError("not-base64") from None
    if binascii.b2a_base64(decoded, newline=False) != octets:
        raise SaslError("not-base64")
    return decoded
