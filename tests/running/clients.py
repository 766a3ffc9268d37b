"""What the tests of the running server do as clients, with the standard library's clients."""

import poplib
import smtplib

from click.testing import CliRunner

from mailsvc.cli.main import cli
from mailsvc.testing.harness import PATIENCE, RunningServer

ALICE = "alice@example.test"


def send(server: RunningServer, subject: str, recipient: str = ALICE, name: str = "smtp") -> None:
    """Hand a message in."""
    client: smtplib.SMTP = smtplib.LMTP if name == "lmtp" else smtplib.SMTP
    with client(server.host, server.ports[name], timeout=PATIENCE) as smtp:
        smtp.sendmail("sender@elsewhere.test", [recipient], f"Subject: {subject}\r\n\r\ntext of {subject}\r\n")


def command(server: RunningServer, *words: str, stdin: str = "") -> str:
    """What ``mailsvc`` prints beside the server; as ``server.command``, without the second that a process of its own takes to start."""
    done = CliRunner().invoke(cli, ["-c", str(server.file), *words], input=stdin)
    assert done.exit_code == 0, done.output
    return done.stdout


def pop(server: RunningServer, address: str = ALICE) -> poplib.POP3:
    """A POP3 session, logged in."""
    session = poplib.POP3_SSL(server.host, server.ports["pop3s"], timeout=PATIENCE, context=server.tls_context())
    session.user(address)
    session.pass_(server.accounts[address])
    return session


def subjects(server: RunningServer, address: str = ALICE) -> list[str]:
    """Subjects of all messages of an account."""
    session = pop(server, address)
    try:
        found = []
        for number in range(1, session.stat()[0] + 1):
            lines = session.retr(number)[1]
            found.append(next(line.decode()[9:] for line in lines if line.startswith(b"Subject: ")))
        return found
    finally:
        session.quit()
