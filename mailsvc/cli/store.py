"""``mailsvc store``, ``backup`` and ``restore``: the care of the store."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import apsw
import click

from mailsvc.cli.context import App, pass_app
from mailsvc.cli.house import as_owner
from mailsvc.cli.output import Column, Refused, as_json, note, print_table
from mailsvc.cli.words import Command, Group, option, texts
from mailsvc.core.errors import MailError
from mailsvc.db.connection import DatabaseRefused, open_reader
from mailsvc.store import orphans as orphan_files
from mailsvc.store.backup import backup as make_backup
from mailsvc.store.backup import restore as restore_backup
from mailsvc.store.committer import LeaseTaken
from mailsvc.store.layout import Layout
from mailsvc.store.rebuild import Finding
from mailsvc.store.rebuild import rebuild as rebuild_store
from mailsvc.store.verify import Damage
from mailsvc.store.verify import verify as find_damage
from mailsvc.texts import Sentence

__all__ = ["backup", "restore", "store"]

_COLUMNS = (Column("kind", "column.kind"), Column("where", "column.where"), Column("text", "column.finding"))


@click.group(cls=Group, help="cli.store")
def store() -> None:
    """Commands about the store as a whole."""


@store.command("verify", help="cli.store-verify")
@as_json
@click.pass_context
@pass_app
def verify(app: App, context: click.Context, as_json: bool) -> None:
    """Look for damage; exit code 1 if there is any."""
    config = app.config()
    layout = Layout(str(config.store.path))
    with _faults(layout), as_owner(config), _reading(layout) as db:
        damage = find_damage(layout, db)
    _print(damage, as_json)
    note(Sentence("care.damage" if damage else "care.whole", count=len(damage)))
    context.exit(bool(damage))


@store.command("rebuild", help="cli.store-rebuild")
@as_json
@pass_app
def rebuild(app: App, as_json: bool) -> None:
    """Make the store whole while no server runs."""
    config = app.config()
    layout = Layout(str(config.store.path))
    with _faults(layout), as_owner(config):
        findings = rebuild_store(layout)
    _print(findings, as_json)
    note(Sentence("care.rebuilt", count=len(findings)))


@store.command("orphans", help="cli.store-orphans")
@option("--remove", "removing", is_flag=True, help="cli.store-orphans-remove")
@pass_app
def orphans(app: App, removing: bool) -> None:
    """Print the files that belong to no message, one a line."""
    config = app.config()
    layout = Layout(str(config.store.path))
    with _faults(layout), as_owner(config), _reading(layout) as db:
        found = (orphan_files.sweep if removing else orphan_files.find)(layout, db)
    for path in found:
        click.echo(layout.body(path))


@click.command(cls=Command, help="cli.backup")
@click.argument("destination", metavar="DEST", type=click.Path())
@pass_app
def backup(app: App, destination: str) -> None:
    """Copy the store of a running or stopped server."""
    layout = Layout(str(app.config().store.path))
    with _faults(layout):
        count = make_backup(layout, destination)
    note(Sentence("care.backed-up", count=count, path=destination))


@click.command(cls=Command, help="cli.restore")
@click.argument("source", metavar="SOURCE", type=click.Path(exists=True, file_okay=False))
@pass_app
def restore(app: App, source: str) -> None:
    """Make the configuration's store, which must be missing, from a backup."""
    config = app.config()
    layout = Layout(str(config.store.path))
    with _faults(layout), as_owner(config):
        restored = restore_backup(source, layout)
    note(Sentence("care.restored", count=restored.messages, path=layout.root))
    if restored.held:
        note(Sentence("care.held", count=restored.held))


def _print(findings: Sequence[Damage] | Sequence[Finding], as_json: bool) -> None:
    language = texts().language
    rows = [{"kind": one.kind, "where": one.where, "text": one.text(language)} for one in findings]
    if rows or as_json:
        print_table(_COLUMNS, rows, as_json)


@contextmanager
def _reading(layout: Layout) -> Iterator[apsw.Connection]:
    db = open_reader(layout.database)
    try:
        yield db
    finally:
        db.close()


@contextmanager
def _faults(layout: Layout) -> Iterator[None]:
    """Say why the store cannot be worked on."""
    try:
        yield
    except LeaseTaken:
        raise Refused(Sentence("care.running", path=layout.root)) from None
    except apsw.CantOpenError:
        raise Refused(Sentence("care.missing", path=layout.root)) from None
    except (DatabaseRefused, apsw.Error, MailError) as error:
        raise Refused(Sentence("care.unusable", path=layout.root, reason=error)) from None
