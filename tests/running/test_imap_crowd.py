"""Several clients at one account, in two worker processes: each of them always knows the truth. The long form: ``tests/long``."""

from pathlib import Path

from mailsvc.testing.harness import RunningServer
from mailsvc.testing.imap_crowd import Crowd


def test_a_crowd(tmp_path: Path) -> None:
    """Six clients, deliveries and POP3 in disorder: pictures, mailboxes and promises agree."""
    with RunningServer(tmp_path / "server", workers=2) as server:
        crowd = Crowd(server, seed=1)
        crowd.run(steps=600)
        assert "Traceback" not in server.log
        assert crowd.done["checkpoints"] >= 6
