"""The directory of the counters: empty at each start, in memory, and there even if the store's disk takes nothing."""

import os
from pathlib import Path

import pytest

from mailsvc.monitor.memory import fresh_directory, remove_directory


@pytest.fixture
def link(tmp_path: Path) -> Path:
    """Where the store wants its counters."""
    return tmp_path / "counters"


def test_private_and_not_on_the_store_s_disk(link: Path) -> None:
    """The directory is elsewhere, and nobody else's."""
    fresh_directory(link)
    assert not Path(os.path.realpath(link)).is_relative_to(link.parent)
    assert os.stat(link).st_mode & 0o777 == 0o700
    remove_directory(link)


def test_nothing_is_left_of_a_former_service(link: Path) -> None:
    """What a killed service counted is gone, directory and all, also if it counted on the disk as older versions did."""
    link.mkdir()
    for _ in range(2):
        (link / "counter_1.db").touch()
        former = os.path.realpath(link)
        fresh_directory(link)
        assert os.listdir(link) == []
        assert not os.path.exists(former) or former == str(link)
    remove_directory(link)
    assert not os.path.exists(link)


def test_disk_takes_nothing(link: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a read-only disk the old link leads to a new, empty directory, also after a clean stop."""
    fresh_directory(link)
    remove_directory(link)

    def refuse(*args: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    fresh_directory(link)
    assert os.listdir(link) == []
    monkeypatch.undo()
    remove_directory(link)
