"""``mailsvc queue``: mail on its way to other servers, looked at and looked after."""

import click

from mailsvc.cli.queue_change import flush, hold, release, remove, reroute, retry, return_
from mailsvc.cli.queue_show import list_, show, stats
from mailsvc.cli.words import Group

__all__ = ["queue"]


@click.group(cls=Group, help="cli.queue")
def queue() -> None:
    """Commands about the queue."""


for _command in (list_, show, stats, hold, release, retry, return_, remove, reroute, flush):
    queue.add_command(_command)
