"""Credentials: what they hold, how they compare, what they keep to themselves."""

from twisted.cred.credentials import IUsernamePassword
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailsvc.auth.credentials import ConnectionCredentials, credentials_of
from mailsvc.core.interfaces.login import IConnection
from mailsvc.formats.sasl import PasswordProof
from tests.auth.people import PEER, SECRET, typed


class CredentialsTests(SynchronousTestCase):
    """Credentials as the portal meets them."""

    def test_interfaces(self) -> None:
        """A password is Twisted's kind of credentials, a connection our own."""
        verifyObject(IUsernamePassword, typed("tim"))
        verifyObject(IConnection, ConnectionCredentials(peer=PEER))

    def test_names_and_passwords_are_octets(self) -> None:
        """Twisted's checkers want bytes, so text becomes UTF-8."""
        credentials = typed("渡辺")
        self.assertEqual(credentials.username, "渡辺".encode())
        self.assertEqual(credentials.password, SECRET.encode())

    def test_check_password(self) -> None:
        """Only the very password matches, as text or as octets."""
        credentials = typed("tim")
        self.assertTrue(credentials.checkPassword(SECRET.encode()))
        for wrong in (b"", SECRET.encode()[:-1], SECRET.encode() + b" ", SECRET.upper().encode()):
            self.assertFalse(credentials.checkPassword(wrong))

    def test_the_password_is_not_shown(self) -> None:
        """Credentials that end up in a log or a traceback do not tell the password."""
        shown = repr(typed("tim"))
        self.assertIn("tim", shown)
        self.assertNotIn("tanstaaf", shown)

    def test_of_a_sasl_exchange(self) -> None:
        """A completed exchange becomes credentials with everything the client said."""
        credentials = credentials_of(PasswordProof("tim", SECRET, "tom"), PEER, "PLAIN")
        self.assertEqual(
            (credentials.username, credentials.password, credentials.authzid, credentials.mechanism),
            (b"tim", SECRET.encode(), b"tom", "PLAIN"),
        )
        self.assertEqual(credentials.peer, PEER)
