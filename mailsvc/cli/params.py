"""Kinds of arguments: read and checked as in the configuration file, refused in the same words."""

from typing import Any

import click

from mailsvc.app.config_checks import domain_fault
from mailsvc.app.structure import Wrong, scalar
from mailsvc.cli.words import texts
from mailsvc.core.options import Duration, Network, Size
from mailsvc.formats.address import Address, canonical_domain

__all__ = ["ADDRESS", "DOMAIN", "DURATION", "NETWORK", "SIZE"]


class _Scalar(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A value that the configuration file knows too."""

    def __init__(self, name: str, kind: Any) -> None:
        self.name = name
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value, or a usage error that says how to write it."""
        if not isinstance(value, str):
            return value
        try:
            return scalar(self._kind, int(value) if value.isascii() and value.isdigit() else value)
        except Wrong as wrong:
            self.fail(texts().tell(wrong.sentence), param, ctx)


class _Domain(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """The name of a mail domain, in its canonical form."""

    name = "domain"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name in lower case."""
        if fault := domain_fault(value):
            self.fail(texts().say("config.domain-name", value=value, reason=fault), param, ctx)
        return canonical_domain(value)


class _Address(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A mail address, in its canonical form."""

    name = "address"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The address in lower case."""
        try:
            address = Address.parse(value)
        except ValueError:
            self.fail(texts().say("cli.address", value=value), param, ctx)
        DOMAIN.convert(address.domain, param, ctx)
        return address.canonical


SIZE = _Scalar("size", Size)
DURATION = _Scalar("duration", Duration)
NETWORK = _Scalar("network", Network)
DOMAIN = _Domain()
ADDRESS = _Address()
