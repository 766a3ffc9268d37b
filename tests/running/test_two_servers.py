"""Two of our own servers: mail goes from one to the other, waits for it, is asked for, and reports come back."""

import smtplib
from email import message_from_string
from email.message import Message
from pathlib import Path

from mailsvc.testing.harness import PATIENCE, RunningServer, wait_for

from .clients import ALICE, command, pop, subjects

CAROL = "carol@branch.test"


def pair(directory: Path, relay: str) -> tuple[RunningServer, RunningServer]:
    """The server of example.test, which takes mail for branch.test too, as ``relay`` says; and that of branch.test."""
    branch = RunningServer(directory / "branch", {CAROL: "carol-secret"}, domain="branch.test")
    ours = RunningServer(
        directory / "ours",
        {ALICE: "alice-secret"},
        config=route("branch.test", branch) + f'\n[[relay_domain]]\nname = "branch.test"\n{relay}\n',
    )
    branch.file.write_text(branch.file.read_text() + route("example.test", ours))
    return ours, branch


def route(domain: str, server: RunningServer) -> str:
    """The way to a server for a domain; nothing goes anywhere else."""
    way = f'\n[[route]]\ndomains = ["{domain}"]\nhosts = ["{server.host}:{server.ports["smtp"]}"]\n'
    return way + '\n[[route]]\ndomains = ["*"]\nhold = true\n'


def send(server: RunningServer, subject: str, *options: str) -> None:
    """A stranger's letter for carol, handed in at the other server; ``options`` of RCPT."""
    with smtplib.SMTP(server.host, server.ports["smtp"], timeout=PATIENCE) as smtp:
        smtp.sendmail("sender@example.com", [CAROL], f"Subject: {subject}\r\n\r\ntext\r\n", rcpt_options=options)


def letters(server: RunningServer, address: str) -> list[Message]:
    """The messages of an account."""
    session = pop(server, address)
    try:
        numbers = range(1, session.stat()[0] + 1)
        return [message_from_string(b"\n".join(session.retr(number)[1]).decode()) for number in numbers]
    finally:
        session.quit()


def test_gateway_and_report(directory: Path) -> None:
    """A letter goes through the gateway to its server, with what its sender wants to be told; the report of the delivery comes back."""
    ours, branch = pair(directory, "")
    with branch, ours:
        with smtplib.SMTP(ours.host, ours.ports["submission"], timeout=PATIENCE) as smtp:
            smtp.login(ALICE, ours.accounts[ALICE])
            smtp.sendmail(
                ALICE,
                [CAROL],
                "Subject: hello\r\n\r\ntext\r\n",
                mail_options=["RET=HDRS", "ENVID=e-17"],
                rcpt_options=["NOTIFY=SUCCESS", f"ORCPT=rfc822;{CAROL}"],
            )
        wait_for(lambda: subjects(branch, CAROL) == ["hello"], "the letter arrives")
        (letter,) = letters(branch, CAROL)
        assert len(letter.get_all("Received", [])) == 2
        assert letter.get_all("Return-Path") == [f"<{ALICE}>"]
        wait_for(lambda: len(letters(ours, ALICE)) == 1, "the report comes back")
        (report,) = letters(ours, ALICE)
        status = report.get_payload(1)
        assert isinstance(status, Message)
        assert "Original-Envelope-Id: e-17" in status.as_string()
        assert "Action: delivered" in status.as_string()
        assert "mail.branch.test" in status.as_string()


def test_backup_until_asked(directory: Path) -> None:
    """A backup that sends on demand only: mail waits until its server asks for it by ETRN, and is then there, once."""
    ours, branch = pair(directory, 'on_demand = true\netrn = ["127.0.0.0/8"]\n')
    with ours:
        send(ours, "first")
        send(ours, "second")
        with branch:
            with smtplib.SMTP(ours.host, ours.ports["smtp"], timeout=PATIENCE) as smtp:
                smtp.ehlo()
                assert smtp.docmd("ETRN", "branch.test")[0] == 252
            wait_for(lambda: len(subjects(branch, CAROL)) == 2, "both letters arrive")
            assert sorted(subjects(branch, CAROL)) == ["first", "second"]
            wait_for(lambda: command(ours, "queue", "list", "--json").strip() in ("", "[]"), "the queue is empty")
