"""The listening sockets of the whole service, made while we may still be root, and the moment after which we are not."""

import os
from socket import socket

from twisted.application.service import Service
from twisted.logger import Logger

from mailsvc.app.binding import CannotBind, bind_listener, unlink_unix
from mailsvc.app.config import Config
from mailsvc.app.privileges import Identity

__all__ = ["Ports"]

_log = Logger(namespace="mailsvc.app")


class Ports(Service):
    """The listening sockets of all listeners and workers, and the end of our privileges."""

    def __init__(self, config: Config, identity: Identity | None) -> None:
        self._config = config
        self._identity = identity
        self._sockets: list[list[socket]] = []

    def privilegedStartService(self) -> None:
        """Bind everything, or raise CannotBind having bound nothing."""
        super().privilegedStartService()
        try:
            for options in self._config.listeners:
                self._sockets.append(bind_listener(options, self._config.workers))
        except CannotBind:
            self.close()
            raise

    def startService(self) -> None:
        """Become the configured user."""
        super().startService()
        if self._identity is not None:
            self._identity.assume(hand_over=self._config.log.file)
        if os.geteuid() == 0:
            _log.warn("running as root: set `user` in the configuration")

    def stopService(self) -> None:
        """Close them, if that has not been done."""
        super().stopService()
        self.close()

    def of_worker(self, number: int) -> list[socket]:
        """One socket for each listener, in their order."""
        return [copies[number] for copies in self._sockets]

    def close(self) -> None:
        """Close our own descriptors of the sockets: nobody new comes in."""
        for options, copies in zip(self._config.listeners, self._sockets, strict=False):
            for each in copies:
                each.close()
            unlink_unix(options)
        self._sockets.clear()
