"""Whatever happens in whatever order, mail goes out if and only if some rule allows it at that instant, for long.

The short form is in ``tests/auth``; this one goes on for longer sequences, and with ``MAILSVC_LONG=1`` for hours' worth of them.
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.auth.relay_machine import RelayMachine

LONG = os.environ.get("MAILSVC_LONG") == "1"


def test_who_may_relay() -> None:
    """Two processes, jumping clocks, restarts, revocations: see :mod:`tests.auth.relay_machine`."""
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        RelayMachine,
        settings=settings(
            max_examples=20_000 if LONG else 60,
            stateful_step_count=80,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
