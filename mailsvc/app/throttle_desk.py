"""What the main process does for the throttle of all: it answers `mailsvc throttle`, tells new workers what is known, keeps the known
places over a restart, and writes the one line of the morning.

::

    mailsvc throttle -> ASK [id, what, arguments] -> TELL [id, answer]          worker -> HELLO -> STATE
"""

import contextlib
import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mailsvc.auth.guard import HELLO, STATE
from mailsvc.auth.throttle import Throttle
from mailsvc.bus import Announcement, Bus
from mailsvc.texts import Texts

__all__ = ["ASK", "TELL", "ThrottleDesk"]

log = Logger(namespace="mailsvc.throttle")

ASK = "throttle-ask"
TELL = "throttle-tell"

SAVE_EVERY = 600.0
MORNING = 6  # o'clock

_MOST_NAMED = 5


class ThrottleDesk(Service):
    """One in the service."""

    def __init__(
        self,
        reactor: Any,
        throttle: Throttle,
        bus: Bus,
        announce: Callable[[str, Any], None],
        file: Path,
        language: str = "en",
    ) -> None:
        """:param announce: tells all processes. :param file: where known places are kept while the service is down.
        :param language: the administrator's, for the line of the morning.
        """
        self._reactor = reactor
        self._throttle = throttle
        self._announce = announce
        self._file = file
        self._texts = Texts(language)
        self._saving = LoopingCall(self.save)
        self._saving.clock = reactor
        self._morning: Any = None
        bus.subscribe(HELLO, self._heard_hello)
        bus.subscribe(ASK, self._heard_question)
        self._answers: dict[str, Callable[..., Any]] = {"list": self._list, "test": self._test}

    def startService(self) -> None:
        """Read what was known."""
        super().startService()
        with contextlib.suppress(OSError, ValueError, TypeError):  # it is a convenience, and written by us alone
            self._throttle.know([(str(a), str(p), float(w)) for a, p, w in json.loads(self._file.read_text("utf-8"))])
        self._saving.start(SAVE_EVERY, now=False)
        self._wait_for_morning()

    def stopService(self) -> None:
        """Keep what is known."""
        super().stopService()
        self._saving.stop()
        self._morning.cancel()
        self.save()

    def save(self) -> None:
        """Write the known places. A disk that does not take them costs a convenience."""
        aside = self._file.with_suffix(".new")
        try:
            aside.touch(0o600)
            aside.write_text(json.dumps(self._throttle.known(self._reactor.seconds())), "utf-8")
            os.replace(aside, self._file)
        except OSError as error:
            log.warn("known places cannot be kept: {error}", error=str(error))

    # --- the morning ---

    def _wait_for_morning(self) -> None:
        now = datetime.fromtimestamp(self._reactor.seconds()).astimezone()
        morning = now.replace(hour=MORNING, minute=0, second=0, microsecond=0)
        wait = (morning - now).total_seconds()
        if wait <= 0:
            wait += timedelta(days=1).total_seconds()
        self._morning = self._reactor.callLater(wait, self._report)

    def _report(self) -> None:
        self._wait_for_morning()
        report = self._throttle.report()
        say = self._texts.say
        named = [say("throttle.attacked", account=one, networks=many) for one, many in report.accounts[:_MOST_NAMED]]
        facts = {
            "wrong": report.wrong,
            "networks": report.networks,
            "refused": report.refused,
            "blocks": report.blocks,
            "count": len(report.accounts),
        }
        line = say("throttle.morning", **facts, named=say("throttle.named", names=", ".join(named)) if named else "")
        log.info("{line}", line=line, **facts)

    # --- questions ---

    def _heard_hello(self, announcement: Announcement) -> None:
        now = self._reactor.seconds()
        blocks = [[block.kind, block.name, block.until] for block in self._throttle.blocks(now)]
        self._announce(STATE, {"known": self._throttle.known(now), "blocks": blocks})

    def _heard_question(self, announcement: Announcement) -> None:
        number, what, arguments = announcement.payload
        self._announce(TELL, [number, self._answers[what](*arguments)])

    def _list(self) -> list[list[Any]]:
        return [[block.kind, block.name, block.until] for block in self._throttle.blocks(self._reactor.seconds())]

    def _test(self, address: str, account: str) -> list[Any]:
        verdict = self._throttle.ask(account, address, self._reactor.seconds())
        return [verdict.until, verdict.delay, verdict.known, verdict.never]
