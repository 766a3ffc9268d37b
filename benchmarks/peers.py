"""A private Postfix that delivers by LMTP to a private Dovecot: their own configuration, queue, mail and loopback ports under one folder.

The system's own instances, their configuration and their mail are not touched. Needs root and Debian's packages. Both run as their
distribution configures them, with these differences, all in their favour: Postfix does not slow its input down (``in_flow_delay = 0``) and
tries a deferred message again after a second, Dovecot keeps its log-in processes (``service_count = 0``) and does not hash passwords.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from benchmarks.load import counts
from benchmarks.servers import DOMAIN, HOST, PASSWORD, Server, free_port, mailboxes, processes_below
from mailsvc.testing.keeper import Keeper

__all__ = ["Peers"]

MAIN_CF = """\
compatibility_level = 3.6
config_directory = {root}/postfix/etc
queue_directory = {root}/postfix/spool
data_directory = {root}/postfix/data
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {root}/postfix/log/maillog
maillog_file_prefixes = {root}/postfix/log
myhostname = mail.{domain}
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:{root}/postfix/etc/mailboxes
virtual_transport = lmtp:unix:private/dovecot-lmtp
in_flow_delay = 0
minimal_backoff_time = 1s
queue_run_delay = 1s
import_environment = MAIL_CONFIG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME {passed}
"""

MASTER_CF = """\
{smtp}     inet  n - n - -    smtpd
pickup     unix  n - n 60 1   pickup
cleanup    unix  n - n - 0    cleanup
qmgr       unix  n - n 300 1  qmgr
tlsmgr     unix  - - n 1000? 1 tlsmgr
rewrite    unix  - - n - -    trivial-rewrite
bounce     unix  - - n - 0    bounce
defer      unix  - - n - 0    bounce
trace      unix  - - n - 0    bounce
verify     unix  - - n - 1    verify
flush      unix  n - n 1000? 0 flush
proxymap   unix  - - n - -    proxymap
proxywrite unix  - - n - 1    proxymap
smtp       unix  - - n - -    smtp
relay      unix  - - n - -    smtp
showq      unix  n - n - -    showq
error      unix  - - n - -    error
retry      unix  - - n - -    error
discard    unix  - - n - -    discard
local      unix  - n n - -    local
virtual    unix  - n n - -    virtual
lmtp       unix  - - n - -    lmtp
anvil      unix  - - n - 1    anvil
scache     unix  - - n - 1    scache
postlog    unix-dgram n - n - 1 postlogd
"""

DOVECOT_CONF = """\
base_dir = {root}/dovecot/run
state_dir = {root}/dovecot/state
instance_name = benchmark
log_path = {root}/dovecot/log
import_environment = TZ {passed}
protocols = pop3 imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = {storage}:{root}/mail/%u
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {root}/dovecot/passwd
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={root}/mail/%u
}}
service lmtp {{
  unix_listener {root}/postfix/spool/private/dovecot-lmtp {{
    user = postfix
    mode = 0600
  }}
}}
service pop3-login {{
  service_count = 0
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service imap-login {{
  service_count = 0
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


def _wait(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            return bool(connection.recv(100))
    except OSError:
        return False


class Peers(Server):
    """Postfix and Dovecot.

    :param accounts: how many mailboxes. :param storage: ``sdbox``, ``mdbox`` or ``maildir``.
    :param environment: variables that every process of both gets (see :mod:`benchmarks.slowsync`).
    :param dovecot: further lines of its configuration. :param passwords: user -> what its password file says, instead of the usual.
    """

    def __init__(
        self,
        accounts: int = 100,
        storage: str = "sdbox",
        environment: dict[str, str] | None = None,
        dovecot: str = "",
        passwords: dict[str, str] | None = None,
    ) -> None:
        self.name = "Postfix + Dovecot"
        self.accounts = accounts
        self.storage = storage
        self.environment = environment or {}
        self.dovecot = dovecot
        self.passwords = passwords or dict.fromkeys(mailboxes(accounts), PASSWORD)
        self.smtp, self.pop3, self.imap = free_port(), free_port(), free_port()
        self.root = Path()
        self._running: list[subprocess.Popen[bytes]] = []
        self._keepers: list[Keeper] = []

    @property
    def description(self) -> str:  # type: ignore[override]
        """Versions and the mailbox format."""
        postfix = subprocess.run(
            ["postconf", "-h", "-d", "mail_version"], capture_output=True, text=True, check=True
        ).stdout
        dovecot = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=True).stdout
        return f"Postfix {postfix.strip()}, LMTP to Dovecot {dovecot.split()[0]}, {self.storage}"

    @property
    def lmtp(self) -> str:  # type: ignore[override]
        """Dovecot's socket, past Postfix."""
        return f"unix:{self.root}/postfix/spool/private/dovecot-lmtp"

    def __enter__(self) -> Self:
        self.root = Path(tempfile.mkdtemp(prefix="peers-"))
        self.root.chmod(0o755)
        try:
            self._configure()
            self._start("dovecot", "-F", "-c", str(self.root / "dovecot/dovecot.conf"))
            _wait(lambda: _answers(self.pop3), f"Dovecot does not answer: {self._log('dovecot/log')}")
            counts(self, self._known())  # makes each INBOX: deliveries at once into a new one can fail
            self._start("/usr/lib/postfix/sbin/master", "-d", "-c", str(self.root / "postfix/etc"))
            _wait(lambda: _answers(self.smtp), f"Postfix does not answer: {self._log('postfix/log/maillog')}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        for process in reversed(self._running):
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                for pid in processes_below(process.pid):
                    os.kill(pid, signal.SIGKILL)
                process.wait()
        self._running.clear()
        while self._keepers:
            self._keepers.pop().release()
        shutil.rmtree(self.root, ignore_errors=True)

    def delivered(self) -> bool:
        """Postfix removes a queue file when its LMTP delivery was answered, so an empty queue means that all mail is in mailboxes."""
        spool = self.root / "postfix/spool"
        queues = [spool / "incoming", spool / "active", *(spool / "deferred").iterdir()]
        return not any(any(queue.iterdir()) for queue in queues)

    def pids(self) -> list[int]:
        """The processes of both."""
        return [pid for process in self._running for pid in processes_below(process.pid)]

    def _configure(self) -> None:
        postfix, dovecot, mail = self.root / "postfix", self.root / "dovecot", self.root / "mail"
        for folder in (postfix / "etc", postfix / "spool", postfix / "data", postfix / "log", dovecot, mail):
            folder.mkdir(parents=True)
        shutil.chown(postfix / "data", "postfix")
        shutil.chown(mail, "nobody")
        values = {
            "root": self.root,
            "domain": DOMAIN,
            "smtp": f"{HOST}:{self.smtp}",
            "pop3": self.pop3,
            "imap": self.imap,
            "storage": self.storage,
            "passed": " ".join(self.environment),
        }
        (postfix / "etc/main.cf").write_text(MAIN_CF.format(**values))
        (postfix / "etc/master.cf").write_text(MASTER_CF.format(**values))
        (dovecot / "dovecot.conf").write_text(DOVECOT_CONF.format(**values) + self.dovecot)
        users = mailboxes(self.accounts)
        (postfix / "etc/mailboxes").write_text("".join(f"{user} {user}\n" for user in users))
        (dovecot / "passwd").write_text("".join(f"{user}:{text}\n" for user, text in self.passwords.items()))
        subprocess.run(["postfix", "-c", postfix / "etc", "check"], check=True, stderr=subprocess.DEVNULL)

    def _known(self) -> list[str]:
        """Those whose password is the usual one."""
        return [user for user, text in self.passwords.items() if text in (PASSWORD, "{PLAIN}" + PASSWORD)]

    def _start(self, *command: str) -> None:
        output = (self.root / "output").open("ab")
        self._running.append(
            subprocess.Popen(
                command,
                env={**os.environ, **self.environment},
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        )
        self._keepers.append(Keeper(-self._running[-1].pid))

    def _log(self, name: str) -> str:
        log = self.root / name
        return log.read_text(errors="replace")[-2000:] if log.exists() else (self.root / "output").read_text()[-2000:]
