"""Starting further processes of ours."""

import subprocess
import sys
from pathlib import Path

from mailsvc.core.children import command_line, environment


def test_a_child_imports_what_we_do_and_nothing_of_where_it_is(tmp_path: Path) -> None:
    """A child started in another directory finds our modules, and is not taken in by a file there that has the name of one."""
    (tmp_path / "platform.py").write_text("print('not me')")
    command = command_line("mailsvc.store.owner", str(tmp_path / "store"))
    owner = subprocess.run(command, env=environment(), cwd=tmp_path, input=b"", capture_output=True, check=True)
    assert owner.stdout == b"ready\n"
    assert environment(ONE="1")["ONE"] == "1"
    assert command[0] == sys.executable
