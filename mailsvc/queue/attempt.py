"""One try: a message, its recipients on one lane, the hosts in order until one answers (RFC 5321 5.1).

::

    kept connection, else Router -> hops -> IConnector.connect -> IMailConnection.send -> Result
                                     '-- next hop, if this one cannot be reached or breaks off --'

A host that has answered for the recipients ends the try, whatever it said. One that breaks off after the whole message was sent ends it
too: it may have taken the message (RFC 1047), and another host would make the second copy certain. But one that has not even answered
MAIL or RCPT most likely never looked at it, and must not keep the mail from the next host for days.
"""

from collections.abc import Sequence

import attrs

from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.outbound import IConnector
from mailsvc.core.outbound import Answer, HopFailed, Mail, MailRecipient
from mailsvc.queue.destinations import Verdict
from mailsvc.queue.pool import Kept, Pool
from mailsvc.queue.routing import Router, Unroutable
from mailsvc.queue.ways import Way

__all__ = ["Attempts", "Result"]

_DEAF = frozenset({"connect", "greeting", "EHLO", "STARTTLS", "AUTH", "MAIL"})
"""A host with which nothing but these phases is reached, is as good as dead."""

_TRY_LATER = 421  # RFC 5321 3.8: "service not available, closing transmission channel"


@attrs.frozen
class Result:
    """What a try has shown.

    :ivar answers: for each recipient, in order. :ivar host: who gave them, ``name [address]``; ``""``: we did. :ivar tls: protocol version.
    :ivar in_doubt: the host may have taken the message, but did not say so. :ivar tried: whether it was a try at all.
    """

    answers: Sequence[Answer]
    verdict: Verdict
    host: str = ""
    tls: str = ""
    in_doubt: bool = False
    tried: bool = True


class Attempts:
    """Tries messages."""

    def __init__(self, router: Router, connector: IConnector, pool: Pool) -> None:
        self._router = router
        self._connector = connector
        self._pool = pool

    async def send(self, way: Way, mail: Mail, recipients: Sequence[MailRecipient]) -> Result:
        """Try once. A message that cannot be read is put off like one that no host takes: its damage may last for ever."""
        try:
            return await self._send(way, mail, recipients)
        except MailError as error:
            answer = Answer(0, "4.3.0", f"The message cannot be read here ({error.reason})", "DATA")
            return Result([answer] * len(recipients), Verdict.NOTHING)

    async def _send(self, way: Way, mail: Mail, recipients: Sequence[MailRecipient]) -> Result:
        """Never raises for what names, hosts or the line do; what ``mail.read`` raises comes through."""
        way = way.for_sender(mail.sender)
        kept = self._pool.take(way.lane)
        if kept is not None:
            try:
                return await self._on(kept, way, mail, recipients)
            except HopFailed as failure:  # most often it was closed while nobody looked: begin anew
                if _may_have_it(failure):
                    return _failed([failure], len(recipients))
        try:
            return await self._on_new(way, mail, recipients)
        except Unroutable as nobody:
            verdict = Verdict.DEAD if nobody.answer.temporary else Verdict.NOTHING
            return Result([nobody.answer] * len(recipients), verdict)

    async def _on_new(self, way: Way, mail: Mail, recipients: Sequence[MailRecipient]) -> Result:
        failures: list[HopFailed] = []
        for hop in await self._router.hops(way):
            try:
                connection = await self._connector.connect(hop, way.terms(hop))
                return await self._on(self._pool.add(connection), way, mail, recipients)
            except HopFailed as failure:
                failures.append(failure)
                if _may_have_it(failure):
                    break
            except OSError as error:
                failures.append(HopFailed(hop, Answer(0, "4.3.5", f"Password file: {error.strerror}", "AUTH")))
        return _failed(failures, len(recipients))

    async def _on(self, kept: Kept, way: Way, mail: Mail, recipients: Sequence[MailRecipient]) -> Result:
        """Send on a connection. Raises HopFailed."""
        connection = kept.connection
        try:
            answers = await connection.send(mail, recipients)
        except BaseException:
            self._pool.drop(kept)
            raise
        self._pool.give_back(way.lane, kept)
        strained = any(answer.code == _TRY_LATER for answer in answers)
        verdict = Verdict.STRAINED if strained else Verdict.ANSWERED
        return Result(answers, verdict, f"{connection.hop.name} [{connection.hop.address}]", connection.tls)


def _may_have_it(failure: HopFailed) -> bool:
    """Whether a host has heard all of the message and only the last answer is missing."""
    return failure.in_doubt and failure.answer.phase == "end"


def _failed(failures: Sequence[HopFailed], count: int) -> Result:
    """No host has answered for the recipients. Of their words the last ones that leave hope count, else the last."""
    temporary = [failure for failure in failures if failure.answer.temporary]
    last = (temporary or failures)[-1]
    answer, hop = last.answer, last.hop
    deaf = all(failure.answer.phase in _DEAF for failure in failures)
    verdict = Verdict.NOTHING if not answer.temporary else Verdict.DEAD if deaf else Verdict.STRAINED
    return Result(
        [answer] * count, verdict, f"{hop.name} [{hop.address}]", in_doubt=any(one.in_doubt for one in failures)
    )
