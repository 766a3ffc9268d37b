"""Clients that log in, each a function that does so by one mechanism over one line, and what they can do: :data:`ABILITIES`.

USER is that of POP3, LOGIN (IMAP) the command of IMAP as well as the mechanism: clients choose as they like. openssl is somebody who
types the protocol.
"""

import imaplib
import poplib
import smtplib
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .programs import HOST, PATIENCE, Line, Login, Outcome, execute
from .readers import private

__all__ = ["ABILITIES", "COLUMNS", "TOKENS", "cells", "mechanism_of", "protocol_of"]

Enter = Callable[[str, Line, str, Login, Path], Outcome]
"""Protocol, line, mechanism, log-in, folder to work in; done if the client got in."""

TOKENS = ("OAUTHBEARER", "XOAUTH2")


def curl(protocol: str, line: Line, mechanism: str, login: Login, folder: Path) -> Outcome:
    """curl: NOOP, or a list of what is there."""
    scheme = protocol + ("s" if line.tls == "implicit" else "")
    words = ["curl", "-sSv", "--cacert", line.certificate, *(["--ssl-reqd"] if line.tls == "starttls" else [])]
    options = "AUTH=+APOP" if mechanism == "APOP" else f"AUTH={mechanism}"
    words += ["--login-options", options]
    if mechanism in TOKENS:
        words += ["--user", f"{login.name}:", "--oauth2-bearer", login.password]
    else:
        words += ["--user", f"{login.name}:{login.password}"]
    words += ["-X", "NOOP", "-I"] if protocol == "smtp" else []
    return execute(*words, *_shown(login, "--cert", "--key"), f"{scheme}://{HOST}:{line.port}/")


def swaks(protocol: str, line: Line, mechanism: str, login: Login, folder: Path) -> Outcome:
    """swaks, up to the log-in."""
    words = ["swaks", "--server", HOST, "--port", str(line.port), "--quit-after", "AUTH", "--auth", mechanism]
    words += ["--auth-user", login.name, "--auth-password", login.password]
    return execute(*words, *{"none": [], "starttls": ["--tls"], "implicit": ["--tls-on-connect"]}[line.tls])


def msmtp(protocol: str, line: Line, mechanism: str, login: Login, folder: Path) -> Outcome:
    """msmtp; it has to send something, so alice writes to bob."""
    words = ["msmtp", "--from=alice@example.test", *_common(line, mechanism, login, folder)]
    return execute(*words, "--", "bob@example.test", stdin=b"Subject: log-in\n\nx\n")


def mpop(protocol: str, line: Line, mechanism: str, login: Login, folder: Path) -> Outcome:
    """mpop, which only looks."""
    words = ["mpop", f"--delivery=mbox,{folder}/mbox", f"--uidls-file={folder}/uidls", "--status-only"]
    return execute(*words, *_common(line, mechanism, login, folder))


def _common(line: Line, mechanism: str, login: Login, folder: Path) -> list[str]:
    """What msmtp and mpop, of one author, have in common."""
    return [
        *[f"--host={HOST}", f"--port={line.port}", f"--tls={'off' if line.tls == 'none' else 'on'}"],
        *[f"--tls-starttls={'on' if line.tls == 'starttls' else 'off'}", f"--tls-trust-file={line.certificate}"],
        *["--tls-host-override=localhost", f"--auth={mechanism.lower()}", f"--user={login.name}"],
        *[f"--passwordeval=echo '{login.password}'"],
        *_shown(login, "--tls-cert-file=", "--tls-key-file="),
    ]


def _shown(login: Login, certificate: str, key: str) -> list[str]:
    """Options that show a client certificate: ``--option file``, or ``--option=file``."""
    if login.certificate is None:
        return []
    pairs = ((certificate, login.certificate.certificate), (key, login.certificate.key))
    return [
        word for option, file in pairs for word in ([f"{option}{file}"] if option[-1] == "=" else [option, str(file)])
    ]


def fetchmail(protocol: str, line: Line, mechanism: str, login: Login, folder: Path) -> Outcome:
    """fetchmail, which only looks; it ends with 1 if there is nothing to fetch."""
    how = {"APOP": "protocol apop", "USER": "protocol pop3 auth password", "LOGIN": "protocol imap auth password"}
    tls = {"none": 'sslproto ""', "starttls": 'sslproto "TLS1.2+"', "implicit": "ssl"}[line.tls]
    verify = f'sslcertck sslcertfile "{line.certificate}" sslcommonname localhost' if line.tls != "none" else ""
    config = private(
        folder / "fetchmailrc",
        f'set invisible\nset no syslog\nset pidfile "{folder}/pid"\n'
        f"poll {HOST} {how.get(mechanism, f'protocol {protocol} auth {mechanism.lower()}')} service {line.port}\n"
        f'user "{login.name}" password "{login.password}" keep {tls} {verify}\n',
    )
    outcome = execute(
        *["fetchmail", "-f", config, "--nodetach", "--check", "-v"],
        environment={"FETCHMAILHOME": str(folder), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        success=1,
    )
    return outcome


def mbsync(protocol: str, line: Line, mechanism: str, login: Login, folder: Path) -> Outcome:
    """mbsync, by Cyrus SASL: a list of the folders."""
    tls = {"none": "None", "starttls": "STARTTLS", "implicit": "IMAPS"}[line.tls]
    trust = "" if line.tls == "none" else f"CertificateFile {line.certificate}\nSystemCertificates no\n"
    config = private(
        folder / "mbsyncrc",
        f"IMAPAccount here\nHost localhost\nPort {line.port}\nUser {login.name}\nPass {login.password}\n"
        f"SSLType {tls}\n{trust}AuthMechs {mechanism}\n\n"
        f"IMAPStore far\nAccount here\n\nMaildirStore near\nPath {folder}/\nInbox {folder}/INBOX\n\n"
        "Channel all\nFar :far:\nNear :near:\nPatterns *\n",
    )
    return execute("mbsync", "-c", config, "--list", "all", environment={"HOME": str(folder), "PATH": "/usr/bin:/bin"})


def python(protocol: str, line: Line, mechanism: str, login: Login, folder: Path) -> Outcome:
    """smtplib, poplib, imaplib."""
    context = ssl.create_default_context(cafile=str(line.certificate))
    if login.certificate is not None:
        context.load_cert_chain(login.certificate.certificate, login.certificate.key)
    try:
        _PYTHON[protocol](line, context, mechanism, login)
    except (smtplib.SMTPException, poplib.error_proto, imaplib.IMAP4.error) as error:
        return Outcome(False, str(error))
    return Outcome(True, "")


def _smtplib(line: Line, context: ssl.SSLContext, mechanism: str, login: Login) -> None:
    implicit = line.tls == "implicit"
    with smtplib.SMTP_SSL(HOST, line.port, context=context) if implicit else smtplib.SMTP(HOST, line.port) as client:
        if line.tls == "starttls":
            client.starttls(context=context)
        client.ehlo()
        client.user, client.password = login.name, login.password
        methods = {"PLAIN": client.auth_plain, "LOGIN": client.auth_login, "CRAM-MD5": client.auth_cram_md5}
        client.auth(mechanism, methods.get(mechanism) or (lambda challenge=None: _response(mechanism, login)))


def _poplib(line: Line, context: ssl.SSLContext, mechanism: str, login: Login) -> None:
    implicit = line.tls == "implicit"
    client = poplib.POP3_SSL(HOST, line.port, context=context) if implicit else poplib.POP3(HOST, line.port)
    try:
        if line.tls == "starttls":
            client.stls(context)
        if mechanism == "APOP":
            client.apop(login.name, login.password)
        else:
            client.user(login.name)
            client.pass_(login.password)
        client.quit()
    finally:
        client.close()


def _imaplib(line: Line, context: ssl.SSLContext, mechanism: str, login: Login) -> None:
    implicit = line.tls == "implicit"
    with (
        imaplib.IMAP4_SSL(HOST, line.port, ssl_context=context)
        if implicit
        else imaplib.IMAP4(HOST, line.port) as client
    ):
        if line.tls == "starttls":
            client.starttls(context)
        if mechanism == "LOGIN":
            client.login(login.name, login.password)
        elif mechanism == "CRAM-MD5":
            client.login_cram_md5(login.name, login.password)
        else:
            client.authenticate(mechanism, lambda challenge: _response(mechanism, login).encode())


def _response(mechanism: str, login: Login) -> str:
    """The only response of those mechanisms that have one."""
    return {
        "PLAIN": f"\0{login.name}\0{login.password}",
        "EXTERNAL": "",
        "OAUTHBEARER": f"n,a={login.name},\x01auth=Bearer {login.password}\x01\x01",
        "XOAUTH2": f"user={login.name}\x01auth=Bearer {login.password}\x01\x01",
    }[mechanism]


_PYTHON = {"smtp": _smtplib, "pop3": _poplib, "imap": _imaplib}


def openssl(protocol: str, line: Line, mechanism: str, login: Login, folder: Path) -> Outcome:
    """``openssl s_client`` with the protocol typed: one line at a time, each after the answer to the one before."""
    words = [
        "openssl",
        "s_client",
        "-quiet",
        "-crlf",
        "-connect",
        f"{HOST}:{line.port}",
        "-CAfile",
        str(line.certificate),
    ]
    words += ["-starttls", protocol] if line.tls == "starttls" else []
    words += _shown(login, "-cert", "-key")
    said = []
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as typed:
        assert typed.stdin is not None
        assert typed.stdout is not None
        if line.tls == "implicit":
            said.append(typed.stdout.readline())
        for command in _typed(protocol, mechanism, login):
            typed.stdin.write(command.encode() + b"\n")
            typed.stdin.flush()
            said.append(_answer(typed.stdout.readline))
            if said[-1].startswith((b"334 ", b"+ ")):  # why the token is refused; RFC 7628 3.2.3 wants an answer
                typed.stdin.write(b"AQ==\n")
                typed.stdin.flush()
                said[-1] = _answer(typed.stdout.readline)
        typed.stdin.close()
        typed.wait(PATIENCE)
    return Outcome(said[-2].startswith((b"235", b"+OK", b"a OK")), b"".join(said).decode())


def _typed(protocol: str, mechanism: str, login: Login) -> Sequence[str]:
    response = b64encode(_response(mechanism, login).encode()).decode() or "="
    before, command, after = {
        "smtp": (["EHLO client.example"], "AUTH", "QUIT"),
        "pop3": ([], "AUTH", "QUIT"),
        "imap": ([], "a AUTHENTICATE", "b LOGOUT"),
    }[protocol]
    return [*before, f"{command} {mechanism} {response}", after]


def _answer(readline: Callable[[], bytes]) -> bytes:
    """All lines up to the last of an answer."""
    line = readline()
    while line[3:4] == b"-" or line.startswith(b"* "):
        line = readline()
    return line


SCRAM = ("SCRAM-SHA-1", "SCRAM-SHA-256")

ABILITIES: dict[tuple[str, str], tuple[Enter, Sequence[str]]] = {
    ("curl", "smtp"): (curl, ("PLAIN", "LOGIN", "CRAM-MD5", "OAUTHBEARER", "EXTERNAL")),
    ("curl", "pop3"): (curl, ("APOP", "PLAIN", "LOGIN", "CRAM-MD5", "OAUTHBEARER", "EXTERNAL")),
    ("curl", "imap"): (curl, ("PLAIN", "LOGIN", "CRAM-MD5", "OAUTHBEARER", "EXTERNAL")),
    ("swaks", "smtp"): (swaks, ("PLAIN", "LOGIN", "CRAM-MD5")),
    ("Python", "smtp"): (python, ("PLAIN", "LOGIN", "CRAM-MD5", *TOKENS, "EXTERNAL")),
    ("Python", "pop3"): (python, ("USER", "APOP")),
    ("Python", "imap"): (python, ("LOGIN", "PLAIN", "CRAM-MD5", *TOKENS, "EXTERNAL")),
    ("msmtp", "smtp"): (msmtp, ("PLAIN", "LOGIN", "CRAM-MD5", *SCRAM, *TOKENS, "EXTERNAL")),
    ("mpop", "pop3"): (mpop, ("USER", "APOP", "PLAIN", "LOGIN", "CRAM-MD5", *SCRAM, *TOKENS, "EXTERNAL")),
    ("fetchmail", "pop3"): (fetchmail, ("USER", "APOP")),
    ("fetchmail", "imap"): (fetchmail, ("LOGIN", "CRAM-MD5")),
    ("mbsync", "imap"): (mbsync, ("LOGIN", "PLAIN", "CRAM-MD5", *SCRAM)),
    ("openssl", "smtp"): (openssl, ("PLAIN", *TOKENS, "EXTERNAL")),
    ("openssl", "pop3"): (openssl, ("PLAIN", *TOKENS, "EXTERNAL")),
    ("openssl", "imap"): (openssl, ("PLAIN", *TOKENS, "EXTERNAL")),
}
"""Client and protocol -> how it logs in, and by which mechanisms."""

_TITLES = {"smtp": "SMTP", "pop3": "POP3", "imap": "IMAP"}
_MECHANISMS = ("USER", "APOP", "LOGIN", "PLAIN", "CRAM-MD5", *SCRAM, *TOKENS, "EXTERNAL")


def operation(protocol: str, mechanism: str) -> str:
    """The column of a mechanism in the table of a protocol."""
    return f"{mechanism} ({_TITLES[protocol]})"


def mechanism_of(operation: str) -> str:
    """The mechanism of a column."""
    return operation.partition(" (")[0]


def protocol_of(operation: str) -> str:
    """The protocol of a column."""
    return operation.partition(" (")[2].rstrip(")").lower()


COLUMNS = {
    f"Log-ins by {title}": tuple(
        operation(protocol, mechanism)
        for mechanism in _MECHANISMS
        if any(mechanism in able for (_, where), (_, able) in ABILITIES.items() if where == protocol)
    )
    for protocol, title in _TITLES.items()
}
"""Title of a table -> its columns."""


def cells() -> Iterator[tuple[str, str, str]]:
    """Client, TLS mode, operation of each cell."""
    for (client, protocol), (_, mechanisms) in ABILITIES.items():
        for mechanism in mechanisms:
            for tls in _modes(client, mechanism):
                yield client, tls, operation(protocol, mechanism)


def _modes(client: str, mechanism: str) -> Sequence[str]:
    """A certificate is shown under TLS only, openssl speaks nothing else, and fetchmail begins no TLS for APOP."""
    if (client, mechanism) == ("fetchmail", "APOP"):
        return "none", "implicit"
    return (
        ("starttls", "implicit") if mechanism == "EXTERNAL" or client == "openssl" else ("none", "starttls", "implicit")
    )
