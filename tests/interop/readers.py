"""Clients that read, each a function: all messages of a mailbox over one line, which stay there or are deleted."""

import os
import poplib
import re
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

from .programs import HOST, Line, Login, Outcome, execute

__all__ = ["COUNTERS", "READERS", "Count", "Read", "delivery_agent", "files", "hand_on", "private"]

Read = Callable[[Line, Login, bool, Path], tuple[Outcome, Sequence[bytes]]]
"""Line, log-in, whether messages are deleted, a folder to work in; returns the messages too."""

Count = Callable[[Line, Login, Path], int]
"""How many messages the client says there are."""

_KEEP = """\
#!/bin/sh
# A delivery agent: each message into a file of its own.
exec cat >"$(mktemp "$(dirname "$0")/mail/XXXXXX")"
"""


def curl(line: Line, login: Login, delete: bool, folder: Path) -> tuple[Outcome, Sequence[bytes]]:
    """curl, one message at a time."""
    outcome = _curl(line, login, "")
    messages = []
    for number in range(1, len(outcome.text.splitlines()) + 1) if outcome.done else ():
        outcome = _curl(line, login, str(number), "-o", str(folder / "message"))
        messages.append((folder / "message").read_bytes())
    for _ in messages if delete else ():  # each in a session of its own, after which the next is the first
        outcome = _curl(line, login, "1", "-I", "-X", "DELE")
    return outcome, messages


def _curl(line: Line, login: Login, path: str, *options: str) -> Outcome:
    scheme = "pop3s" if line.tls == "implicit" else "pop3"
    required = ["--ssl-reqd"] if line.tls == "starttls" else []
    url = f"{scheme}://{HOST}:{line.port}/{path}"
    user = f"{login.name}:{login.password}"
    return execute("curl", "-sS", "--cacert", line.certificate, "--user", user, *required, *options, url)


def python(line: Line, login: Login, delete: bool, folder: Path) -> tuple[Outcome, Sequence[bytes]]:
    """poplib, which verifies certificate and name."""
    try:
        session = _poplib(line, login)
    except poplib.error_proto as error:
        return Outcome(False, str(error)), []
    numbers = range(1, session.stat()[0] + 1)
    messages = [b"".join(text + b"\r\n" for text in session.retr(number)[1]) for number in numbers]
    for number in numbers if delete else ():
        session.dele(number)
    return Outcome(session.quit().startswith(b"+OK"), ""), messages


def _poplib(line: Line, login: Login) -> poplib.POP3:
    context = ssl.create_default_context(cafile=str(line.certificate))
    if line.tls == "implicit":
        session: poplib.POP3 = poplib.POP3_SSL(HOST, line.port, timeout=60, context=context)
    else:
        session = poplib.POP3(HOST, line.port, timeout=60)
    if line.tls == "starttls":
        session.stls(context)
    session.user(login.name)
    session.pass_(login.password)
    return session


def mpop(line: Line, login: Login, delete: bool, folder: Path) -> tuple[Outcome, Sequence[bytes]]:
    """mpop into a maildir."""
    maildir = folder / "maildir"
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True, exist_ok=True)
    outcome = _mpop(line, login, folder, f"--delivery=maildir,{maildir}", f"--keep={'off' if delete else 'on'}")
    return outcome, files(maildir / "new")


def _mpop(line: Line, login: Login, folder: Path, *options: str) -> Outcome:
    return execute(
        *["mpop", f"--host={HOST}", f"--port={line.port}", "--auth=user", f"--user={login.name}"],
        *[f"--passwordeval=echo '{login.password}'", f"--tls={'off' if line.tls == 'none' else 'on'}"],
        *[f"--tls-starttls={'on' if line.tls == 'starttls' else 'off'}", f"--tls-trust-file={line.certificate}"],
        *["--tls-host-override=localhost", "--received-header=off", f"--uidls-file={folder / 'uidls'}", *options],
    )


def fetchmail(line: Line, login: Login, delete: bool, folder: Path) -> tuple[Outcome, Sequence[bytes]]:
    """fetchmail with a delivery agent."""
    outcome = _fetchmail(line, login, folder, f'mda "{delivery_agent(folder)}" {"no keep" if delete else "keep"}')
    return outcome, files(folder / "mail")


def _fetchmail(line: Line, login: Login, folder: Path, options: str, *arguments: str) -> Outcome:
    tls = {"none": 'sslproto ""', "starttls": 'sslproto "TLS1.2+"', "implicit": "ssl"}[line.tls]
    verify = f'sslcertck sslcertfile "{line.certificate}" sslcommonname localhost' if line.tls != "none" else ""
    config = private(
        folder / "fetchmailrc",
        f'set invisible\nset no syslog\nset pidfile "{folder}/pid"\n'  # root's is one for the whole machine
        f"poll {HOST} protocol pop3 service {line.port}\n"
        f'user "{login.name}" password "{login.password}" {options} no rewrite {tls} {verify}\n',
    )
    environment = {**os.environ, "FETCHMAILHOME": str(folder), "LC_ALL": "C.UTF-8"}
    return execute("fetchmail", "-f", config, "--nodetach", *arguments, environment=environment)


def hand_on(line: Line, login: Login, target: Line, protocol: str, recipient: str, folder: Path) -> Outcome:
    """fetchmail, which hands all messages in by SMTP or LMTP and deletes them."""
    options = f'smtphost "{HOST}/{target.port}" smtpname "{recipient}" no keep'
    return _fetchmail(line, login, folder, options, *(["--lmtp"] if protocol == "lmtp" else []))


def getmail(line: Line, login: Login, delete: bool, folder: Path) -> tuple[Outcome, Sequence[bytes]]:
    """getmail with a delivery agent; it knows no STLS."""
    tls = "SSL" if line.tls == "implicit" else ""
    trust = f"ca_certs = {line.certificate}" if tls else ""
    config = private(
        folder / "getmailrc",
        f"[retriever]\ntype = SimplePOP3{tls}Retriever\nserver = {HOST}\nport = {line.port}\n{trust}\n"
        f"username = {login.name}\npassword = {login.password}\n"
        f"[destination]\ntype = MDA_external\npath = {delivery_agent(folder)}\nallow_root_commands = true\n"
        f"[options]\ndelete = {str(delete).lower()}\ndelivered_to = false\nreceived = false\n",
    )
    return execute("getmail", f"--getmaildir={folder}", f"--rcfile={config}"), files(folder / "mail")


def delivery_agent(folder: Path) -> Path:
    """A program that puts each message into a file of its own in the new folder ``mail``."""
    (folder / "mail").mkdir(exist_ok=True)
    program = folder / "keep"
    program.write_text(_KEEP)
    program.chmod(0o700)
    return program


def private(file: Path, text: str) -> Path:
    """A file that nobody else can read."""
    file.write_text(text)
    file.chmod(0o600)
    return file


def files(folder: Path) -> list[bytes]:
    """What is in the files of a folder, by name."""
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def _count_curl(line: Line, login: Login, folder: Path) -> int:
    return len(_curl(line, login, "").text.splitlines())


def _count_python(line: Line, login: Login, folder: Path) -> int:
    session = _poplib(line, login)
    try:
        assert len(session.list()[1]) == len(session.uidl()[1])
        return session.stat()[0]
    finally:
        session.quit()


def _count_mpop(line: Line, login: Login, folder: Path) -> int:
    return _number(_mpop(line, login, folder, f"--delivery=maildir,{folder}", "--status-only"), r"total: (\d+) message")


def _count_fetchmail(line: Line, login: Login, folder: Path) -> int:
    return _number(_fetchmail(line, login, folder, "keep", "--check"), r"(\d+) messages? for")


def _number(outcome: Outcome, pattern: str) -> int:
    found = re.search(pattern, outcome.text)
    assert found, outcome.text
    return int(found[1])


READERS: dict[str, Read] = {"curl": curl, "Python": python, "mpop": mpop, "fetchmail": fetchmail, "getmail": getmail}
"""Name of the client -> how it reads."""

COUNTERS: dict[str, Count] = {
    "curl": _count_curl,
    "Python": _count_python,
    "mpop": _count_mpop,
    "fetchmail": _count_fetchmail,
}
"""Name of the client -> how it lists; getmail cannot."""
