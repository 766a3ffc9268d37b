"""One module for each command, or for a few that belong together; :mod:`mailsvc.imap.commands.table` gathers them."""

__all__: list[str] = []
