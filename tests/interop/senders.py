"""Clients that send, each a function: one letter to one recipient, over one line, logged in or not, by SMTP or LMTP."""

import smtplib
import ssl
from collections.abc import Callable
from pathlib import Path

from tests.letters import DATA, LETTERS

from .programs import HOST, Line, Login, Outcome, execute

__all__ = ["SENDER", "SENDERS", "Send"]

SENDER = "alice@example.test"

Send = Callable[[Line, str, str, Login | None, bool, Path], Outcome]
"""Line, name of the letter, recipient, log-in, whether LMTP is spoken, a folder to work in."""


def curl(line: Line, letter: str, recipient: str, login: Login | None, lmtp: bool, folder: Path) -> Outcome:
    """curl, which verifies certificate and address."""
    scheme = "smtps" if line.tls == "implicit" else "smtp"
    words = ["curl", "-sSv", "--cacert", line.certificate, f"{scheme}://{HOST}:{line.port}/client.example"]
    words += ["--mail-from", SENDER, "--mail-rcpt", recipient, "-T", DATA / f"{letter}.eml"]
    words += ["--ssl-reqd"] if line.tls == "starttls" else []
    words += ["--user", f"{login.name}:{login.password}"] if login else []
    return execute(*words)


def swaks(line: Line, letter: str, recipient: str, login: Login | None, lmtp: bool, folder: Path) -> Outcome:
    """swaks, whose data ends in a dot of its own."""
    data = folder / "data"
    data.write_bytes(LETTERS[letter] + b".\r\n")
    words = ["swaks", "--server", HOST, "--port", line.port, "--helo", "client.example", "--from", SENDER]
    words += ["--to", recipient, "--data", f"@{data}", "--protocol", "LMTP" if lmtp else "ESMTP"]
    words += {"none": [], "starttls": ["--tls"], "implicit": ["--tls-on-connect"]}[line.tls]
    words += ["--tls-verify", "--tls-ca-path", line.certificate] if line.tls != "none" else []
    words += ["--auth", "--auth-user", login.name, "--auth-password", login.password] if login else []
    return execute(*map(str, words))


def python(line: Line, letter: str, recipient: str, login: Login | None, lmtp: bool, folder: Path) -> Outcome:
    """smtplib, which verifies certificate and name."""
    context = ssl.create_default_context(cafile=str(line.certificate))
    try:
        with _smtplib(line, lmtp, context) as client:
            if line.tls == "starttls":
                client.starttls(context=context)
            if login:
                client.login(login.name, login.password)
            client.sendmail(SENDER, [recipient], LETTERS[letter], ["BODY=8BITMIME"])
    except smtplib.SMTPRecipientsRefused as error:
        return Outcome(False, "\n".join(f"{code} {text.decode()}" for code, text in error.recipients.values()))
    except smtplib.SMTPResponseException as error:
        return Outcome(False, f"{error.smtp_code} {error.smtp_error.decode()}")
    return Outcome(True, "")


def _smtplib(line: Line, lmtp: bool, context: ssl.SSLContext) -> smtplib.SMTP:
    if lmtp:
        return smtplib.LMTP(HOST, line.port)
    if line.tls == "implicit":
        return smtplib.SMTP_SSL(HOST, line.port, timeout=60, context=context)
    return smtplib.SMTP(HOST, line.port, timeout=60)


def msmtp(line: Line, letter: str, recipient: str, login: Login | None, lmtp: bool, folder: Path) -> Outcome:
    """msmtp, which verifies certificate and name; it reads and converts Unix text."""
    words = ["msmtp", f"--host={HOST}", f"--port={line.port}", f"--from={SENDER}", "--domain=client.example"]
    words += [f"--protocol={'lmtp' if lmtp else 'smtp'}", f"--tls={'off' if line.tls == 'none' else 'on'}"]
    words += [f"--tls-starttls={'on' if line.tls == 'starttls' else 'off'}", f"--tls-trust-file={line.certificate}"]
    words += ["--tls-host-override=localhost"]
    words += ["--auth=plain", f"--user={login.name}", f"--passwordeval=echo '{login.password}'"] if login else []
    return execute(*words, "--", recipient, stdin=LETTERS[letter].replace(b"\r\n", b"\n"))


SENDERS: dict[str, Send] = {"curl": curl, "swaks": swaks, "Python": python, "msmtp": msmtp}
"""Name of the client -> how it sends."""
