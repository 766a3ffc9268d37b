"""The client's side of log-ins, opposite our own servers' side."""

import pytest

from mailsvc.formats.sasl import (
    Challenge,
    Circumstances,
    DigestProof,
    Done,
    Need,
    PasswordProof,
    SaslError,
    ScramProof,
    ScramSecrets,
    keys_of,
)
from mailsvc.formats.sasl.clients import CLIENTS, Dialogue
from mailsvc.formats.sasl.cram_md5 import CramMD5
from mailsvc.formats.sasl.login import Login
from mailsvc.formats.sasl.plain import Plain
from mailsvc.formats.sasl.scram import Scram

CIRCUMSTANCES = Circumstances(nonce="server-nonce", host="mx.example.test", now=1)
NAME, PASSWORD = "a=b,c@example.test", "pässword"
SECRETS = ScramSecrets(b"salt", 4096, (keys_of(PASSWORD.encode(), "SHA-256", b"salt", 4096),))
SERVERS = {
    "PLAIN": Plain,
    "LOGIN": Login,
    "CRAM-MD5": lambda: CramMD5(CIRCUMSTANCES),
    "SCRAM-SHA-256": lambda: Scram("SHA-256", False, CIRCUMSTANCES),
}


def talk(dialogue: Dialogue, server: object) -> object:
    """The proof that the server ends with."""
    response = next(dialogue)
    if response is None:
        response = dialogue.send(server.first() or b"")  # type: ignore[attr-defined]
    while True:
        step = server.step(response)  # type: ignore[attr-defined]
        if isinstance(step, Need):
            step = step.then(SECRETS)
        if isinstance(step, Done):
            return step.proof
        assert isinstance(step, Challenge)
        response = dialogue.send(step.data)


@pytest.mark.parametrize("mechanism", CLIENTS)
def test_logs_in(mechanism: str) -> None:
    """Each mechanism says name and password so that our server understands it, and then has nothing more to say."""
    dialogue = CLIENTS[mechanism](NAME, PASSWORD, "client-nonce")
    proof = talk(dialogue, SERVERS[mechanism]())
    assert proof.authcid == NAME  # type: ignore[attr-defined]
    if isinstance(proof, PasswordProof):
        assert proof.password == PASSWORD
    elif isinstance(proof, DigestProof):
        assert proof.shown_by(PASSWORD.encode())
    else:
        assert isinstance(proof, ScramProof)
        assert proof.shown_by(SECRETS.keys[0].stored_key)
    with pytest.raises(StopIteration):
        dialogue.send(b"")


@pytest.mark.parametrize(
    "challenge",
    [
        b"", b"r=other,s=c2FsdA==,i=4096", b"r=client-nonce1,s=c2FsdA==,i=100", b"r=client-nonce1,s=c2FsdA==,i=9999999",
        b"r=client-nonce1,s=c2FsdA==", b"m=x,r=client-nonce1,s=c2FsdA==,i=4096", b"r=client-nonce1,s=c2F,i=4096",
    ],
)  # fmt: skip
def test_bad_challenges(challenge: bytes) -> None:
    """SCRAM goes on with no other nonce, no rounds that are too few or too many, nothing unknown."""
    dialogue = CLIENTS["SCRAM-SHA-256"]("name", "password", "client-nonce")
    next(dialogue)
    with pytest.raises(SaslError):
        dialogue.send(challenge)


def test_server_that_does_not_know_the_password() -> None:
    """A server that cannot sign is not ours."""
    dialogue = CLIENTS["SCRAM-SHA-256"]("name", "password", "client-nonce")
    next(dialogue)
    dialogue.send(b"r=client-nonce1,s=c2FsdA==,i=4096")
    with pytest.raises(SaslError, match="not-the-server"):
        dialogue.send(b"v=AAAA")
