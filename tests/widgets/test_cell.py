"""Dashboards of cells that are run again, in a real kernel that is told the cell, as JupyterLab tells it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.paths import ROOT

pytestmark = [pytest.mark.notebook, pytest.mark.timeout(120)]
ANSWER_S = 60.0
Run = Callable[[str, str | None], str]
LEFT = "print(sum(panel.comm is not None for board in boards for panel in board.panels.values()))"
SHOW = "boards.append(lab.show('header', 'rail'))"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    manager = KernelManager()
    manager.start_kernel(env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=ANSWER_S)
        yield lambda code, cell: executed(client, code, cell)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def executed(client: BlockingKernelClient, code: str, cell: str | None) -> str:
    """What the code printed, run as that cell."""
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
    message = client.session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
    client.shell_channel.send(message)
    said = ""
    while True:
        heard = client.get_iopub_msg(timeout=ANSWER_S)
        if heard["parent_header"].get("msg_id") != message["header"]["msg_id"]:
            continue
        assert heard["msg_type"] != "error", heard["content"]
        if heard["msg_type"] == "stream":
            said += heard["content"]["text"]
        if heard["msg_type"] == "status" and heard["content"]["execution_state"] == "idle":
            return said.strip()


def test_the_panels_of_a_cell_are_freed_when_it_is_run_again(run: Run) -> None:
    run("import marskit as mk\nlab = mk.Lab('twin', planner='static')\nboards = []", "first")
    run(SHOW, "second")
    assert run(LEFT, None) == "2"
    run(SHOW, "second")
    assert run(LEFT, None) == "2"
    # Another cell, and a page that does not tell the cell, take nothing away; nor does a cell that shows two.
    run(SHOW, "third")
    assert run(LEFT, None) == "4"
    run(SHOW, None)
    assert run(LEFT, None) == "6"
    run(f"{SHOW}; {SHOW}", "third")
    assert run(LEFT, None) == "8"
    run("lab.close()", None)


def test_how_long_a_run_goes_on_unseen_can_be_set(run: Run) -> None:
    run("import marskit as mk\nlab = mk.Lab('twin', planner='static')\nlab.ready()", "first")
    run("board = lab.show('header', pause_after_s=0.5, close_after_s=1.5)", "second")
    waits = "import time\nfor _ in range(100):\n    time.sleep(0.1)\n    if lab.state.ended: break\n"
    assert run(waits + "print(lab.state.ended is not None)", None) == "True"
