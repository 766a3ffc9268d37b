"""From answers to outcomes, and to what there is to tell: pure.

==========================  ===============================  ========================================
Answer                      State, and when next             Told
==========================  ===============================  ========================================
taken, host knows DSN       SENT                             nothing: the host will (RFC 3461 5.2.1)
taken, host knows none      RELAYED                          relayed
refused                     FAILED                           failed
not now                     WAITING, after a longer wait     delayed, once, after ``delay_warning``
not now, lifetime is over   FAILED, the status stays 4.x.x   failed
==========================  ===============================  ========================================
"""

import attrs

from mailsvc.core.outbound import Answer
from mailsvc.core.queued import Outcome, QueuedRecipient, State
from mailsvc.core.reports import Action, Told
from mailsvc.queue.backoff import Patience

__all__ = ["Try", "held", "judge", "words"]


@attrs.frozen
class Try:
    """What is the same for all recipients of one try.

    :ivar arrived: when the message was accepted. :ivar delay: seconds until the next try. :ivar tried: whether a host was asked for them.
    """

    now: int
    arrived: int
    delay: int
    host: str = ""
    tls: str = ""
    tried: bool = True


def judge(recipient: QueuedRecipient, answer: Answer, this: Try, patience: Patience) -> tuple[Outcome, Told | None]:
    """What becomes of a recipient, and what there is to tell of it."""
    if answer.success:
        state = State.SENT if answer.reports else State.RELAYED
        told = None if answer.reports else _told(recipient, Action.RELAYED, answer, this)
        return _outcome(recipient, state, answer, this), told
    if not answer.temporary:
        return _outcome(recipient, State.FAILED, answer, this), _told(recipient, Action.FAILED, answer, this)
    if patience.expired(this.arrived, this.now):
        # The status stays that of the last try, as the report of the delay said it (RFC 3464 2.3.4): it is the reason.
        return _outcome(recipient, State.FAILED, answer, this), _told(recipient, Action.FAILED, answer, this)
    due = patience.due(this.arrived, this.now, this.delay)
    if recipient.warned or not patience.warns(this.arrived, this.now):
        return _outcome(recipient, State.WAITING, answer, this, due), None
    told = _told(recipient, Action.DELAYED, answer, this, patience.expiry(this.arrived))
    return _outcome(recipient, State.WAITING, answer, this, due, warned=True), told


def held(recipient: QueuedRecipient, now: int) -> Outcome:
    """A recipient that the administrator's route does not let go."""
    text = "Held: a route of the configuration says so"
    return Outcome(recipient.id, State.HELD, recipient.due, now, "4.7.1", text, tried=False)


def words(answer: Answer) -> str:
    """An answer as the administrator and the sender read it: ``550 5.1.1 no such user``, or our own words."""
    return f"{answer.code} {answer.text}" if answer.code else answer.text


def _outcome(
    recipient: QueuedRecipient, state: State, answer: Answer, this: Try, due: int = 0, warned: bool = False
) -> Outcome:
    return Outcome(
        recipient.id, state, due, this.now, answer.status, words(answer), this.host, this.tls, this.tried, warned
    )


def _told(recipient: QueuedRecipient, action: Action, answer: Answer, this: Try, until: int = 0) -> Told:
    return Told(
        address=recipient.address,
        action=action,
        status=answer.status,
        notify=recipient.notify,
        orcpt=recipient.orcpt,
        reply=words(answer),
        host=this.host,
        at=this.now if this.tried else recipient.at,
        until=until,
    )
