"""Publish and subscribe inside one process.

Who changes something publishes a value; who cares has subscribed to the value's type. An :class:`Announcement` is for those who agree
on a topic's name instead (``"grant"``, ``"reload"``): its payload is plain data, so that it can cross to other processes.

A listener that raises is logged and harms nobody else. Listeners are called at once, in the order in which they came.
"""

from collections.abc import Callable
from typing import Any

import attrs
from twisted.logger import Logger

__all__ = ["Announcement", "Bus"]

_log = Logger()


@attrs.frozen
class Announcement:
    """Plain data under a name: numbers, strings, bytes, None, lists and dictionaries of those."""

    topic: str
    payload: Any = None


class Bus:
    """Connects those who publish with those who listen."""

    def __init__(self) -> None:
        self._listeners: dict[type | str, list[Callable[[Any], None]]] = {}

    def subscribe(self, kind: type | str, listener: Callable[[Any], None]) -> Callable[[], None]:
        """Call ``listener`` for each event of this type, or announcement of this topic.

        Returns a function that ends the subscription (harmless twice).
        """
        listeners = self._listeners.setdefault(kind, [])
        listeners.append(listener)
        active = True

        def unsubscribe() -> None:
            nonlocal active
            if active:
                active = False
                listeners.remove(listener)

        return unsubscribe

    def publish(self, event: Any) -> None:
        """Tell all who subscribed to the event's type (to the topic, for an :class:`Announcement`)."""
        kind = event.topic if isinstance(event, Announcement) else type(event)
        for listener in tuple(self._listeners.get(kind, ())):
            try:
                listener(event)
            except Exception:
                _log.failure("a listener to {kind} failed", kind=kind)
