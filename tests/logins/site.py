"""A submission, POP3 or IMAP listener in front of a real house: every way to log in, as a client meets it."""

import datetime
import json
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.task import Clock

from mailsvc import imap, pop3, smtp
from mailsvc.app.portal import make_portal
from mailsvc.app.realm import Realm
from mailsvc.auth.doors import make_doors
from mailsvc.auth.hashing import Hasher
from mailsvc.auth.options import AuthOptions, OAuthOptions
from mailsvc.core.interfaces.mailboxes import IMailboxes
from mailsvc.core.interfaces.maildrop import IMaildrop
from mailsvc.core.values import LoggedIn
from mailsvc.formats.sasl import MECHANISMS
from mailsvc.imap import mailboxes_factory
from mailsvc.net.certificates import self_signed
from mailsvc.net.tls import KeyPair, ServerTLS
from mailsvc.pop3 import maildrop_factory
from mailsvc.testing.auth import InlineWorker
from mailsvc.testing.logins import PASSWORD, LoginHouse
from mailsvc.wire.factory import ConversationFactory
from mailsvc.wire.options import ListenerOptions, Protocol

__all__ = ["HOST", "TLS", "LoginSite"]

HOST = "mail.example.test"
TLS = ServerTLS(KeyPair(*self_signed([HOST, "localhost", "127.0.0.1"], datetime.datetime.now(datetime.UTC))))
_BUILD = {Protocol.SUBMISSION: smtp.build, Protocol.POP3: pop3.build, Protocol.IMAP: imap.build}


def _provider_keys(file: Path) -> Path:
    """The key of a provider that signs nothing."""
    key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key()))
    file.write_text(json.dumps({"keys": [{**key, "kid": "one"}]}))
    return file


class LoginSite(LoginHouse):
    """``alice`` has the login password ``PASSWORD``, and ``device``, a device password that APOP and CRAM-MD5 know too.

    :ivar logged_in: the mechanisms by which somebody has logged in.
    """

    def __init__(self, path: Path, protocol: str, clock: Any = None, **options: Any) -> None:
        super().__init__(path)
        hasher = Hasher(InlineWorker())
        hashed = hasher.hash(PASSWORD)
        try:
            hashed.send(None)
        except StopIteration as done:
            self.set_password("alice", done.value)
        self.device_password = self.add_device("alice", "phone", readable=True)
        self.logged_in: list[str] = []
        doors = make_doors(
            None,
            AuthOptions(keys=self.keys.path),
            OAuthOptions(issuer="https://login.example.test", keys=_provider_keys(path / "provider.json")),
            self.directory,
            self.secrets,
            self.store.apply,
            hasher,
            lambda device, peer: None,
        )
        factories: Any = {IMaildrop: maildrop_factory(self.store), IMailboxes: mailboxes_factory(self.store)}
        portal = make_portal(Realm(self.directory, factories), doors, self.note)
        settings = {"mechanisms": tuple(MECHANISMS), "apop": protocol == "pop3", **options}
        self.options = ListenerOptions(protocol=Protocol(protocol), port=25, **settings)
        build: Any = _BUILD[self.options.protocol]
        self.factory = ConversationFactory(self.options, build(self.options, portal, HOST), clock or Clock(), tls=TLS)

    def note(self, event: LoggedIn) -> None:
        """Somebody has logged in."""
        self.logged_in.append(event.peer.mechanism)
