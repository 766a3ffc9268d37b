"""A small client for Marionette, the port by which Mozilla's programs let themselves be driven (``--marionette``): JavaScript runs inside.

A message is its length in decimal, ``:``, and JSON; a command is ``[0, id, name, parameters]``, its answer ``[1, id, error, result]``. In
the "chrome" context a script may do all that the program itself may.
"""

import contextlib
import json
import socket
import time
from typing import Any, Self

__all__ = ["Marionette", "ScriptError"]


class ScriptError(Exception):
    """What the program says of a script that failed, or was not over in time."""


class Marionette:
    """A session in the chrome context."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")
        self._id = 0
        self._message()  # who it is
        self._command("WebDriver:NewSession", {})
        self._command("Marionette:SetContext", {"value": "chrome"})

    @classmethod
    def connect(cls, port: int, patience: float) -> Self:
        """Wait until somebody listens there. Raises OSError if nobody does within so many seconds."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            with contextlib.suppress(ConnectionRefusedError):
                return cls(socket.create_connection(("127.0.0.1", port), timeout=patience))
            time.sleep(0.2)
        raise OSError(f"nobody listens on port {port}")

    def run(self, script: str, *arguments: object, patience: float = 60.0) -> Any:
        """The value that the body of a function returns, or that its promise comes to. Raises ScriptError."""
        self._connection.settimeout(patience + 10)
        self._command("WebDriver:SetTimeouts", {"script": int(patience * 1000)})
        parameters = {"script": script, "args": arguments, "newSandbox": False, "sandbox": "system"}
        return self._command("WebDriver:ExecuteScript", parameters)["value"]

    def quit(self) -> None:
        """Let the program end itself, as its menu would."""
        self._command("Marionette:Quit", {"flags": ["eAttemptQuit"]})
        self._connection.close()

    def _command(self, name: str, parameters: dict[str, Any]) -> Any:
        self._id += 1
        octets = json.dumps([0, self._id, name, parameters]).encode()
        self._connection.sendall(b"%d:%s" % (len(octets), octets))
        _, _, error, result = self._message()
        if error:
            raise ScriptError(f"{error['error']}: {error['message']}")
        return result

    def _message(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            octet = self._file.read(1)
            if not octet:
                raise ScriptError("the program has ended")
            length += octet
        return json.loads(self._file.read(int(length[:-1])))
