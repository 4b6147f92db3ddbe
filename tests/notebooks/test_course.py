"""Every notebook of the course, run twice by kernels of their own, as a student would run it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest

from tests.paths import ROOT

pytestmark = [pytest.mark.notebook, pytest.mark.timeout(900)]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.md"))
PASS_S = 400
RUN = (
    "--nbmake",
    "--overwrite",
    "--nbmake-timeout=300",
    "-n2",
    "-q",
    "-c",
    os.devnull,
    "-p",
    "no:cacheprovider",
)


def ran(folder: Path) -> dict[str, Any]:
    """The notebooks with their outputs, each run in a new folder of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    files = [folder / source.stem / f"{source.stem}.ipynb" for source in NOTEBOOKS]
    for source, file in zip(NOTEBOOKS, files, strict=True):
        file.parent.mkdir(parents=True)
        jupytext.write(jupytext.read(source), file)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *RUN, "--rootdir", folder, *files],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder / ".ipython")},
        capture_output=True,
        text=True,
        timeout=PASS_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return {file.stem: nbformat.read(file, as_version=4) for file in files}  # type: ignore[no-untyped-call] # nbformat's


def results(notebook: Any) -> list[tuple[str, list[Any]]]:
    """The source of each cell that is not live, and what it printed and returned."""
    return [
        (cell.source, [{**each, "execution_count": None} for each in cell.outputs])
        for cell in notebook.cells
        if cell.cell_type == "code" and "live" not in cell.metadata.get("tags", ())
    ]


def test_both_passes_give_the_same_results(tmp_path: Path) -> None:
    first, second = ran(tmp_path), ran(tmp_path)
    assert sum(len(cell[1]) for each in first.values() for cell in results(each)) > 60
    for name, notebook in first.items():
        for mine, other in zip(results(notebook), results(second[name]), strict=True):
            assert mine == other, name
