"""The portal and the realm: every log-in from credentials to avatar."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
from twisted.cred.checkers import ANONYMOUS, ICredentialsChecker
from twisted.cred.credentials import Anonymous, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin, UnhandledCredentials
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface, implementer
from zope.interface.verify import verifyObject

from mailsvc.app.portal import MailPortal, make_portal
from mailsvc.app.realm import Realm
from mailsvc.auth.checkers import Chain, OutsideSource
from mailsvc.auth.credentials import ConnectionCredentials
from mailsvc.auth.doors import Doors, make_doors
from mailsvc.auth.hashing import Hasher
from mailsvc.auth.options import AuthOptions, OAuthOptions
from mailsvc.auth.relay_checker import RelayChecker
from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.few_lines import EACH, PERIOD, TOTAL
from mailsvc.core.interfaces.delivery import IDelivery
from mailsvc.core.interfaces.login import IAuthenticated
from mailsvc.core.interfaces.maildrop import IMaildrop
from mailsvc.core.operations import Operation, SetPassword
from mailsvc.core.secrets import LOGIN
from mailsvc.core.values import Account, LoggedIn, Peer
from mailsvc.testing.auth import InlineWorker
from mailsvc.testing.directory import MemoryDirectory
from mailsvc.testing.relay import make_desk
from mailsvc.testing.secrets import MemorySecrets
from tests.auth.people import CHEAP, PEER, typed


class IUnheardOf(Interface):
    """Nobody provides this."""


@attrs.frozen
class Avatar:
    """What a factory was given."""

    account: Account | None
    peer: Peer


class PortalTests(SynchronousTestCase):
    """Log-ins through the whole of portal, checkers and realm."""

    def setUp(self) -> None:
        self.directory = MemoryDirectory()
        self.tim = self.directory.add("tim@example.test", password_hash=CHEAP)
        self.refusal: MailError | None = None
        self.logouts: list[str] = []
        self.events: list[LoggedIn] = []
        self.realm = Realm(self.directory, {IMaildrop: self.maildrop, IDelivery: self.delivery})
        self.portal = make_portal(
            self.realm,
            self.doors(),
            lambda event: self.events.append(event),
            relay=RelayChecker(make_desk(self.directory)),
        )

    def doors(self) -> Doors:
        """Every way in, over accounts and secrets in memory."""
        options = AuthOptions(keys=Path("/no/such/file"))
        hasher, secrets = Hasher(InlineWorker()), MemorySecrets()
        return make_doors(
            Clock(), options, OAuthOptions(), self.directory, secrets, self.apply, hasher, lambda *_: None
        )

    async def apply(self, operations: Sequence[Operation]) -> None:
        """A store that keeps renewed hashes."""
        for operation in operations:
            assert isinstance(operation, SetPassword)
            self.directory.set_hash(self.tim, operation.password_hash)

    async def maildrop(self, account: Account | None, peer: Peer) -> tuple[Avatar, Callable[[], None]]:
        """A factory that may refuse."""
        if self.refusal:
            raise self.refusal
        return Avatar(account, peer), lambda: self.logouts.append("maildrop")

    def delivery(self, account: Account | None, peer: Peer) -> tuple[Avatar, Callable[[], None]]:
        """A factory that is no coroutine."""
        return Avatar(account, peer), lambda: self.logouts.append("delivery")

    def login(self, credentials: Any, *interfaces: Any, mind: object = PEER) -> Deferred[Any]:
        """Log in."""
        return self.portal.login(credentials, mind, *interfaces)

    def test_interface(self) -> None:
        """The realm is Twisted's kind of realm."""
        verifyObject(IRealm, self.realm)

    def test_password(self) -> None:
        """A right password yields the avatar asked for, with the account and how it was proved."""
        interface, avatar, logout = self.successResultOf(self.login(typed("tim"), IMaildrop))
        self.assertIs(interface, IMaildrop)
        self.assertEqual(avatar, Avatar(self.tim, attrs.evolve(PEER, mechanism="PLAIN")))
        logout()
        self.assertEqual(self.logouts, ["maildrop"])

    def test_an_old_hash_is_renewed(self) -> None:
        """Who logs in with a hash of another cost has one of today's cost afterwards."""
        self.successResultOf(self.login(typed("tim"), IMaildrop))
        renewed = self.directory.hash_of(self.tim)
        self.assertNotEqual(renewed, CHEAP)
        self.assertFalse(Hasher(InlineWorker()).outdated(renewed))
        self.successResultOf(self.login(typed("tim"), IMaildrop))
        self.assertEqual(self.directory.hash_of(self.tim), renewed)

    def test_first_interface_that_we_have(self) -> None:
        """Of several interfaces the first that the table holds is given."""
        interface, _, _ = self.successResultOf(self.login(typed("tim"), IUnheardOf, IDelivery, IMaildrop))
        self.assertIs(interface, IDelivery)

    def test_unknown_interface(self) -> None:
        """What nobody provides is a fault of ours (NotImplementedError, as IRealm wants): temporary, with a traceback in the log."""
        self.assertTrue(self.failureResultOf(self.login(typed("tim"), IUnheardOf), MailError).value.temporary)
        self.assertEqual(len(self.flushLoggedErrors(NotImplementedError)), 1)

    def test_smtp_auth_then_delivery(self) -> None:
        """AUTH yields a proof; with it the connection's own log-in is the account's, without it nobody's."""
        _, proof, _ = self.successResultOf(self.login(typed("tim"), IAuthenticated))
        verifyObject(IAuthenticated, proof)
        self.assertEqual((proof.account, proof.mechanism), (self.tim, "PLAIN"))
        known = ConnectionCredentials(peer=PEER, helo="pc", authenticated=proof)
        _, avatar, _ = self.successResultOf(self.login(known, IDelivery))
        self.assertEqual(avatar, Avatar(self.tim, attrs.evolve(PEER, mechanism="PLAIN")))
        _, avatar, _ = self.successResultOf(self.login(ConnectionCredentials(peer=PEER), IDelivery))
        self.assertEqual(avatar, Avatar(None, PEER))

    def test_anonymous_gets_nothing_but_delivery(self) -> None:
        """A connection without a log-in can have neither a mailbox nor a proof of AUTH."""
        for interface in (IMaildrop, IAuthenticated):
            self.failureResultOf(self.login(ConnectionCredentials(peer=PEER), interface), UnauthorizedLogin)
        self.failureResultOf(self.realm.requestAvatar(ANONYMOUS, PEER, IMaildrop), UnauthorizedLogin)

    def test_credentials_nobody_checks(self) -> None:
        """Other kinds of credentials are not handled here."""
        self.failureResultOf(self.login(Anonymous(), IDelivery), UnhandledCredentials)

    def test_gone_or_disabled_meanwhile(self) -> None:
        """An account that was disabled or removed after the proof gets no further avatar."""
        _, proof, _ = self.successResultOf(self.login(typed("tim"), IAuthenticated))
        known = ConnectionCredentials(peer=PEER, authenticated=proof)
        self.directory.change(self.tim, enabled=False)
        self.failureResultOf(self.login(known, IDelivery), UnauthorizedLogin)
        self.failureResultOf(self.realm.requestAvatar(b"gone@example.test", PEER, IDelivery), UnauthorizedLogin)

    def test_a_factorys_refusal_passes_through(self) -> None:
        """A mailbox in use is told as such, not as a wrong password, and is no log-in for anyone who listens."""
        self.refusal = MailError(Kind.IN_USE, "maildrop-locked")
        error = self.failureResultOf(self.login(typed("tim"), IMaildrop), MailError).value
        self.assertIs(error, self.refusal)
        self.assertEqual(self.events, [])

    def test_log_ins_are_published(self) -> None:
        """Each password that opened something is told, with connection and mechanism; refusals and connections are not."""
        self.failureResultOf(self.login(typed("tim", "wrong"), IMaildrop), UnauthorizedLogin)
        self.successResultOf(self.login(ConnectionCredentials(peer=PEER), IDelivery))
        self.assertEqual(self.events, [])
        self.successResultOf(self.login(typed("tim"), IMaildrop))
        self.assertEqual(self.events, [LoggedIn(self.tim, attrs.evolve(PEER, mechanism="PLAIN"), LOGIN)])

    def test_the_credentials_say_where_they_come_from(self) -> None:
        """The mind that a protocol passes changes nothing: the peer of the credentials counts."""
        for credentials in (typed("tim"), ConnectionCredentials(peer=PEER)):
            _, avatar, _ = self.successResultOf(self.login(credentials, IDelivery, mind=None))
            self.assertEqual(avatar.peer.address, PEER.address)

    def test_a_source_that_breaks(self) -> None:
        """What nobody has foreseen has a traceback, a few times a minute and not for each guess."""

        @implementer(ICredentialsChecker)
        class Broken:
            credentialInterfaces = (IUsernamePassword,)

            def requestAvatarId(self, credentials: object) -> None:
                raise OSError("disk")

        clock = Clock()
        portal = MailPortal(self.realm, [Chain([Broken()])], lambda event: None, clock=clock)
        for _ in range(EACH + 20):
            failure = self.failureResultOf(portal.login(typed("tim"), None, IMaildrop), MailError)
            self.assertEqual((failure.value.reason, failure.value.temporary), ("password-source-failed", True))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), EACH)
        clock.advance(PERIOD)

    def test_an_outage_under_a_flood_of_guesses(self) -> None:
        """While guessers use up their lines, a source of passwords that fails is in the log, by its name, as a warning."""

        @implementer(ICredentialsChecker)
        class Source:
            credentialInterfaces = (IUsernamePassword,)
            error: Exception = UnauthorizedLogin("wrong-password")

            def requestAvatarId(self, credentials: object) -> None:
                raise self.error

        clock, source = Clock(), Source()
        portal = MailPortal(
            self.realm, [Chain([OutsideSource(source, self.directory, clock)])], lambda event: None, clock=clock
        )
        lines = self.lines()
        for number in range(2 * TOTAL):
            guess = attrs.evolve(typed("tim"), peer=attrs.evolve(PEER, address=f"198.51.100.{number}"))
            self.failureResultOf(portal.login(guess, None, IMaildrop), UnauthorizedLogin)
        self.assertEqual(len(lines), TOTAL)
        del lines[:]
        for error in (temporary("pam-helper-gone"), OSError("disk")):
            source.error = error
            for _ in range(EACH + 2):
                self.failureResultOf(portal.login(typed("tim"), None, IMaildrop), MailError)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), EACH)
        said = [(event["log_level"], event["reason"]) for event in lines if "reason" in event]
        faults = ("not-now: pam-helper-gone", "not-now: password-source-failed (Source: OSError)")
        self.assertEqual(said, [(LogLevel.warn, fault) for fault in faults for _ in range(EACH)])
        del lines[:]
        clock.advance(PERIOD)
        self.assertEqual(
            {formatEvent(event) for event in lines},
            {
                f"{TOTAL} more log-ins failed within a minute, from {TOTAL} place(s)",
                "4 more log-ins failed within a minute, by 2 fault(s) of ours",
            },
        )

    def lines(self) -> list[LogEvent]:
        """What is logged of log-ins from now on."""
        found: list[LogEvent] = []

        def observe(event: LogEvent) -> None:
            if event.get("log_namespace") == "mailsvc.login":
                found.append(event)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return found

    def test_a_listener_that_fails_costs_no_log_in(self) -> None:
        """Trouble in whoever listens is logged; the person is in."""
        self.events = None  # type: ignore[assignment]
        self.successResultOf(self.login(typed("tim"), IMaildrop))
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
