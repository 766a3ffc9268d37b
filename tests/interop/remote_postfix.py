"""A private Postfix as the server that mail goes to: it takes mail for ``remote.test`` and keeps it in one Maildir.

``nobody@remote.test`` does not exist there, ``grey@remote.test`` is to come again later. Its log says of each connection how often which
command came.
"""

import re
from pathlib import Path

from .postfix import Postfix

__all__ = ["RemotePostfix"]

_MAIN = """\
smtpd_tls_security_level = may
smtpd_tls_cert_file = {root}/etc/{certificate}
smtpd_tls_key_file = {root}/etc/key.pem
smtpd_tls_auth_only = yes
smtpd_forbid_unauth_pipelining = yes
smtpd_forbid_bare_newline = yes
local_header_rewrite_clients =
smtpd_relay_restrictions = permit_auth_destination, reject
smtpd_recipient_restrictions = check_recipient_access inline:{{
    {{nobody@remote.test = 550 5.1.1 nobody here}}, {{grey@remote.test = 450 4.2.0 later}} }}
message_size_limit = 5000000
virtual_mailbox_domains = remote.test
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{uid}
virtual_minimum_uid = 1
virtual_transport = virtual
"""


class RemotePostfix(Postfix):
    """One instance in the new folder ``root``, which others must be able to enter."""

    def __init__(self, root: Path, certificate: Path, key: Path) -> None:
        super().__init__(root, {}, certificate)
        (root / "etc/key.pem").write_bytes(key.read_bytes())
        (root / "mail").mkdir(mode=0o777)
        (root / "mail").chmod(0o777)
        main, master = root / "etc/main.cf", root / "etc/master.cf"
        text = re.sub(r"^(smtpd_relay_restrictions|mynetworks) .*\n", "", main.read_text(), flags=re.M)
        main.write_text(text + _MAIN.format(root=root, certificate=certificate.name, uid=65534))
        master.write_text(master.read_text() + "virtual unix - n n - - virtual\n")

    def messages(self, name: str) -> list[bytes]:
        """What has come for ``name@remote.test``, in no special order."""
        came = (file.read_bytes() for file in (self.root / "mail/box/new").glob("*"))
        return [message for message in came if f"\nDelivered-To: {name}@remote.test\n".encode() in message]

    def commands(self) -> list[dict[str, str]]:
        """What each connection that is over has said: command -> how often, ``"accepted/sent"`` where that differs."""
        lines = re.findall(r"disconnect from \S+ (.*)", self.log)
        return [dict(word.split("=") for word in line.split()) for line in lines]
