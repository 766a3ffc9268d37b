"""Counters: what the rooms tell shows up under the documented names."""

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from mailsvc.monitor import counters


def value(name: str, **labels: str) -> float:
    """A sample of this process, 0 if it does not exist yet."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_connections() -> None:
    """Connections are counted, and those still open besides."""
    total, still = (
        value("mailsvc_connections_total", protocol="pop3"),
        value("mailsvc_connections_open", protocol="pop3"),
    )
    counters.connection_opened("pop3")
    counters.connection_opened("pop3")
    counters.connection_closed("pop3")
    assert value("mailsvc_connections_total", protocol="pop3") == total + 2
    assert value("mailsvc_connections_open", protocol="pop3") == still + 1


def test_messages() -> None:
    """A message taken counts once, with its recipients and octets; a refusal under its reason."""
    counters.message_accepted("test", recipients=3, octets=1000)
    counters.message_refused("test", "quota")
    counters.message_refused("test", "quota")
    assert value("mailsvc_messages_accepted_total", protocol="test") == 1
    assert value("mailsvc_recipients_accepted_total", protocol="test") == 3
    assert value("mailsvc_octets_accepted_total", protocol="test") == 1000
    assert value("mailsvc_messages_refused_total", protocol="test", reason="quota") == 2


def test_the_rest() -> None:
    """Commands, log-ins and connections turned away."""
    counters.command("test", "NOOP")
    counters.login("test", "ok")
    counters.connection_refused("test")
    assert value("mailsvc_commands_total", protocol="test", command="NOOP") == 1
    assert value("mailsvc_logins_total", protocol="test", outcome="ok") == 1
    assert value("mailsvc_connections_refused_total", protocol="test") == 1


def test_several_processes(tmp_path: Path) -> None:
    """What workers count is added up by the parent; a dead worker's totals stay, its open connections do not."""
    script = (
        "import os; from mailsvc.monitor import counters as c;"
        "c.connection_opened('smtp'); c.connection_opened('smtp'); c.connection_closed('smtp'); print(os.getpid())"
    )
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    pids = [
        int(subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True).stdout)
        for _ in range(2)
    ]
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(tmp_path))
    assert registry.get_sample_value("mailsvc_connections_total", {"protocol": "smtp"}) == 4
    assert registry.get_sample_value("mailsvc_connections_open", {"protocol": "smtp"}) == 2
    mark_process_dead(pids[0], path=str(tmp_path))
    assert registry.get_sample_value("mailsvc_connections_total", {"protocol": "smtp"}) == 4
    assert registry.get_sample_value("mailsvc_connections_open", {"protocol": "smtp"}) == 1
