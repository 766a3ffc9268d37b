"""A letter to who owns an account, when somebody sends by POP-before-SMTP on it for the first time ever.

It says what happened, from where, and what to do if that was somebody else: in the language of this server first, then in the other.
"""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailsvc.app.config import Config
from mailsvc.app.permits import texts_in
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.ledger import ILedger
from mailsvc.core.interfaces.store import IStore
from mailsvc.core.ledger import FIRST_USE, Event, Happening
from mailsvc.core.operations import Deliver
from mailsvc.core.relay import RelayDecision
from mailsvc.core.values import Account
from mailsvc.formats.received import date_time
from mailsvc.texts import LANGUAGES

__all__ = ["FirstUse", "letter"]

log = Logger(namespace="mailsvc.relay")


def letter(account: Account, address: str, when: datetime, config: Config) -> bytes:
    """The message, with CRLF line ends. ``address``: the client's; ``when`` knows its offset."""
    first = config.language.value
    languages = (first, *(one for one in LANGUAGES if one != first))
    facts = {
        "account": account.address,
        "address": address,
        "time": when.strftime("%Y-%m-%d %H:%M %z"),
        "contact": config.relay.contact or f"postmaster@{account.address.rpartition('@')[2]}",
        "url": config.relay.url,
    }
    message = EmailMessage(SMTP)
    message["From"] = f"postmaster@{config.hostname}"
    message["To"] = account.address
    message["Subject"] = texts_in(config, first).say("letter.first-use-subject")
    message["Date"] = date_time(when)
    message["Message-ID"] = f"<{_message_id(account, when, config)}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 5
    message.set_content("\n\n".join(texts_in(config, one).say("letter.first-use", **facts) for one in languages))
    return message.as_bytes()


def _message_id(account: Account, when: datetime, config: Config) -> str:
    return f"first-use.{account.id}.{int(when.timestamp())}@{config.hostname}"


class FirstUse:
    """Writes it."""

    def __init__(self, config: Config, store: IStore, directory: IDirectory, ledger: ILedger) -> None:
        """:param ledger: told of each letter, in the transaction that delivers it."""
        self._ledger = ledger
        self._config = config
        self._store = store
        self._directory = directory

    def tell(self, decision: RelayDecision) -> None:
        """A grant of the account that answers was used, and never before."""
        if self._config.relay.tell_first_use:
            Deferred.fromCoroutine(self._tell(decision)).addErrback(_failed)

    async def _tell(self, decision: RelayDecision) -> None:
        account = await self._directory.account(decision.account_id)
        if account is None or not account.mailbox:
            return
        now = datetime.now().astimezone()
        address = dict(decision.evidence).get("address", "")
        data = letter(account, address, now, self._config)
        deliver = Deliver((account.id,), b"", len(data), int(now.timestamp()), data=data, check_quota=False)
        await self._store.apply([deliver, *self._ledger.within([self._record(account, address, now, len(data))])])

    def _record(self, account: Account, address: str, now: datetime, size: int) -> Event:
        return Event(
            at=now.timestamp(),
            what=Happening.ACCEPTED,
            message_id=_message_id(account, now, self._config),
            address=address,
            recipients=(account.address,),
            readers=((account.id,),),
            size=size,
            reason=FIRST_USE,
        )


def _failed(failure: Failure) -> None:
    log.warn("the letter about a first use of POP-before-SMTP was not delivered: {error}", error=failure.value)
