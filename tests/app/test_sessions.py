"""Open sessions end with what opened them, and no others do."""

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailsvc.app.sessions import Sessions
from mailsvc.bus import Bus
from mailsvc.core.errors import temporary
from mailsvc.core.interfaces.login import ISession
from mailsvc.core.secrets import ELSEWHERE, LOGIN
from mailsvc.core.values import AccountChanged, AccountFlag, NewsMissed, Peer
from mailsvc.testing.directory import MemoryDirectory

PHONE, TABLET = 71, 72


@implementer(ISession)
class Session:
    """One that remembers how it ended."""

    ended = ""

    def end(self, reason: str) -> None:
        """Its end."""
        self.ended = reason


class SessionsTests(SynchronousTestCase):
    """Alice is logged in in many ways, and Bob too."""

    def setUp(self) -> None:
        self.directory = MemoryDirectory()
        self.alice, self.bob = (self.directory.add(f"{name}@example.test") for name in ("alice", "bob"))
        self.bus = Bus()
        self.sessions = self.listening(True)

    def listening(self, end_on_password_change: bool) -> Sessions:
        """The sessions of a process."""
        sessions = Sessions(self.directory, end_on_password_change)
        sessions.listen(self.bus)
        opened = {
            "pop3 by password": (self.alice, LOGIN, "pop3"),
            "submission by password": (self.alice, LOGIN, "submission"),
            "pop3 by phone": (self.alice, PHONE, "pop3"),
            "imap by tablet": (self.alice, TABLET, "imap"),
            "imap by certificate": (self.alice, ELSEWHERE, "imap"),
            "bob": (self.bob, LOGIN, "pop3"),
        }
        self.open = {name: Session() for name in opened}
        for name, (account, credential, protocol) in opened.items():
            sessions.opened(self.open[name], account, credential, Peer("192.0.2.1", "", protocol))
        return sessions

    def ended(self) -> set[str]:
        """Those that have ended."""
        return {name for name, session in self.open.items() if session.ended == "revoked"}

    def test_password(self) -> None:
        """A changed password ends what it has opened."""
        self.bus.publish(AccountChanged(self.alice.id, LOGIN))
        self.assertEqual(self.ended(), {"pop3 by password", "submission by password"})

    def test_password_left_open(self) -> None:
        """Unless the configuration says otherwise."""
        self.bus = Bus()
        self.listening(False)
        self.bus.publish(AccountChanged(self.alice.id, LOGIN))
        self.assertEqual(self.ended(), set())

    def test_device(self) -> None:
        """A revoked device password ends the sessions of that device alone."""
        self.bus.publish(AccountChanged(self.alice.id, TABLET))
        self.assertEqual(self.ended(), {"imap by tablet"})

    def test_flags(self) -> None:
        """A service that is switched off ends the sessions of that service."""
        self.directory.change(self.alice, flags=AccountFlag.NO_POP3)
        self.bus.publish(AccountChanged(self.alice.id))
        self.assertEqual(self.ended(), {"pop3 by password", "pop3 by phone"})

    def test_no_mailbox(self) -> None:
        """Without a mailbox there is nothing to read; sending goes on."""
        self.directory.change(self.alice, mailbox=False)
        self.bus.publish(AccountChanged(self.alice.id))
        self.assertEqual(self.ended(), set(self.open) - {"submission by password", "bob"})

    def test_disabled(self) -> None:
        """A disabled account has no sessions."""
        self.directory.change(self.alice, enabled=False)
        self.bus.publish(AccountChanged(self.alice.id))
        self.assertEqual(self.ended(), set(self.open) - {"bob"})

    def test_nothing_lost(self) -> None:
        """A change that does not concern the sessions ends none; an account without any is no trouble."""
        self.bus.publish(AccountChanged(self.alice.id))
        self.bus.publish(AccountChanged(4711))
        self.assertEqual(self.ended(), set())

    def test_missed_news(self) -> None:
        """When the store was away meanwhile, all sessions are compared with what their accounts may do now."""
        self.directory.change(self.bob, enabled=False)
        self.bus.publish(NewsMissed())
        self.assertEqual(self.ended(), {"bob"})

    def test_store_down(self) -> None:
        """While nothing can be read nobody is thrown out for it."""
        self.directory.failure = temporary("store-restarting")
        self.bus.publish(AccountChanged(self.alice.id))
        self.assertEqual(self.ended(), set())

    def test_forgotten(self) -> None:
        """A session that is over is not kept."""
        self.open.clear()
        self.bus.publish(AccountChanged(self.alice.id))
        self.assertNotIn(self.alice.id, self.sessions._open)
