"""The server under test: besides the usual listeners, LMTP with STARTTLS and LMTP on a socket file; nothing leaves it."""

from collections.abc import Mapping
from pathlib import Path

from mailsvc.testing.harness import RunningServer, free_ports

__all__ = ["make_server"]

_CONFIG = """
[[listener]]
protocol = "lmtp"
address = "127.0.0.1"
port = {port}
tls = "starttls"

[[listener]]
protocol = "lmtp"
address = "unix:{socket}"
tls = "none"

[[route]]
domains = ["*"]
hold = true
"""


def make_server(directory: Path, socket: Path, accounts: Mapping[str, str] | None = None) -> RunningServer:
    """A server with two workers, which can be started; ``ports["lmtp-starttls"]`` is one port more. A store that sleeps has two seconds."""
    (port,) = free_ports(1)
    server = RunningServer(directory, accounts, workers=2, config=_CONFIG.format(port=port, socket=socket))
    server.ports["lmtp-starttls"] = port
    text = server.file.read_text(encoding="utf-8")
    server.file.write_text(text.replace("[store]\n", '[store]\ntimeout = "2 s"\n'), encoding="utf-8")
    return server
