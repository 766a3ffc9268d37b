"""A server that offers every mechanism, and all that one may log in with there: passwords, tokens of a provider, client certificates."""

import datetime
import json
from pathlib import Path

import attrs
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailsvc.formats.sasl import MECHANISMS
from mailsvc.testing.harness import RunningServer
from tests.net.authority import Authority

from .programs import Certificate

__all__ = ["ISSUER", "US", "LoginServer", "make_login_server"]

ISSUER, US = "https://login.example.test", "mail.example.test"


@attrs.frozen
class LoginServer:
    """:ivar device: a device password of alice's, which APOP and CRAM-MD5 know too. :ivar provider: signs tokens."""

    server: RunningServer
    device: str
    provider: ec.EllipticCurvePrivateKey
    authority: Authority

    def token(self, address: str = "alice@example.test", provider: ec.EllipticCurvePrivateKey | None = None) -> str:
        """A token for this account, signed by the provider or by somebody else."""
        claims = {"iss": ISSUER, "aud": US, "exp": _now().timestamp() + 3600, "email": address}
        return jwt.encode(claims, provider or self.provider, "ES256", {"kid": "one"})

    def certificate(self, address: str = "alice@example.test") -> Certificate:
        """A client's certificate for this account."""
        certificate, key = self.authority.pair(address)
        files = [self.server.directory / f"client-{address}-{part}.pem" for part in ("certificate", "key")]
        files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        files[1].chmod(0o600)
        return Certificate(*files)


def make_login_server(directory: Path, workers: int = 1, log: str = "", judge: str = "") -> LoginServer:
    """:attr:`LoginServer.server` runs already.

    :param log: TOML for ``[log]``, and tables after it. :param judge: TOML that says how tokens are judged, instead of the provider's keys.
    """
    provider, authority = ec.generate_private_key(ec.SECP256R1()), Authority("clients", _now())
    directory.mkdir(parents=True, exist_ok=True)
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(provider.public_key()))
    (directory / "provider.json").write_text(json.dumps({"keys": [{**public, "kid": "one", "use": "sig"}]}))
    (directory / "authority.pem").write_bytes(authority.pem)
    mechanisms = ", ".join(f'"{name}"' for name in MECHANISMS)
    keys = f'keys = "{directory}/provider.json"'
    server = RunningServer(
        directory,
        workers=workers,
        config=f'[oauth]\nissuer = "{ISSUER}"\naudience = "{US}"\n{judge or keys}\n[log]\n{log}',
        listener=f"mechanisms = [{mechanisms}]",
    )
    text = server.file.read_text().replace("[tls]\n", f'[tls]\nclient_authorities = "{directory}/authority.pem"\n')
    server.file.write_text(text.replace('protocol = "pop3"\n', 'protocol = "pop3"\napop = true\n'))
    server.start()
    device = server.command("device", "add", "alice@example.test", "phone", "--readable").split()[-1]
    return LoginServer(server, device, provider, authority)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
