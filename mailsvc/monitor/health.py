"""Whether the service can do its work, as named checks.

A check is an async function that returns None when all is well and raises when not; ``app`` supplies them (the owner of the store
answers, the disk has room, every worker serves). One that does not answer within :data:`PATIENCE` seconds has failed.
"""

from collections.abc import Awaitable, Callable, Mapping

import attrs
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

__all__ = ["PATIENCE", "Check", "Health", "examine"]

PATIENCE = 3.0
"""Seconds: shorter than any monitoring system's own patience."""

Check = Callable[[], Awaitable[None]]


@attrs.frozen
class Health:
    """The outcome: what is wrong, by the name of the check; empty when all is well."""

    problems: Mapping[str, str]
    checks: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return not self.problems

    def as_dict(self) -> dict[str, object]:
        """The answer of ``/health``."""
        checks = {name: self.problems.get(name, "ok") for name in self.checks}
        return {"status": "ok" if self.ok else "failing", "checks": checks}


async def examine(checks: Mapping[str, Check], clock: IReactorTime) -> Health:
    """Make all checks, side by side."""
    running = {name: Deferred.fromCoroutine(_outcome(check, clock)) for name, check in checks.items()}
    outcomes = {name: await outcome for name, outcome in running.items()}
    return Health({name: problem for name, problem in outcomes.items() if problem}, tuple(checks))


async def _outcome(check: Check, clock: IReactorTime) -> str:
    async def run() -> None:
        await check()

    try:
        await Deferred.fromCoroutine(run()).addTimeout(PATIENCE, clock)
    except TimeoutError:
        return f"no answer within {PATIENCE:g} seconds"
    except CancelledError:  # whoever asked does not want to know any more
        raise
    except Exception as error:  # whatever it is, it is the answer
        return str(error) or type(error).__name__
    return ""
