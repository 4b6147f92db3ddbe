"""Labs in a real kernel: classes of cells, sentences in place of tracebacks, and what is saved."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.paths import ROOT

pytestmark = [pytest.mark.notebook, pytest.mark.timeout(240)]

CELLS = (
    "import marskit as mk\nlab = mk.Lab('twin', planner='static')\nlab.step()",
    "STEP = 1\n\nclass Grower(mk.Planner):\n    '''One more for the bottleneck.'''\n\n"
    "    def plan(self, diagnosis, view):\n        where = diagnosis.bottleneck\n"
    "        return mk.Scale(where, view.configuration.replicas_of(where) + STEP) if where else None",
    "lab = mk.Lab('twin', planner=Grower)\nlab.load(3.0)\nlab.run(6)",
    "print(sum(len(cycle.executions) for cycle in lab.cycles))",
    "class Wrong(mk.Planner):\n    def plan(self, diagnosis, view):\n        return diagnosis.nothing_like",
    "lab.planner(Wrong)\nprint(lab.run(1)[0].plan.failure)",
    "lab.scale('nobody', 3)",
    "import os\nclass Leaver(mk.Planner):\n    def plan(self, diagnosis, view):\n        os._exit(3)",
    "lab.planner(Leaver)\nprint(lab.run(1)[0].plan.failure)\nlab",
    "lab.frame().height",
    "mk.replay().branch(Grower, 3)",
)


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": cell, "outputs": []}
        for n, cell in enumerate(CELLS)
    ]
    whole = {"cells": [{**c, "execution_count": None} for c in cells], "metadata": {}}
    made = nbformat.reads(json.dumps({**whole, "nbformat": 4, "nbformat_minor": 5}), as_version=4)  # type: ignore[no-untyped-call] # untyped
    client = NotebookClient(made, timeout=90, allow_errors=True, resources={"metadata": {"path": tmp_path}})
    return client.execute()


def test_a_notebook_with_classes_of_its_own_runs_and_keeps_what_it_showed(notebook: Any) -> None:
    outputs = [cell.outputs for cell in notebook.cells]

    def said(place: int) -> str:
        return "".join(each.get("text", "") for each in outputs[place])

    assert outputs[0][0].data["text/html"].startswith("<div")
    assert "latest cycles" in outputs[2][-1].data["text/plain"]
    assert int(said(3)) > 0
    assert "raised AttributeError" in said(5)
    assert "(line 3 of the cell or script)" in said(5)
    assert outputs[6][0].output_type == "error"
    assert outputs[6][0].traceback == [outputs[6][0].evalue]
    assert "'nobody' is not a workload" in outputs[6][0].evalue
    assert "Leaver" in said(8)
    assert "<svg" in outputs[8][-1].data["text/html"]
    assert outputs[9][0].data["text/plain"] == "8"
    assert "__main__:Grower" in outputs[10][-1].data["text/plain"]
