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


def make_server(
    directory: Path, socket: Path, accounts: Mapping[str, str] | None = None, store: str = ""
) -> RunningServer:
    """A server with two workers, which can be started; ``ports["lmtp-starttls"]`` is one port more.

    :param store: TOML lines put into ``[store]``.
    """
    (port,) = free_ports(1)
    server = RunningServer(directory, accounts, workers=2, config=_CONFIG.format(port=port, socket=socket), store=store)
    server.ports["lmtp-starttls"] = port
    return server
