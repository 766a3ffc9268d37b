"""What ``pip install .`` puts on a machine: everything the program needs, and a plugin that ``twistd`` finds from any directory."""

import ast
import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mailsvc

ROOT = Path(__file__).parent.parent
PLUGIN = "twisted/plugins/mailsvc_plugin.py"
TWISTD = ("-c", "from twisted.scripts.twistd import run; run()")


def run(*command: str | Path, cwd: Path) -> str:
    """What the program says; it must succeed. Nothing of our own environment's ``PYTHONPATH`` reaches it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout without what earlier builds left in it."""
    copy = tmp_path_factory.mktemp("source")
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip builds from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and os.environ.get("CI") != "true":
        pytest.skip(f"pip cannot build here (no package index?): {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel in it; what mailsvc depends on is borrowed from ours."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    run(folder / "bin/pip", "install", "--quiet", "--no-deps", wheel, cwd=folder)
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")  # only now, or pip would find us there
    return folder


def test_wheel_holds_the_package_whole(source: Path, wheel: Path) -> None:
    """Every file of the package and the plugin is installed, byte for byte, and no other: SQL, help texts, type marker."""
    expected = {
        str(path.relative_to(source)): path.read_bytes() for path in source.glob("mailsvc/**/*") if path.is_file()
    }
    expected[PLUGIN] = (source / PLUGIN).read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        packed = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == expected


def test_plugin_folder_belongs_to_twisted(wheel: Path) -> None:
    """The wheel puts no ``__init__.py`` beside the plugin: ``twisted.plugins`` stays Twisted's own package."""
    with zipfile.ZipFile(wheel) as archive:
        assert [name for name in archive.namelist() if name.startswith("twisted/")] == [PLUGIN]


def test_installed_copy_is_what_runs(environment: Path) -> None:
    """From another directory Python finds the installed package, not the checkout."""
    found = run(environment / "bin/python", "-c", "import mailsvc; print(mailsvc.__file__)", cwd=environment)
    assert Path(found.strip()).is_relative_to(environment)


def test_command_line(environment: Path) -> None:
    """``mailsvc --version`` runs from another directory and says the version."""
    assert mailsvc.__version__ in run(environment / "bin/mailsvc", "--version", cwd=environment)


def test_twistd_knows_us_from_any_directory(environment: Path) -> None:
    """``twistd --help`` lists mailsvc wherever it is started."""
    assert " mailsvc " in run(environment / "bin/python", *TWISTD, "--help", cwd=environment)


def test_stale_plugin_cache_is_no_obstacle(environment: Path) -> None:
    """A plugin cache that an earlier version left behind is replaced; one that cannot be read is passed over."""
    cache = next(environment.glob("lib/python*/site-packages/twisted/plugins")) / "dropin.cache"
    for stale in (b"", b"not a pickle", b"\x80\x04}\x94."):
        cache.write_bytes(stale)
        assert " mailsvc " in run(environment / "bin/python", *TWISTD, "--help", cwd=environment)


def _undeclared(folders: tuple[str, ...], declared: list[str]) -> set[str]:
    """The modules from elsewhere that files below these folders import, although nothing declared brings them."""
    names = set()
    for file in (file for folder in folders for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add((node.module or "").partition(".")[0])
    owners = packages_distributions()
    wanted = {canonicalize_name(Requirement(text).name) for text in declared}
    elsewhere = names - sys.stdlib_module_names - {"mailsvc", "tests", "benchmarks"}
    return {name for name in elsewhere if wanted.isdisjoint(map(canonicalize_name, owners[name]))}


def test_everything_imported_is_declared() -> None:
    """What the code and its tests import stands in ``pyproject.toml``, so that a fresh installation does not fail at the first start."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    run, test = project["dependencies"], project["optional-dependencies"]["test"]
    assert _undeclared(("mailsvc",), run) == set()
    assert _undeclared(("tests", "benchmarks"), run + test) == set()
