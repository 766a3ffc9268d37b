"""All ways into the house, put together: the checkers for the portal, and who answers what a SASL exchange has to ask.

::

    names and passwords -> Chain (sources.py)       digests -> DigestChecker      SCRAM -> Scram
    tokens -> TokenChecker                          certificates -> CertificateChecker
"""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
from twisted.cred.checkers import ICredentialsChecker

from mailsvc.auth.certificates import CertificateChecker
from mailsvc.auth.challenges import DigestChecker, Scram
from mailsvc.auth.checkers import Chain, DirectoryChecker
from mailsvc.auth.devices import Devices, Used
from mailsvc.auth.hashing import Hasher
from mailsvc.auth.keyring import KeyFile
from mailsvc.auth.options import AuthOptions, OAuthOptions
from mailsvc.auth.pam import PamLine
from mailsvc.auth.renewal import Apply, Renewal
from mailsvc.auth.sources import make_chain
from mailsvc.auth.tokens import JwtVerifier, TokenChecker, TokenVerifier
from mailsvc.auth.verified import Verified
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.secrets import ISecrets
from mailsvc.core.values import Peer
from mailsvc.formats.sasl import ScramQuestion, TokenQuestion

__all__ = ["Doors", "make_doors", "usable"]

_OWN = frozenset({"own"})
_TOKEN = frozenset({"OAUTHBEARER", "XOAUTH2"})


@attrs.frozen
class Doors:
    """:ivar chain: for names and passwords. :ivar scram: and ``tokens``: those that exchanges ask on the way."""

    chain: Chain
    digests: DigestChecker
    scram: Scram
    certificates: CertificateChecker
    tokens: TokenChecker | None = None

    @property
    def checkers(self) -> Sequence[ICredentialsChecker]:
        """One for each kind of credentials."""
        own = (self.chain, self.digests, self.scram, self.certificates)
        return own if self.tokens is None else (*own, self.tokens)

    async def answer(self, question: Any, peer: Peer) -> Any:
        """The answer to a question of :mod:`mailsvc.formats.sasl.questions`. Raises NOT_NOW."""
        if isinstance(question, ScramQuestion):
            return await self.scram.answer(question, peer)
        assert isinstance(question, TokenQuestion)
        return self.tokens is not None and await self.tokens.answer(question, peer)


def make_doors(
    reactor: Any,
    options: AuthOptions,
    oauth: OAuthOptions,
    directory: IDirectory,
    secrets: ISecrets,
    apply: Apply,
    hasher: Hasher,
    used: Used,
    further: Iterable[ICredentialsChecker] = (),
    pam: PamLine | None = None,
) -> Doors:
    """:param apply: that of IStore. :param used: told of each use of a device password. :param further: checkers given by ``--auth``.
    :param pam: the line to PAM's helper.

    Raises ValueError for a source that cannot be used, OSError for a secret that cannot be read.
    """
    devices = Devices(secrets, KeyFile(options.keys), used)
    verified = Verified(options.remembered, options.remember_time)
    own = DirectoryChecker(directory, hasher, devices, verified, Renewal(secrets, hasher, apply))
    verifier = _verifier(reactor, oauth)
    return Doors(
        make_chain(options.sources, directory, hasher, reactor, further, own, pam),
        DigestChecker(directory, devices),
        Scram(directory, secrets, devices),
        CertificateChecker(directory),
        TokenChecker(directory, verifier, oauth.claim) if verifier else None,
    )


def usable(mechanisms: Iterable[str], options: AuthOptions, oauth: OAuthOptions) -> tuple[str, ...]:
    """Those mechanisms that can work: SCRAM by our own accounts only, tokens by a provider only."""
    outside = not _OWN.issuperset(options.sources)
    return tuple(
        name
        for name in mechanisms
        if not (outside and name.startswith("SCRAM-")) and (oauth.issuer or name not in _TOKEN)
    )


def _verifier(reactor: Any, options: OAuthOptions) -> TokenVerifier | None:
    if not options.issuer:
        return None
    if options.keys:
        return JwtVerifier(options.keys, options.issuer, options.audience)
    from twisted.web.client import Agent, HTTPConnectionPool

    from mailsvc.auth.introspection import Introspection

    secret = options.client_secret.read_text("utf-8").strip() if options.client_secret else ""
    agent = Agent(reactor, connectTimeout=5, pool=HTTPConnectionPool(reactor))
    return Introspection(
        agent, options.introspection, options.client, secret, options.issuer, options.audience, reactor
    )
