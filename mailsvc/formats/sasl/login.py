"""LOGIN: name and password asked for one by one (draft-murchison-sasl-login-00, obsolete but what Outlook speaks)."""

from mailsvc.formats.sasl.exchange import NAME_LIMIT, PASSWORD_LIMIT, Challenge, Done, Step, text
from mailsvc.formats.sasl.proofs import PasswordProof

__all__ = ["Login"]


class Login:
    """A LOGIN exchange. The prompts are those that picky clients insist on (draft 2.2, note).

    An initial response is taken as the answer to the first prompt: the draft has none, yet many clients send the name that way.
    """

    def __init__(self) -> None:
        self._name: str | None = None

    def first(self) -> bytes | None:
        """Ask for the name."""
        return b"Username:"

    def step(self, response: bytes) -> Step:
        """Take the name, then the password."""
        if self._name is None:
            # The draft allows names under 64 characters; ours may be whole addresses.
            self._name = text(response, NAME_LIMIT, "name")
            return Challenge(b"Password:")
        return Done(PasswordProof(self._name, text(response, PASSWORD_LIMIT, "password")))
