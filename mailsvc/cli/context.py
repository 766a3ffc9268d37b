"""Which configuration a command works on."""

import os
from pathlib import Path

import attrs
import click

from mailsvc.app.config import Config, load
from mailsvc.cli.output import Refused
from mailsvc.texts import Sentence

__all__ = ["App", "pass_app"]

_DEFAULTS = (Path("mailsvc.toml"), Path("/etc/mailsvc/mailsvc.toml"))


@attrs.define
class App:
    """The state of one run of the command.

    :ivar file: what ``-c`` said, or None.
    """

    file: Path | None = None

    def config(self) -> Config:
        """Read the configuration. Raises ConfigError; Refused if there is none."""
        return load(self.config_path())

    def config_path(self) -> Path:
        """The file of ``-c``, else of ``$MAILSVC_CONFIG``, else ``./mailsvc.toml``, else ``/etc/mailsvc/mailsvc.toml``."""
        if self.file is not None:
            return self.file
        if named := os.environ.get("MAILSVC_CONFIG"):
            return Path(named)
        for path in _DEFAULTS:
            if path.exists():
                return path
        raise Refused(Sentence("cli.no-config"))


pass_app = click.make_pass_decorator(App)
