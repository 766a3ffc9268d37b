"""How much of a client's nonsense, refusals and idling is borne, and what becomes of it then.

Everything is counted since the last message that was taken. Whoever is trusted (LMTP: another server of ours asks) is borne with.
"""

from mailsvc.core.errors import Kind, MailError

__all__ = ["MAX_ERRORS", "MAX_IDLE", "MAX_REFUSALS", "PENANCE", "QUICK_REFUSALS", "Patience"]

MAX_ERRORS = 25
"""Commands that make no sense after which the connection is closed."""

QUICK_REFUSALS = 20
"""Refusals for good that are answered at once; each further one takes :data:`PENANCE` seconds. Whoever tries names to see which exist
(RFC 5321 7.3) learns slowly; Postfix calls this the soft error limit."""

PENANCE = 1.0

MAX_REFUSALS = {False: 100, True: 1000}
"""By whether they are temporary: refusals after which the connection is closed (Postfix: the hard error limit). A client may well name a
thousand recipients too many, and is told so for each of them (RFC 5321 4.5.3.1.10)."""

MAX_IDLE = 100
"""Commands that do no work after which the connection is closed: each of them renews the time-out, and so keeps the place of somebody
who has mail (Postfix: the junk command limit)."""


class Patience:
    """With one client. What counts something returns whether that was too much."""

    def __init__(self, trusting: bool) -> None:
        """:param trusting: whether any number of refusals and idle commands is all right."""
        self._trusting = trusting
        self.forgive()

    def forgive(self) -> None:
        """A message was taken: all is counted from here on."""
        self._mistakes = 0
        self._refusals = {False: 0, True: 0}
        self._idle = 0

    def mistake(self) -> int:
        """A command that makes no sense. Returns how many there were if that is too many, else 0."""
        self._mistakes += 1
        return self._mistakes if self._mistakes >= MAX_ERRORS else 0

    def refused(self, temporary: bool) -> int:
        """A refusal. Returns how many there were if that is too many, else 0."""
        self._refusals[temporary] += 1
        count = self._refusals[temporary]
        return count if count >= MAX_REFUSALS[temporary] and not self._trusting else 0

    def idled(self) -> bool:
        """A command that does no work. Returns whether it was one too many."""
        self._idle += 1
        return self._idle > MAX_IDLE and not self._trusting

    def penance(self, error: MailError) -> float:
        """Seconds that a client waits for this refusal which has had too many.

        "No relaying" tells nothing of who is here, and whoever is told to receive mail first and come back shall not wait.
        """
        if error.temporary or error.kind is Kind.RELAY_DENIED or self._trusting:
            return 0.0
        return PENANCE if self._refusals[False] >= QUICK_REFUSALS else 0.0
