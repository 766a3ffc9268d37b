"""Programs with windows or an editor around them, driven against servers of our own: ``python -m tests.interop.by_hand [PROGRAM...]``.

``mew`` (Debian's ``mew`` and ``emacs-nox``) and ``sylpheed`` (with ``xvfb``) send a letter to themselves, then fetch it, by each mechanism
that they know; what the server saw is printed. ``thunderbird`` (with ``xvfb``) and ``thunderbird-ja`` (with ``thunderbird-l10n-ja``) are
led through all that a user does: a line for each step says whether it went well. CI does not run this: the results stand in
``docs/interoperability.rst``.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from .login_servers import LoginServer, make_login_server
from .thunderbird import started
from .thunderbird_steps import walk
from .thunderbird_tour import Tour

__all__ = ["main"]

PATIENCE = 90.0

_SEEN = re.compile(
    r" C: (?:\S+ )?((?:AUTH|AUTHENTICATE) [A-Z0-9-]+|APOP|USER|LOGIN)|((?:smtp|pop3|imap): .*logged in.*)|( S: .*-ERR.*| S: 5\d\d .*)"
)


def mew(house: LoginServer, home: Path) -> None:
    """Mew in a batch Emacs: mew.el says what is done."""
    ports = {f"MEW_{name}": str(house.server.ports[port]) for name, port in _PORTS.items()}
    words = {
        "MEW_HOST": house.server.host,
        "MEW_USER": "alice",
        "MEW_PASSWORD": house.device,
        "MEW_TO": "alice@example.test",
    }
    script = Path(__file__).with_name("mew.el")
    _run(["emacs", "--batch", "--no-init-file", "-l", str(script)], home, {**ports, **words})


_PORTS = {"SMTP": "submission", "POP": "pop3", "IMAP": "imap"}


def sylpheed(house: LoginServer, home: Path) -> None:
    """Sylpheed under Xvfb, whose configuration is written beforehand: it sends what is in its queue, then looks for mail."""
    for protocol, method in ((0, 0), (0, 1), (3, 2)):  # POP3 with USER, with APOP; IMAP with CRAM-MD5
        folder = home / f"{protocol}-{method}"
        _sylpheed_home(house, folder, protocol, method)
        before = len(house.server.log)
        display = f":{90 + protocol + method}"
        with subprocess.Popen(
            ["Xvfb", display, "-screen", "0", "1024x768x24", "-nolisten", "tcp"], stderr=subprocess.DEVNULL
        ) as xvfb:
            time.sleep(1)
            command = ["sylpheed", "--send", "--receive-all"]
            with subprocess.Popen(
                command, env=_environment(folder, {"DISPLAY": display}), stderr=subprocess.DEVNULL
            ) as program:
                _wait_for_mail(house, before)
                program.terminate()
            xvfb.terminate()


def _sylpheed_home(house: LoginServer, home: Path, protocol: int, method: int) -> None:
    config, ports = home / ".sylpheed-2.0", house.server.ports
    config.mkdir(parents=True)
    for name in ("inbox", "sent", "draft", "queue", "trash", "junk"):
        (home / "Mail" / name).mkdir(parents=True)
    items = "".join(
        f'<folderitem type="{kind}" name="{name}" path="{name}" mtime="0" new="0" unread="0" total="0" />'
        for kind, name in (
            ("inbox", "inbox"),
            ("outbox", "sent"),
            ("draft", "draft"),
            ("queue", "queue"),
            ("trash", "trash"),
            ("junk", "junk"),
        )
    )
    (config / "folderlist.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<folderlist>'
        f'<folder type="mh" name="Mailbox" path="Mail"><folderitem type="normal">{items}</folderitem></folder></folderlist>\n'
    )
    (config / "accountrc").write_text(
        f"[Account: 1]\naccount_name=alice\nis_default=1\nname=alice\naddress=alice@example.test\n"
        f"receive_server=127.0.0.1\nsmtp_server=127.0.0.1\nuser_id=alice\npassword={house.device}\nprotocol={protocol}\n"
        f"use_apop_auth={int(method == 1)}\nremove_mail=0\nuse_smtp_auth=1\nsmtp_auth_method=2\nsmtp_user_id=alice\n"
        f"smtp_password={house.device}\nimap_auth_method={method}\nset_smtpport=1\nsmtp_port={ports['submission']}\n"
        f"set_popport=1\npop_port={ports['pop3']}\nset_imapport=1\nimap_port={ports['imap']}\n"
    )
    (home / "Mail" / "queue" / "1").write_text(
        "AF:\nNF:0\nPS:10\nSRH:1\nSFN:\nDSR:\nMID:\nCFG:\nPT:0\nS:alice@example.test\nRQ:\nSSV:127.0.0.1\nNSV:\nSSH:\n"
        "R:<alice@example.test>\nMAID:1\n\nFrom: alice@example.test\nTo: alice@example.test\nSubject: Sylpheed\n\nx\n"
    )


def _wait_for_mail(house: LoginServer, before: int) -> None:
    """Until a session that looked for mail has ended, or a while."""
    end = time.monotonic() + PATIENCE / 3
    while (
        not re.search("(?:C: QUIT|LOGOUT)", house.server.log[before:].partition("alice")[2]) and time.monotonic() < end
    ):
        time.sleep(0.2)
    time.sleep(2)


def thunderbird(house: LoginServer, home: Path, locale: str = "en-US") -> None:
    """Thunderbird under Xvfb, which is driven through Marionette: thunderbird_steps.py says what is done."""
    with started(house.server, home, PATIENCE, locale) as program:
        print("Thunderbird", program.program.run("return Services.appinfo.version"))
        for line in walk(Tour(program, house)):
            print(line, flush=True)


def thunderbird_ja(house: LoginServer, home: Path) -> None:
    """The same in Japanese."""
    thunderbird(house, home, "ja")


def _run(command: list[str], home: Path, words: Mapping[str, str]) -> None:
    ended = subprocess.run(
        command,
        env=_environment(home, words),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    print(ended.stdout if ended.returncode == 0 else ended.stderr)


def _environment(home: Path, words: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "HOME": str(home), "LC_ALL": "C.UTF-8", **words}


def _seen(log: str) -> Iterator[str]:
    """What the server saw of log-ins."""
    for line in log.splitlines():
        found = _SEEN.search(line)
        if found:
            yield next(filter(None, found.groups())).strip()


PROGRAMS = {"mew": mew, "sylpheed": sylpheed, "thunderbird": thunderbird, "thunderbird-ja": thunderbird_ja}


def main(names: list[str]) -> None:
    """Try these programs, or all, each with a server of its own."""
    for program in names or PROGRAMS:
        print(f"=== {program}", flush=True)
        with tempfile.TemporaryDirectory() as name:
            house = make_login_server(Path(name, "server"), log='debug = ["submission", "pop3", "imap"]')
            try:
                before, home = len(house.server.log), Path(name, program)
                home.mkdir()
                PROGRAMS[program](house, home)
                print(*dict.fromkeys(_seen(house.server.log[before:])), sep="\n", flush=True)
            finally:
                house.server.destroy()


if __name__ == "__main__":
    main(sys.argv[1:])
