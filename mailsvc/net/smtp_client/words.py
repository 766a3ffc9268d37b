"""Answers: the other server's, and those that we give in its stead."""

from mailsvc.core.outbound import Answer
from mailsvc.formats.smtp_replies import ServerReply

__all__ = ["Unsendable", "answer", "ours"]


class Unsendable(Exception):
    """The message cannot go to this host as it is. ``answer``: why."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.answer = ours(status, text, "MAIL")


def ours(status: str, text: str, phase: str) -> Answer:
    """The host said nothing, we do."""
    return Answer(0, status, text, phase)


def answer(reply: ServerReply, phase: str, reports: bool = False) -> Answer:
    """What the host said, as the end of the matter for a recipient: 3xx, which makes no sense there, is a temporary failure."""
    code, status, _ = reply
    if code < 300:
        return Answer(code, status, reply.text, phase, reports)
    return Answer(code, "4.5.0" if code < 400 else status, reply.text, phase)
