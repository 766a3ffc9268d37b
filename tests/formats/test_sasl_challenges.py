"""Mechanisms that show no password, as state machines: CRAM-MD5, SCRAM, EXTERNAL, bearer tokens; and APOP's digest."""

import base64
import hmac
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scramp import ScramClient, ScramException

from mailsvc.formats.pop3 import apop_name
from mailsvc.formats.sasl import (
    MECHANISMS,
    CertificateProof,
    Challenge,
    Circumstances,
    DigestProof,
    Done,
    Mechanism,
    Need,
    Proof,
    SaslError,
    ScramProof,
    ScramQuestion,
    ScramSecrets,
    TokenProof,
    TokenQuestion,
    keys_of,
    timestamp,
)
from mailsvc.formats.sasl.exchange import Step

CHALLENGE = b"<1896.697170952@postoffice.reston.mci.net>"  # RFC 2195 2
BINDINGS = {"tls-exporter": b"\x01exported", "tls-server-end-point": b"\x02hashed"}


def begin(name: str, **circumstances: object) -> Mechanism:
    """A fresh exchange."""
    return MECHANISMS[name].make(Circumstances(**{"nonce": "ours", **circumstances}))  # type: ignore[arg-type]


def good(step: Step) -> Proof:
    """The proof of a step that ends the exchange."""
    assert isinstance(step, Done)
    return step.proof


# --- digests ---


def test_cram_md5_vector() -> None:
    """The example of RFC 2195 2: Tim's digest is that of his secret and of no other."""
    cram = begin("CRAM-MD5", nonce="1896", now=697170952, host="postoffice.reston.mci.net")
    assert cram.first() == CHALLENGE
    proof = good(cram.step(b"tim b913a602c7eda7a495b4e6e7334d3890"))
    assert isinstance(proof, DigestProof)
    assert proof.authcid == "tim"
    assert proof.shown_by(b"tanstaaftanstaaf")
    assert not proof.shown_by(b"tanstaaftanstaag")
    assert "b913" not in repr(proof)


def test_apop_vector() -> None:
    """The example of RFC 1939 7."""
    digest = b"c4c9334bac560ecc979e58001b3e22fb"
    assert apop_name(b"mrose", digest) == "mrose"
    proof = DigestProof("mrose", b"<1896.697170952@dbc.mtview.ca.us>", digest, keyed=False)
    assert proof.shown_by(b"tanstaaf")
    assert not proof.shown_by(b"tanstaag")


@pytest.mark.parametrize(
    ("user", "digest"),
    [
        (b"mrose", b"c4c9334bac560ecc979e58001b3e22f"),
        (b"mrose", b"C4C9334BAC560ECC979E58001B3E22FB"),
        (b"mrose", b"c4c9334bac560ecc979e58001b3e22fb0"),
        (b"mrose", b"x" * 32),
        (b"\xff", b"c4c9334bac560ecc979e58001b3e22fb"),
    ],
)
def test_apop_refuses(user: bytes, digest: bytes) -> None:
    """What is no name or no digest is told from a wrong digest."""
    assert apop_name(user, digest) is None


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"tim",
        b"b913a602c7eda7a495b4e6e7334d3890",
        b" b913a602c7eda7a495b4e6e7334d3890",
        b"tim b913a602c7eda7a495b4e6e7334d389",
        b"tim B913A602C7EDA7A495B4E6E7334D3890",
        b"tim b913a602c7eda7a495b4e6e7334d3890 ",
        b"\xff b913a602c7eda7a495b4e6e7334d3890",
        b"n" * 256 + b" b913a602c7eda7a495b4e6e7334d3890",
    ],
)
def test_cram_md5_refuses(response: bytes) -> None:
    """Each way to break the grammar is an error, not a wrong password."""
    with pytest.raises(SaslError):
        begin("CRAM-MD5").step(response)


def test_names_with_spaces() -> None:
    """A name may hold spaces; the digest is what follows the last one."""
    assert good(begin("CRAM-MD5").step(b"tim o tey b913a602c7eda7a495b4e6e7334d3890")).authcid == "tim o tey"


@given(st.from_regex(r"[0-9a-f]{1,32}", fullmatch=True), st.integers(0, 2**40))
def test_timestamps_suit_picky_clients(nonce: str, now: int) -> None:
    """A timestamp is letters, digits, dots and hyphens around an @: mpop takes no other."""
    shown = timestamp(Circumstances(nonce=nonce, now=now, host="mail.example.test"))
    left, at, right = shown[1:-1].partition(b"@")
    assert shown[:1] + shown[-1:] == b"<>"
    assert at
    assert all(part.replace(b".", b"").replace(b"-", b"").isalnum() for part in (left, right))


# --- SCRAM ---

SHA1 = (
    "SCRAM-SHA-1",
    "3rfcNHYJY1ZVvWVs7j",
    b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
    b"QSXCR+Q6sek8bf92",
    b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
)  # RFC 5802 5
SHA256 = (
    "SCRAM-SHA-256",
    "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    b"W22ZaJ0SNY7soEsUEjb6gQ==",
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
)  # RFC 7677 3


@pytest.mark.parametrize("vector", [SHA1, SHA256], ids=["RFC 5802", "RFC 7677"])
def test_scram_vectors(vector: tuple[str, str, bytes, bytes, bytes, bytes, bytes]) -> None:
    """The examples of the RFCs, octet for octet."""
    name, nonce, client_first, salt, server_first, client_final, server_final = vector
    hash = name.removeprefix("SCRAM-")
    octets = base64.b64decode(salt)
    scram = begin(name, nonce=nonce)
    assert scram.first() is None
    need = scram.step(client_first)
    assert isinstance(need, Need)
    assert need.question == ScramQuestion("user", hash)
    keys = keys_of(b"pencil", hash, octets, 4096)
    assert need.then(ScramSecrets(octets, 4096, (keys,))) == Challenge(server_first)
    assert scram.step(client_final) == Challenge(server_final)
    proof = good(scram.step(b""))
    assert isinstance(proof, ScramProof)
    assert proof.shown_by(keys.stored_key)
    assert not proof.shown_by(keys_of(b"pencils", hash, octets, 4096).stored_key)


SALT = b"sixteen octets.."


class Login:
    """A whole SCRAM exchange with a client of another make, with a chance to spoil what it says."""

    def __init__(self, mechanism: str, password: str = "pencil", secrets: tuple[str, ...] = ("pencil",)) -> None:
        self.hash = mechanism.removeprefix("SCRAM-").removesuffix("-PLUS")
        binding = ("tls-server-end-point", BINDINGS["tls-server-end-point"]) if mechanism.endswith("-PLUS") else None
        self.client = ScramClient([mechanism], "user", password, channel_binding=binding)
        self.server = begin(mechanism, bindings=BINDINGS if binding else {})
        keys = tuple(keys_of(secret.encode(), self.hash, SALT, 4096) for secret in secrets)
        self.secrets = ScramSecrets(SALT, 4096, keys)

    def run(self, spoil: Callable[[int, bytes], bytes] = lambda number, message: message) -> Proof:
        """The proof. ``spoil`` gets the number and the octets of each of the client's messages."""
        need = self.server.step(spoil(1, self.client.get_client_first().encode()))
        assert isinstance(need, Need)
        challenge = need.then(self.secrets)
        assert isinstance(challenge, Challenge)
        self.client.set_server_first(challenge.data.decode())
        step = self.server.step(spoil(2, self.client.get_client_final().encode()))
        if isinstance(step, Done):
            return step.proof
        assert isinstance(step, Challenge)
        self.client.set_server_final(step.data.decode())
        return good(self.server.step(b""))


SCRAMS = [name for name in MECHANISMS if name.startswith("SCRAM-")]


@pytest.mark.parametrize("mechanism", SCRAMS)
def test_scram_with_another_client(mechanism: str) -> None:
    """A client of another make logs in and takes our signature; with a wrong password it gets none."""
    proof = Login(mechanism).run()
    assert isinstance(proof, ScramProof)
    login = Login(mechanism, password="pen")
    wrong = login.run()
    assert isinstance(wrong, ScramProof)
    assert not any(wrong.shown_by(keys.stored_key) for keys in login.secrets.keys)


def test_scram_with_several_passwords() -> None:
    """Whichever of its passwords an account comes by, the client gets the signature of that one."""
    for password in ("one", "two", "three"):
        login = Login("SCRAM-SHA-256", password, ("one", "two", "three"))
        proof = login.run()
        assert isinstance(proof, ScramProof)
        fits = [proof.shown_by(keys.stored_key) for keys in login.secrets.keys]
        assert fits == [one == password for one in ("one", "two", "three")]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SCRAMS), st.sampled_from([1, 2]), st.integers(0, 10_000), st.integers(0, 7))
def test_scram_spoilt_in_one_bit(mechanism: str, number: int, place: int, bit: int) -> None:
    """Whatever bit of a client's messages is changed on the way, no proof is good and nothing but SaslError is raised."""

    def spoil(which: int, message: bytes) -> bytes:
        if which != number:
            return message
        at = place % len(message)
        return message[:at] + bytes([message[at] ^ (1 << bit)]) + message[at + 1 :]

    login = Login(mechanism)
    try:
        proof = login.run(spoil)
    except SaslError:
        return
    except ScramException:
        return  # the client noticed
    assert isinstance(proof, ScramProof)
    assert not any(proof.shown_by(keys.stored_key) for keys in login.secrets.keys)


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30))
def test_scram_takes_every_name(name: str) -> None:
    """Commas and equals signs in names are written in a way of their own, and come back."""
    written = name.replace("=", "=3D").replace(",", "=2C").encode()
    need = begin("SCRAM-SHA-256").step(b"n,a=" + written + b",n=" + written + b",r=x")
    assert isinstance(need, Need)
    assert need.question == ScramQuestion(name, "SHA-256")


SCRAM_FIRST_BAD = [
    (b"", "no-gs2-header", False),
    (b"n", "no-gs2-header", False),
    (b"x,,n=user,r=x", "no-gs2-header", False),
    (b"n,b=x,n=user,r=x", "no-gs2-header", False),
    (b"n,,", "bad-first-message", False),
    (b"n,,n=,r=x", "bad-first-message", False),
    (b"n,,n=user,r=", "bad-first-message", False),
    (b"n,,n=user", "bad-first-message", False),
    (b"n,,r=x,n=user", "bad-first-message", False),
    (b"n,,n=user,r=x\xff", "bad-first-message", False),
    (b"n,,n=user,r=x,", "bad-first-message", False),
    (b"n,,n=user,r=" + b"x" * 513, "bad-first-message", False),
    (b"n,,n=u=2cser,r=x", "bad-name", False),
    (b"n,,n=user=,r=x", "bad-name", False),
    (b"n,,n=us\0er,r=x", "bad-name", False),
    (b"n,,n=\xff,r=x", "name-not-utf8", False),
    (b"n,,n=" + b"u" * 256 + b",r=x", "long-name", False),
    (b"n,a==41,n=user,r=x", "bad-authzid", False),
    (b"n,,m=ext,n=user,r=x", "unknown-extension", True),
    (b"p=tls-unique,,n=user,r=x", "binding-and-mechanism-differ", True),
]


@pytest.mark.parametrize(("message", "reason", "refused"), SCRAM_FIRST_BAD)
def test_scram_refuses_first_messages(message: bytes, reason: str, refused: bool) -> None:
    """Each way to break the first message has a name; only what is well-formed counts as a failed log-in."""
    with pytest.raises(SaslError) as caught:
        begin("SCRAM-SHA-256").step(message)
    assert (caught.value.reason, caught.value.refused) == (reason, refused)


@pytest.mark.parametrize(
    ("mechanism", "header", "bindings", "reason"),
    [
        ("SCRAM-SHA-256", b"y,,", BINDINGS, "downgraded"),  # RFC 5802 6: our -PLUS was hidden from the client
        ("SCRAM-SHA-256", b"p=tls-exporter,,", BINDINGS, "binding-and-mechanism-differ"),
        ("SCRAM-SHA-256-PLUS", b"n,,", BINDINGS, "binding-and-mechanism-differ"),
        ("SCRAM-SHA-256-PLUS", b"y,,", BINDINGS, "binding-and-mechanism-differ"),
        ("SCRAM-SHA-256-PLUS", b"p=tls-unique,,", BINDINGS, "unknown-binding"),
        ("SCRAM-SHA-256-PLUS", b"p=tls-exporter,,", {}, "unknown-binding"),
        ("SCRAM-SHA-256", b"y,,", {}, None),
        ("SCRAM-SHA-256", b"n,,", BINDINGS, None),
        ("SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,", BINDINGS, None),
    ],
)
def test_scram_channel_binding(mechanism: str, header: bytes, bindings: dict[str, bytes], reason: str | None) -> None:
    """Who binds to a channel must do so by the right mechanism and a type that we know; a downgrade is noticed."""
    scram = begin(mechanism, bindings=bindings)
    if reason is None:
        assert isinstance(scram.step(header + b"n=user,r=x"), Need)
        return
    with pytest.raises(SaslError) as caught:
        scram.step(header + b"n=user,r=x")
    assert (caught.value.reason, caught.value.refused) == (reason, True)


PROOF = base64.b64encode(b"\0" * 32)


@pytest.mark.parametrize(
    ("message", "reason", "refused"),
    [
        (b"", "bad-final-message", False),
        (b"c=biws,r=xours", "bad-final-message", False),
        (b"r=xours,c=biws,p=" + PROOF, "bad-final-message", False),
        (b"c=biws,r=xours,p=" + PROOF + b",x=y", "bad-final-message", False),
        (b"c=biws,r=xours,p=!", "not-base64", False),
        (b"c=biws,r=xours,p=QUJ=", "not-base64", False),  # AB, but with a bit that stands for nothing
        (b"c=%%,r=xours,p=" + PROOF, "not-base64", False),
        (b"c=biws,r=xours,p=AAAA", "bad-proof", False),
        (b"c=eSws,r=xours,p=" + PROOF, "another-channel", True),
        (b"c=biwsAAA=,r=xours,p=" + PROOF, "another-channel", True),
        (b"c=biws,r=x,p=" + PROOF, "another-nonce", True),
        (b"c=biws,r=xtheirs,p=" + PROOF, "another-nonce", True),  # that of an exchange that was overheard
    ],
)
def test_scram_refuses_final_messages(message: bytes, reason: str, refused: bool) -> None:
    """Each way to break the final message, and to bring one of another exchange."""
    scram = begin("SCRAM-SHA-256")
    need = scram.step(b"n,,n=user,r=x")
    assert isinstance(need, Need)
    need.then(ScramSecrets(b"salt", 4096))
    with pytest.raises(SaslError) as caught:
        scram.step(message)
    assert (caught.value.reason, caught.value.refused) == (reason, refused)


def test_no_signature_for_strangers() -> None:
    """Without a good proof nothing comes back that a stranger could try passwords against at home."""
    scram = begin("SCRAM-SHA-256")
    need = scram.step(b"n,,n=user,r=x")
    assert isinstance(need, Need)
    need.then(ScramSecrets(b"salt", 4096, (keys_of(b"pencil", "SHA-256", b"salt", 4096),)))
    assert isinstance(scram.step(b"c=biws,r=xours,p=" + PROOF), Done)


# --- tokens and certificates ---

BEARER = b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
# RFC 7628 4.1
OAUTH_VECTOR = b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01" + BEARER + b"\x01\x01"
XOAUTH2_VECTOR = b"user=someuser@example.com\x01" + BEARER + b"\x01\x01"
TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="


@pytest.mark.parametrize(
    ("mechanism", "message", "user"),
    [
        ("OAUTHBEARER", OAUTH_VECTOR, "user@example.com"),
        ("OAUTHBEARER", b"n,,\x01" + BEARER + b"\x01\x01", ""),
        ("OAUTHBEARER", b"y,,\x01" + BEARER.replace(b"Bearer", b"bearer") + b"\x01\x01", ""),
        ("XOAUTH2", XOAUTH2_VECTOR, "someuser@example.com"),
    ],
)
def test_tokens(mechanism: str, message: bytes, user: str) -> None:
    """A good token ends the exchange at once; a bad one is explained, acknowledged and then fails (RFC 7628 3.2.3)."""
    fresh = begin(mechanism)
    need = fresh.step(message)
    assert isinstance(need, Need)
    assert need.question == TokenQuestion(TOKEN, user)
    assert need.then(True) == Done(TokenProof(TOKEN, user))
    assert TOKEN not in repr(need.then(True))
    explained = need.then(False)
    assert isinstance(explained, Challenge)
    assert b'"status"' in explained.data
    assert fresh.step(b"\x01") == Done(TokenProof(TOKEN, user))


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [
        ("OAUTHBEARER", b""),
        ("OAUTHBEARER", b"\x01"),
        ("OAUTHBEARER", b"n,,"),
        ("OAUTHBEARER", b"n,,\x01\x01"),
        ("OAUTHBEARER", b"n,,rest\x01" + BEARER + b"\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01" + BEARER),
        ("OAUTHBEARER", b"n,,\x01" + BEARER + b"\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Basic dGltOng=\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer \x01\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer to ken\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer \xff\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01" + BEARER + b"\x01" + BEARER + b"\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01host\x01" + BEARER + b"\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer " + b"x" * 8193 + b"\x01\x01"),
        ("OAUTHBEARER", b"p=tls-exporter,,\x01" + BEARER + b"\x01\x01"),
        ("XOAUTH2", b""),
        ("XOAUTH2", BEARER + b"\x01\x01"),
        ("XOAUTH2", b"user=\x01" + BEARER + b"\x01\x01"),
        ("XOAUTH2", b"user=tim\x01\x01"),
    ],
)
def test_tokens_malformed(mechanism: str, message: bytes) -> None:
    """Each way to break the grammar is an error before anybody is asked."""
    with pytest.raises(SaslError):
        begin(mechanism).step(message)


def test_external() -> None:
    """EXTERNAL says as whom to act, or nothing."""
    assert begin("EXTERNAL").step(b"") == Done(CertificateProof(""))
    assert begin("EXTERNAL").step("渡辺@example.test".encode()) == Done(CertificateProof("渡辺@example.test"))
    for bad in (b"\0", b"\xff", b"n" * 256):
        with pytest.raises(SaslError):
            begin("EXTERNAL").step(bad)


@given(st.sampled_from(sorted(MECHANISMS)), st.lists(st.binary(max_size=60), max_size=4), st.booleans())
def test_any_responses_lead_to_a_defined_end(name: str, responses: list[bytes], known: bool) -> None:
    """Whatever a client sends by whatever mechanism: another challenge, a proof, or SaslError."""
    mechanism = begin(name, bindings=BINDINGS)
    mechanism.first()
    for response in responses:
        try:
            step = mechanism.step(response)
            if isinstance(step, Need):
                token = isinstance(step.question, TokenQuestion)
                step = step.then(known if token else ScramSecrets(b"salt", 4096))
        except SaslError:
            return
        assert isinstance(step, Challenge | Done)
        if isinstance(step, Done):
            return


GRAMMAR = st.lists(
    st.sampled_from(
        [b"n", b"y", b"p=tls-exporter", b",", b"n=u", b"r=x", b"c=biws", b"p=", PROOF, b"a=b", b"m=", b"\x01", b"="]
    )
).map(b"".join)


@given(st.sampled_from([*SCRAMS, "OAUTHBEARER"]), st.lists(GRAMMAR, min_size=1, max_size=3))
def test_pieces_of_the_grammar_in_any_order(name: str, responses: list[bytes]) -> None:
    """What looks like SCRAM but is not is refused by name; no pieces put together make a proof that fits."""
    keys = keys_of(b"pencil", name.removeprefix("SCRAM-").removesuffix("-PLUS"), b"salt", 1) if name in SCRAMS else None
    mechanism = begin(name, bindings=BINDINGS)
    for response in responses:
        try:
            step = mechanism.step(response)
            if isinstance(step, Need):
                step = step.then(ScramSecrets(b"salt", 1, (keys,)) if keys else False)
        except SaslError:
            return
        if isinstance(step, Done):
            assert keys is None or not (isinstance(step.proof, ScramProof) and step.proof.shown_by(keys.stored_key))
            return


def test_digest_is_compared_whole() -> None:
    """Each digit of a digest counts."""
    digest = hmac.new(b"secret", CHALLENGE, "md5").hexdigest().encode()
    assert DigestProof("tim", CHALLENGE, digest).shown_by(b"secret")
    for place in range(32):
        other = digest[:place] + (b"0" if digest[place : place + 1] != b"0" else b"1") + digest[place + 1 :]
        assert not DigestProof("tim", CHALLENGE, other).shown_by(b"secret")
