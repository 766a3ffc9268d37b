"""What changes which addresses are ours: domains, and aliases in them."""

import attrs

from mailsvc.core.operations.base import Operation

__all__ = ["AddAlias", "AddDomain", "RemoveAlias", "RemoveDomain"]


@attrs.frozen
class AddDomain(Operation):
    """Make a domain with its ``postmaster`` account, or give an existing one more ``aliases``. Result: the domain's id."""

    name: str
    aliases: tuple[str, ...] = ()


@attrs.frozen
class RemoveDomain(Operation):
    """Remove a domain that has no account besides ``postmaster``. Raises IN_USE (with what is left), NOT_FOUND."""

    name: str


@attrs.frozen
class AddAlias(Operation):
    """Make or replace an alias. Raises EXISTS if an account has the address, NO_SUCH_DOMAIN."""

    address: str
    targets: tuple[str, ...]


@attrs.frozen
class RemoveAlias(Operation):
    """Remove an alias. Raises NOT_FOUND; IN_USE for the last thing that takes a domain's ``postmaster`` mail."""

    address: str
