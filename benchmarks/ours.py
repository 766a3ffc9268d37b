"""mailsvc as it is started for its tests: ``twistd mailsvc`` with its workers and its owner process, defaults everywhere."""

import compileall
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from twisted import __version__ as twisted_version

import mailsvc
from benchmarks.servers import DOMAIN, HOST, PASSWORD, Server, mailboxes, processes_below
from mailsvc import __version__
from mailsvc.testing.harness import RunningServer

__all__ = ["Ours"]


class Ours(Server):
    """mailsvc.

    :param accounts: how many mailboxes. :param workers: processes that serve. :param environment: variables for all processes.
    :param listener: TOML lines for each listener. :param config: further TOML tables.
    """

    def __init__(
        self,
        accounts: int = 100,
        workers: int = 2,
        environment: Mapping[str, str] | None = None,
        listener: str = "",
        config: str = "",
    ) -> None:
        self.name = "mailsvc"
        self.description = f"mailsvc {__version__} on Twisted {twisted_version}, {workers} workers"
        self.root = Path(tempfile.mkdtemp(prefix="ours-"))
        self.server = RunningServer(
            self.root,
            accounts=dict.fromkeys(mailboxes(accounts), PASSWORD),
            workers=workers,
            domain=DOMAIN,
            environment=environment,
            listener=listener,
            config=config,
        )
        self.smtp, self.pop3 = self.server.ports["smtp"], self.server.ports["pop3"]
        self.imap = self.server.ports["imap"]
        self.lmtp = f"{HOST}:{self.server.ports['lmtp']}"

    def __enter__(self) -> Self:
        compileall.compile_dir(Path(mailsvc.__file__).parent, quiet=1)  # as installing it does
        try:
            self.server.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.server.destroy()
        shutil.rmtree(self.root, ignore_errors=True)

    def delivered(self) -> bool:
        """Always: there is no queue, ``250`` is answered when the message is in the mailbox. Reading it afterwards proves it."""
        return True

    def pids(self) -> list[int]:
        """Main process, owner, workers."""
        return list(processes_below(self.server.pid))
