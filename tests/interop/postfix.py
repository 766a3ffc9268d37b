"""A private Postfix that hands mail to us: its own configuration, queue and ports under one folder; the system's own is not touched.

Mail comes into it on a port of the loopback, and goes to us by the transport that the recipient's address names. It tries deferred mail
again after a second. It needs root, because Postfix does.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from mailsvc.testing.harness import free_ports, wait_for

__all__ = ["TRANSPORTS", "Postfix"]

TRANSPORTS = {
    "smtp-none": "smtp -o smtp_tls_security_level=none",
    "smtp-starttls": "smtp -o smtp_tls_security_level=verify",
    "lmtp-none": "lmtp -o lmtp_tls_security_level=none",
    "lmtp-starttls": "lmtp -o lmtp_tls_security_level=verify",
}
"""Name of a transport -> Postfix's client and its options; TLS is verified."""

_MAIN = """\
compatibility_level = 3.6
config_directory = {root}/etc
queue_directory = {root}/spool
data_directory = {root}/data
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {root}/log/maillog
maillog_file_prefixes = {root}/log
myhostname = relay.elsewhere.test
mydestination =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_host_lookup = native
lmtp_host_lookup = native
smtp_tls_CAfile = {certificate}
lmtp_tls_CAfile = {certificate}
smtp_tls_loglevel = 1
lmtp_tls_loglevel = 1
alias_maps =
alias_database =
transport_maps = texthash:{root}/etc/transport
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
transport_retry_time = 1s
"""

_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup     unix  n - n 60 1   pickup
cleanup    unix  n - n - 0    cleanup
qmgr       unix  n - n 1 1    qmgr
tlsmgr     unix  - - n 1000? 1 tlsmgr
rewrite    unix  - - n - -    trivial-rewrite
bounce     unix  - - n - 0    bounce
defer      unix  - - n - 0    bounce
trace      unix  - - n - 0    bounce
proxymap   unix  - - n - -    proxymap
smtp       unix  - - n - -    smtp
error      unix  - - n - -    error
retry      unix  - - n - -    error
anvil      unix  - - n - 1    anvil
scache     unix  - - n - 1    scache
postlog    unix-dgram n - n - 1 postlogd
{transports}"""


_KEEPER = """\
trap : TERM
/usr/lib/postfix/sbin/master -d -c "$0" &
read -r nothing
kill 0
wait
"""
"""A shell, alone with Postfix in a process group, that ends it when its own input ends: also when the tests are killed. (Postfix changes
its user back and forth, and with that forgets a signal asked for at its parent's death.)"""


class Postfix:
    """One instance in the new folder ``root``, which others must be able to enter.

    :param routes: recipient, or domain, to ``transport:nexthop``. :param certificate: the only one that is trusted.
    """

    def __init__(self, root: Path, routes: Mapping[str, str], certificate: Path) -> None:
        self.root = root
        (self.port,) = free_ports(1)
        self._keeper: subprocess.Popen[bytes] | None = None
        for name in ("etc", "spool", "data", "log"):
            (root / name).mkdir(parents=True)
        shutil.chown(root / "data", "postfix")
        shutil.copy(certificate, root / "etc")
        values = {"root": root, "certificate": root / "etc" / certificate.name, "port": self.port}
        transports = "".join(f"{name} unix - - n - - {command}\n" for name, command in TRANSPORTS.items())
        (root / "etc/main.cf").write_text(_MAIN.format(**values))
        (root / "etc/master.cf").write_text(_MASTER.format(**values, transports=transports))
        (root / "etc/transport").write_text("".join(f"{who} {route}\n" for who, route in routes.items()))

    def __enter__(self) -> Self:
        etc = self.root / "etc"
        subprocess.run(["postfix", "-c", etc, "check"], check=True, capture_output=True, timeout=60)
        self._keeper = subprocess.Popen(
            ["sh", "-c", _KEEPER, etc],
            start_new_session=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(lambda: "daemon started" in self.log, "Postfix starts")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        assert self._keeper is not None
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        try:
            self._keeper.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._keeper.pid, signal.SIGKILL)
            self._keeper.wait()

    @property
    def log(self) -> str:
        """What it has logged so far."""
        file = self.root / "log/maillog"
        return file.read_text(errors="replace") if file.exists() else ""

    def queued(self) -> int:
        """How many messages are in its queue."""
        folders = [self.root / "spool" / name for name in ("maildrop", "incoming", "active", "deferred")]
        return sum(path.is_file() for folder in folders for path in folder.rglob("*"))
