"""``twistd mailsvc -c FILE``: the command line of the service.

Options of twistd itself stand before the word ``mailsvc``: ``-n`` stays in the foreground, ``--pidfile``, ``--uid`` and ``--gid`` (our
``user`` and ``group`` do the same), ``--logfile``. Faults of the configuration are printed, all of them, and the exit code is 1.
"""

import sys
from pathlib import Path
from typing import Any

import attrs
from twisted.application.service import IService
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.strcred import AuthOptionMixin
from twisted.python import usage

from mailsvc.app.config import Config, ConfigError, load
from mailsvc.app.service import makeService as make_service

__all__ = ["Options", "makeService"]


class Options(usage.Options, AuthOptionMixin):
    """The options behind the word ``mailsvc``."""

    synopsis = "[options]"
    supportedInterfaces = (IUsernamePassword,)
    optParameters = [["config", "c", "mailsvc.toml", "The configuration file (mailsvc init writes one)."]]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self["auth"] = []

    def opt_auth(self, description: str) -> None:
        """A further source of passwords, TYPE:ARGUMENTS, asked after those of the configuration. May be repeated."""
        super().opt_auth(description)  # says what is wrong with it
        self["auth"].append(description)


def makeService(options: Options) -> IService:
    """The service that the command line asks for. Ends the process with code 1 if it cannot be made."""
    try:
        config = load(Path(options["config"]))
        return make_service(_with_sources(_where_twistd_logs(config, options), options["auth"]))
    except (ConfigError, OSError, ValueError) as error:
        sys.exit(str(error))


def _with_sources(config: Config, descriptions: list[str]) -> Config:
    """The configuration with the sources of ``--auth`` behind its own; workers make their checkers from it."""
    return attrs.evolve(config, auth=attrs.evolve(config.auth, sources=(*config.auth.sources, *descriptions)))


def _where_twistd_logs(config: Config, options: Options) -> Config:
    """Without a log file of our own, that of twistd: ``--logfile``, and ``twistd.log`` for a daemon, which has no standard output."""
    twistd: Any = options.parent or {}
    name = twistd.get("logfile") or ("" if twistd.get("nodaemon", True) else "twistd.log")
    if config.log.file is not None or name in ("", "-"):
        return config
    return attrs.evolve(config, log=attrs.evolve(config.log, file=Path(name).absolute()))
