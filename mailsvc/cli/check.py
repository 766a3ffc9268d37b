"""``mailsvc check``: what would keep the service from running, or people from using it."""

import datetime

import click

from mailsvc.app.checkup import Grade, examine
from mailsvc.cli.context import App, pass_app
from mailsvc.cli.output import Column, as_json, print_table
from mailsvc.cli.words import Command, texts

__all__ = ["check"]

_COLUMNS = (Column("grade", "column.grade"), Column("subject", "column.subject"), Column("text", "column.finding"))
_WORDS = {Grade.OK: "check.ok", Grade.LOOK: "check.look", Grade.BAD: "check.bad"}


@click.command(cls=Command, help="cli.check")
@as_json
@click.pass_context
@pass_app
def check(app: App, context: click.Context, as_json: bool) -> None:
    """Print what was found; exit code 1 if something is bad."""
    findings = list(examine(app.config(), datetime.datetime.now(datetime.UTC)))
    rows = [
        {
            "grade": finding.grade.value if as_json else texts().say(_WORDS[finding.grade]),
            "subject": finding.subject,
            "text": texts().tell(finding.text),
        }
        for finding in findings
    ]
    print_table(_COLUMNS, rows, as_json)
    context.exit(any(finding.grade is Grade.BAD for finding in findings))
