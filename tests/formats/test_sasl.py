"""SASL mechanisms as state machines: PLAIN (RFC 4616), LOGIN, SASLprep (RFC 4013)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.sasl import (
    MECHANISMS,
    NAME_LIMIT,
    PASSWORD_LIMIT,
    Challenge,
    Circumstances,
    Done,
    Mechanism,
    PasswordProof,
    SaslError,
    saslprep,
)


def begin(name: str) -> Mechanism:
    """A fresh exchange."""
    return MECHANISMS[name].make(Circumstances())


PLAIN_VECTORS = [  # RFC 4616 4, and its rule that an absent authzid is empty
    (b"\0tim\0tanstaaftanstaaf", PasswordProof("tim", "tanstaaftanstaaf")),
    (b"Ursel\0Kurt\0xipj3plmq", PasswordProof("Kurt", "xipj3plmq", "Ursel")),
    ("\0渡辺@例え.テスト\0パスワード".encode(), PasswordProof("渡辺@例え.テスト", "パスワード")),
    (b"\0" + b"n" * NAME_LIMIT + b"\0" + b"p" * PASSWORD_LIMIT, PasswordProof("n" * NAME_LIMIT, "p" * PASSWORD_LIMIT)),
]

PLAIN_MALFORMED = [
    (b"", "not-three-fields"),
    (b"tim", "not-three-fields"),
    (b"tim\0secret", "not-three-fields"),
    (b"\0tim\0secret\0", "not-three-fields"),
    (b"\0\0secret", "empty-name"),
    (b"\0tim\0", "empty-password"),
    (b"\0\xff\0secret", "name-not-utf8"),
    (b"\0tim\0\xe3\x83", "password-not-utf8"),
    (b"\xed\xa0\x80\0tim\0secret", "authzid-not-utf8"),  # a surrogate: not in RFC 4616's UTF3
    (b"\0" + b"n" * (NAME_LIMIT + 1) + b"\0secret", "long-name"),
    (b"\0tim\0" + b"p" * (PASSWORD_LIMIT + 1), "long-password"),
    (b"a" * (NAME_LIMIT + 1) + b"\0tim\0secret", "long-authzid"),
]


@pytest.mark.parametrize(("response", "proof"), PLAIN_VECTORS)
def test_plain_reads_the_message(response: bytes, proof: PasswordProof) -> None:
    """PLAIN yields what the client typed, in one step."""
    assert begin("PLAIN").step(response) == Done(proof)


@pytest.mark.parametrize(("response", "reason"), PLAIN_MALFORMED)
def test_plain_refuses_malformed_messages(response: bytes, reason: str) -> None:
    """Each way to break PLAIN's grammar is refused by name, and the reason repeats nothing of the message."""
    with pytest.raises(SaslError) as caught:
        begin("PLAIN").step(response)
    assert caught.value.reason == reason


def test_plain_lets_the_client_speak_first() -> None:
    """PLAIN has no challenge of its own, so the session opens with an empty one."""
    assert begin("PLAIN").first() is None


def test_login_asks_for_name_then_password() -> None:
    """LOGIN asks with the prompts that Outlook wants."""
    login = begin("LOGIN")
    assert login.first() == b"Username:"
    assert login.step(b"tim") == Challenge(b"Password:")
    assert login.step(b"tanstaaf tanstaaf") == Done(PasswordProof("tim", "tanstaaf tanstaaf"))


@pytest.mark.parametrize(
    ("responses", "reason"),
    [
        ([b""], "empty-name"),
        ([b"ti\0m"], "nul-in-name"),
        ([b"\xff"], "name-not-utf8"),
        ([b"n" * (NAME_LIMIT + 1)], "long-name"),
        ([b"tim", b""], "empty-password"),
        ([b"tim", b"a\0b"], "nul-in-password"),
        ([b"tim", b"\xff"], "password-not-utf8"),
        ([b"tim", b"p" * (PASSWORD_LIMIT + 1)], "long-password"),
    ],
)
def test_login_refuses_malformed_answers(responses: list[bytes], reason: str) -> None:
    """Each way to break LOGIN's answers is refused by name."""
    login = begin("LOGIN")
    login.first()
    for response in responses[:-1]:
        login.step(response)
    with pytest.raises(SaslError, match=reason):
        login.step(responses[-1])


@given(st.sampled_from(["PLAIN", "LOGIN"]), st.lists(st.binary(max_size=40), max_size=4))
def test_any_responses_lead_to_a_defined_end(name: str, responses: list[bytes]) -> None:
    """Whatever a client sends, a mechanism challenges again, is done, or says SaslError: nothing else."""
    mechanism = begin(name)
    mechanism.first()
    for response in responses:
        try:
            step = mechanism.step(response)
        except SaslError:
            return
        assert isinstance(step, Challenge | Done)
        if isinstance(step, Done):
            assert isinstance(step.proof, PasswordProof)
            assert step.proof.authcid
            assert step.proof.password
            assert "\0" not in step.proof.authcid + step.proof.password
            return


FIELD = st.text(min_size=1, max_size=60).filter(lambda text: "\0" not in text)


@given(FIELD, FIELD, st.just("") | FIELD)
def test_plain_takes_every_name_and_password(name: str, password: str, authzid: str) -> None:
    """PLAIN carries any Unicode text but NUL unchanged."""
    proof = PasswordProof(name, password, authzid)
    assert begin("PLAIN").step("\0".join((authzid, name, password)).encode()) == Done(proof)


def test_a_proof_does_not_show_its_password() -> None:
    """A proof that ends up in a log says who, not by what password."""
    assert "tanstaaf" not in repr(Done(PasswordProof("tim", "tanstaaf")))


@pytest.mark.parametrize(
    ("typed", "prepared"),
    [  # RFC 4013 3
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("ｐａｓｓ　ｗｏｒｄ１", "pass word1"),  # as a Japanese input method left in full width types it
        ("が", "が"),  # か with a combining mark, as macOS sends it
    ],
)
def test_saslprep_maps(typed: str, prepared: str) -> None:
    """What looks alike becomes alike."""
    assert saslprep(typed) == prepared


@pytest.mark.parametrize(
    "typed", ["", "\u00ad", "\u0007", "a\u0000", "\u0627\u0031", "\u0627a\u0628", "\ufffd", "\ue000"]
)
def test_saslprep_refuses(typed: str) -> None:
    """Controls, private and replacement characters, mixed directions and nothing at all are refused (RFC 4013 2.3, 2.4)."""
    with pytest.raises(ValueError, match=r"\w"):
        saslprep(typed)


@given(st.text(max_size=30))
def test_saslprep_is_stable(typed: str) -> None:
    """What has been prepared once stays as it is."""
    try:
        prepared = saslprep(typed)
    except ValueError:
        return
    assert saslprep(prepared) == prepared
