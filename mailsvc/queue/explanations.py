"""What an enhanced status code (RFC 3463, with the IANA registry) means to somebody who only wants to send mail.

The words in which it was said, the other server's or ours, are quoted as well: this table says in plain language what has happened and
what to do.
"""

from mailsvc.core.reports import Action, Told
from mailsvc.texts import Sentence

__all__ = ["explain"]

_WHY = {
    "1.0": "report.why.bad-address",
    "1.1": "report.why.unknown-user",
    "1.2": "report.why.unknown-domain",
    "1.3": "report.why.bad-address",
    "1.4": "report.why.bad-address",  # ambiguous
    "1.6": "report.why.moved",
    "1.7": "report.why.sender",
    "1.8": "report.why.sender",
    "1.10": "report.why.no-mail",  # null MX (RFC 7505)
    "2.1": "report.why.disabled",
    "2.2": "report.why.full",
    "2.3": "report.why.too-big",
    "3.1": "report.why.no-room",
    "3.2": "report.why.busy",
    "3.3": "report.why.content",
    "3.4": "report.why.too-big",
    "3.5": "report.why.misconfigured",
    "4.1": "report.why.no-answer",
    "4.2": "report.why.broken",
    "4.3": "report.why.no-route",
    "4.4": "report.why.no-route",
    "4.5": "report.why.busy",
    "4.6": "report.why.loop",
    "4.7": "report.why.expired",
    "5.3": "report.why.recipients",
    "6": "report.why.content",
    "6.3": "report.why.conversion",
    "6.7": "report.why.utf8",
    "6.9": "report.why.utf8",
    "7": "report.why.policy",
    "7.4": "report.why.tls",
    "7.5": "report.why.tls",
    "7.10": "report.why.tls",
    "4.2.0": "report.why.greylisting",
    "4.7.0": "report.why.greylisting",
    "4.7.1": "report.why.greylisting",
    "4.7.8": "report.why.misconfigured-here",  # our log-in at a smarthost
}
"""A whole code before its last two numbers, these before the middle one."""

_UNANSWERED = {
    "report.why.bad-address": "report.why.bad-address-here",
    "report.why.misconfigured": "report.why.misconfigured-here",
    "report.why.refused": "report.why.unsent",
    "report.why.temporary": "report.why.unsent",
    "report.why.greylisting": "report.why.unsent",
    "report.why.policy": "report.why.unsent",
    "report.why.busy": "report.why.unsent",
}
"""What is said instead where no other server has said anything: none has refused the mail then."""

_BEYOND = {"5": "report.why.refused", "4": "report.why.temporary"}


def explain(told: Told, size: int) -> Sentence | None:
    """What to say of a failure or a delay; None if there is nothing, or nothing more. :param size: octets of the message."""
    if told.action not in (Action.FAILED, Action.DELAYED):
        return None
    key = _key(told.status)
    if key == "report.why.expired" and told.status.startswith("4."):
        return None  # that is said anyway
    if key == "report.why.too-big" and told.limit:
        key = "report.why.too-big-limit"
    if not told.answered:
        key = _UNANSWERED.get(key, key)
    if key == "report.why.greylisting" and told.action is Action.FAILED:
        key = "report.why.temporary"  # it was not just that
    domain = told.address.rpartition("@")[2]
    # Base64 makes four octets of three, and adds the ends of lines (RFC 2045 6.8: 76 characters and CRLF).
    file = told.limit * 57 // 78
    return Sentence(key, domain=domain, size=f"{size:,}", limit=f"{told.limit:,}", file=f"{file:,}")


def _key(status: str) -> str:
    kind, _, detail = status.partition(".")
    subject = detail.partition(".")[0]
    found = (_WHY.get(one) for one in (status, detail, subject))
    return next(filter(None, found), _BEYOND.get(kind, "report.why.refused"))
