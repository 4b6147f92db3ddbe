"""Where compiled code is kept: in the user's cache or nowhere, and never beside the sources."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

pytest.importorskip("numba")

SOURCE = """
from marskit.mesh.simulator.jit import jit

@jit
def doubled(value):
    return 2 * value

print(doubled(21))
"""


def run(folder: Path, cache: Path) -> None:
    """Run a script that compiles a function."""
    script = folder / "script.py"
    script.write_text(SOURCE)
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment |= {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("42\n", "")
    assert [entry.name for entry in folder.iterdir()] == ["script.py"]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    return folder


def test_it_is_kept_in_the_users_cache(sources: Path, tmp_path: Path) -> None:
    run(sources, tmp_path / "cache")
    assert list((tmp_path / "cache" / "marskit" / "numba").rglob("*.nbi"))


def test_without_a_cache_it_is_kept_nowhere(sources: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run(sources, tmp_path / "file")
