"""A small SMTP server in threads, the next hop of a server under test, that takes mail for everybody but ``nobody``, on a loopback
address of its own."""

import socketserver
import threading
import time
from typing import Self


class Sink:
    """Use it as a context manager. ``got``: subject and recipients of each message; ``delay``: seconds before it says so; ``may_answer``:
    until this is set, it does not say so at all; ``begun``: how many it has seen all of."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0, delay: float = 0.0) -> None:
        self.got: list[tuple[str, list[str]]] = []
        self.delay = delay
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.begun = 0
        self._server = _Server((address, port), _Handler)
        self._server.sink = self
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def subjects(self) -> list[str]:
        """Of all messages, in the order in which they came."""
        return [subject for subject, _ in self.got]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    sink: Sink


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """One connection."""
        self._say("220 sink")
        recipients: list[str] = []
        for line in self.rfile:
            verb, _, argument = line.decode().rstrip().partition(" ")
            if verb == "RCPT":
                address = argument.partition("<")[2].partition(">")[0]
                if address.startswith("nobody@"):
                    self._say("550 5.1.1 nobody here")
                    continue
                recipients.append(address)
            elif verb in ("MAIL", "RSET"):
                recipients = []
            elif verb == "DATA":
                self._take(recipients)
                continue
            self._say(_REPLIES.get(verb, "250 ok"))

    def _take(self, recipients: list[str]) -> None:
        self._say("354 go on")
        lines = iter(self.rfile.readline, b".\r\n")
        header = [line.decode(errors="replace") for line in lines]
        subject = next(line for line in header if line.startswith("Subject: "))
        self.server.sink.begun += 1
        time.sleep(self.server.sink.delay)
        self.server.sink.may_answer.wait()
        self.server.sink.got.append((subject.removeprefix("Subject: ").rstrip(), recipients))
        self._say("250 2.0.0 taken")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


_REPLIES = {"EHLO": "250-sink\r\n250 SMTPUTF8", "QUIT": "221 bye"}
