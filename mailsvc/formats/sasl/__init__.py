"""SASL mechanisms as pure state machines (RFC 4422): decoded bytes in, challenges and a proof out.

A new mechanism is a new file here and a line in :mod:`mailsvc.formats.sasl.registry`. The exchange itself (base64, ``*``, limits) is
:mod:`mailsvc.wire.sasl`; whether a proof is good is for the checkers in :mod:`mailsvc.auth`.
"""

from mailsvc.formats.sasl.exchange import (
    NAME_LIMIT,
    PASSWORD_LIMIT,
    Challenge,
    Done,
    Mechanism,
    PasswordProof,
    Proof,
    SaslError,
)
from mailsvc.formats.sasl.prepare import saslprep
from mailsvc.formats.sasl.registry import MECHANISMS, offered

__all__ = [
    "MECHANISMS",
    "NAME_LIMIT",
    "PASSWORD_LIMIT",
    "Challenge",
    "Done",
    "Mechanism",
    "PasswordProof",
    "Proof",
    "SaslError",
    "offered",
    "saslprep",
]
