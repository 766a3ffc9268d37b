"""Whatever happens in whatever order, mail goes out if and only if some rule allows it at that instant (short form)."""

from hypothesis import HealthCheck, settings

from tests.auth.relay_machine import RelayMachine

RelayMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


class RelayTests(RelayMachine.TestCase):  # type: ignore[misc, valid-type]
    """See :mod:`tests.auth.relay_machine`."""
