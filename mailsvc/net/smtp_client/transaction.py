"""One mail transaction: MAIL, RCPT and the message, in as few writes as the other side allows; an answer for each recipient.

::

    PIPELINING and CHUNKING, a message of one block    MAIL RCPT... BDAT LAST and the message      -> all replies
    PIPELINING (RFC 2920)                              MAIL RCPT... DATA -> replies; the message   -> reply
    PIPELINING and CHUNKING (RFC 3030)                 MAIL RCPT... -> replies; BDAT..., BDAT LAST -> replies
    neither                                            one command, one reply

LMTP answers for each recipient after the message (RFC 2033 4.2), so there it is never sent before somebody is known to be accepted.
"""

from collections.abc import Sequence

import attrs

from mailsvc.core.outbound import Answer, HopFailed
from mailsvc.formats.dotdata import DotWriter, stuff
from mailsvc.formats.smtp_replies import ServerReply
from mailsvc.net.smtp_client.body import Body
from mailsvc.net.smtp_client.capabilities import Capabilities
from mailsvc.net.smtp_client.line import Line
from mailsvc.net.smtp_client.words import Unsendable, answer

__all__ = ["Transaction"]


class _Refused(Exception):
    """The host does not take the message; ``answer`` is for everybody whom it had accepted."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer


class Transaction:
    """Made for one run. ``clean``: the host is ready for the next MAIL without RSET."""

    def __init__(
        self, line: Line, able: Capabilities, lmtp: bool, mail: bytes, recipients: Sequence[bytes], body: Body
    ) -> None:
        """:param mail: the command. :param recipients: the RCPT commands."""
        self._line = line
        self._able = able
        self._lmtp = lmtp
        self._mail = mail
        self._recipients = recipients
        self._body = body
        self._answers: list[Answer | None] = [None] * len(recipients)
        self._accepted: list[int] = []
        self._judged = False
        self._sent = False  # the end of the message is on its way: the host may take it
        self.clean = True

    async def run(self) -> list[Answer]:
        """Carry it out. Raises HopFailed, if not everything that matters was answered before, and what reading the message raises."""
        try:
            await (self._in_groups() if self._able.pipelining else self._one_by_one())
        except _Refused as refused:
            self._fill(refused.answer)
        except Unsendable as unsendable:  # found in the middle of it: there is no other way back
            self._line.fail("5.6.0", unsendable.answer.text)
            self._fill(unsendable.answer)
        except HopFailed as failure:
            self._cut_short(failure)
        return [one for one in self._answers if one is not None]

    # --- envelope ---

    async def _in_groups(self) -> None:
        body = self._body
        tail, phases = b"DATA\r\n", ["MAIL", *["RCPT"] * len(self._recipients), "DATA"]
        at_once = self._able.chunking and body.whole and not self._lmtp
        if at_once:
            tail, phases[-1] = _chunk(body.first, b" LAST"), "end"
            self._sent = True
        elif self._able.chunking:
            tail = b""
            del phases[-1]
        self._line.write(b"".join((self._mail, *self._recipients, tail)))
        replies = await self._line.replies(phases)
        self._judge(replies)
        if at_once:
            self._finish(replies[-1:])
        elif self._able.chunking:
            await self._chunks()
        else:
            await self._data(replies[-1])

    async def _one_by_one(self) -> None:
        replies = [await self._ask(self._mail, "MAIL")]
        for command in self._recipients if replies[0].code < 300 else ():
            replies.append(await self._ask(command, "RCPT"))
        self._judge(replies)
        if self._accepted and self._able.chunking:
            await self._chunks()
        elif self._accepted:
            await self._data(await self._ask(b"DATA\r\n", "DATA"))

    async def _ask(self, command: bytes, phase: str) -> ServerReply:
        self._line.write(command)
        return await self._line.reply(phase)

    def _judge(self, replies: Sequence[ServerReply]) -> None:
        """Who is refused, who accepted, as far as there are replies to MAIL and RCPT."""
        self._judged = True
        if not replies:
            return
        if replies[0].code >= 300:
            self._fill(answer(replies[0], "MAIL"))
            return
        self.clean = False
        for number, reply in enumerate(replies[1 : len(self._recipients) + 1]):
            if reply.code < 300:
                self._accepted.append(number)
            else:
                self._answers[number] = self._refusal(reply)

    def _refusal(self, reply: ServerReply) -> Answer:
        # RFC 5321 4.5.3.1.10: too many recipients is 452, and was 552 once.
        if reply.code == 552 and reply.status in ("5.5.3", "5.0.0") and self._accepted:
            return Answer(reply.code, "4.5.3", reply.text, "RCPT")
        return answer(reply, "RCPT")

    # --- message ---

    async def _data(self, reply: ServerReply) -> None:
        """DATA was answered with ``reply``."""
        if not self._accepted:
            await self._nothing(reply)
        elif reply.code != 354:
            raise _Refused(self._no_go(reply))
        else:
            await self._dotted()
            await self._await_end()

    def _no_go(self, reply: ServerReply) -> Answer:
        if reply.code < 400:  # neither yes nor no: nobody knows what it waits for now
            self._line.fail("4.5.0", "DATA was not answered with 354")
            return Answer(reply.code, "4.5.0", reply.text, "DATA")
        return answer(reply, "DATA")

    async def _nothing(self, reply: ServerReply) -> None:
        """Nobody was accepted, but the host may wait for a message: it gets an empty one (RFC 2920 3.1)."""
        if reply.code == 354 and self._lmtp:
            self._line.fail("4.5.0", "DATA was answered with 354 although nobody was accepted")  # RFC 2033 4.2
        elif reply.code == 354:
            await self._ask(b".\r\n", "end")
            self.clean = True

    async def _dotted(self) -> None:
        """The message as DATA wants it (RFC 5321 4.5.2)."""
        if self._body.whole:
            self._sent = True
            self._line.write(stuff(self._body.first))
            return
        writer, pace = DotWriter(), self._line.pace()
        async for block in self._body.blocks():
            self._line.write(writer.feed(block))
            await self._line.room(pace, len(block))
        self._sent = True
        self._line.write(writer.finish())

    async def _chunks(self) -> None:
        """The message by BDAT; while one chunk is on its way, the answer to the one before is waited for."""
        if not self._accepted:
            return
        held, unanswered, pace = b"", 0, self._line.pace()
        async for block in self._body.blocks():
            if held:
                self._line.write(_chunk(held, b""))
                await self._line.room(pace, len(held))
                self._line.begin(len(self._accepted))  # all of them together are bounded by the pace
                unanswered = await self._chunk_replies(unanswered + 1, 1 if self._able.pipelining else 0)
            held = block
        await self._chunk_replies(unanswered, 0)
        self._sent = True
        self._line.write(_chunk(held, b" LAST"))
        await self._await_end()

    async def _chunk_replies(self, unanswered: int, allowed: int) -> int:
        """Wait until no more than ``allowed`` chunks are unanswered."""
        while unanswered > allowed:
            reply = await self._line.reply("DATA")
            unanswered -= 1
            if reply.code >= 300:
                await self._line.replies(["DATA"] * unanswered)
                raise _Refused(answer(reply, "DATA"))
        return unanswered

    async def _await_end(self) -> None:
        self._line.begin(len(self._accepted))
        self._finish(await self._line.replies(["end"] * (len(self._accepted) if self._lmtp else 1)))

    def _finish(self, replies: Sequence[ServerReply]) -> None:
        """The host has said what became of the message, in LMTP for each recipient."""
        # The end of DATA clears the host's buffers whatever it says (RFC 5321 4.1.1.4); of BDAT nobody says so (RFC 3030 2).
        self.clean = not self._able.chunking or (bool(self._accepted) and replies[0].code < 300)
        answers = [answer(reply, "end", self._able.dsn) for reply in replies]
        for place, number in enumerate(self._accepted):
            self._answers[number] = answers[place if self._lmtp else 0]

    # --- what goes wrong ---

    def _fill(self, given: Answer) -> None:
        self._answers = [one or given for one in self._answers]

    def _cut_short(self, failure: HopFailed) -> None:
        """The connection broke: what was answered before counts if it decides everything, or if somebody has the message already."""
        heard = self._line.heard
        if not self._judged:
            self._judge(heard)
        elif self._lmtp and self._sent:
            for number, reply in zip(self._accepted, heard, strict=False):
                self._answers[number] = answer(reply, "end", self._able.dsn)
        elif not self._sent and (early := self._line.early_reply()) is not None and early.code >= 400:
            self._fill(answer(early, "DATA"))  # it said why it would not listen any longer
        if any(one is not None and one.success for one in self._answers):
            self._fill(failure.answer)
        if None in self._answers:
            raise attrs.evolve(failure, in_doubt=self._sent and not failure.answer.code)


def _chunk(octets: bytes, last: bytes) -> bytes:
    return b"BDAT %d%b\r\n%b" % (len(octets), last, octets)
