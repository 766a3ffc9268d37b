"""SASL mechanisms as pure state machines (RFC 4422): decoded bytes in, challenges and a proof out.

A new mechanism is a new file here and a line in :mod:`mailsvc.formats.sasl.registry`. The exchange itself (base64, ``*``, limits, what is
offered where) is :mod:`mailsvc.wire.sasl`; whether a proof is good is for the checkers in :mod:`mailsvc.auth`.
"""

from mailsvc.formats.sasl.cram_md5 import timestamp
from mailsvc.formats.sasl.exchange import (
    NAME_LIMIT,
    PASSWORD_LIMIT,
    Challenge,
    Circumstances,
    Done,
    Mechanism,
    Need,
    SaslError,
)
from mailsvc.formats.sasl.prepare import saslprep
from mailsvc.formats.sasl.proofs import (
    CertificateProof,
    DigestProof,
    PasswordProof,
    Proof,
    ScramProof,
    TokenProof,
)
from mailsvc.formats.sasl.questions import ScramQuestion, TokenQuestion
from mailsvc.formats.sasl.registry import MECHANISMS, SPA
from mailsvc.formats.sasl.scram_keys import HASHES, ScramKeys, ScramSecrets, keys_of

__all__ = [
    "HASHES",
    "MECHANISMS",
    "NAME_LIMIT",
    "PASSWORD_LIMIT",
    "SPA",
    "CertificateProof",
    "Challenge",
    "Circumstances",
    "DigestProof",
    "Done",
    "Mechanism",
    "Need",
    "PasswordProof",
    "Proof",
    "SaslError",
    "ScramKeys",
    "ScramProof",
    "ScramQuestion",
    "ScramSecrets",
    "TokenProof",
    "TokenQuestion",
    "keys_of",
    "saslprep",
    "timestamp",
]
