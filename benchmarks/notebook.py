"""The dashboard of a lab in JupyterLab and Chromium: clicks, a minute, a hidden page, a killed kernel.

Run: `python -m benchmarks.notebook`, or with `twin` or `envoy` for one of them. It needs Chromium.
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from playwright.sync_api import Page

from benchmarks.report import Figure, show, spread
from tests.notebooks.jupyter import command, descendants, lab_server, notebook_page, until, write_notebook

CLICKS, CLICKS_WHILE_ASLEEP = 20, 5
STEP_MS = {"twin": 150.0, "envoy": 300.0}
READY_S = {"twin": 15.0, "envoy": 20.0}
ASLEEP_MS = 300.0
RUNNING_S, SLEEP_S, HIDDEN_S = 60.0, 5.0, 10.0
HEAP_MB, NODES, KERNEL_PERCENT, WINDOW = 5.0, 100, 10.0, 10
PACE = 10.0
"""Seconds of the twin per second: at that pace, a page follows with the eye."""
RETURN_MS, GONE_S = 1000.0, 5.0

LAB = """import marskit as mk
lab = mk.Lab({mesh!r}, scenario='spike', seed=7, planner='threshold', runs='runs')
dashboard = lab.show()
dashboard"""
SAMPLER = """import threading, time
most_unacknowledged = 0
def sample():
    global most_unacknowledged
    while True:
        behind = max(panel.sent - panel.acknowledged for panel in dashboard.panels.values())
        most_unacknowledged = max(most_unacknowledged, behind)
        time.sleep(0.05)
threading.Thread(target=sample, daemon=True).start()
sent_before = sum(panel.sent for panel in dashboard.panels.values())"""
EXECUTE = """async (code) => {
    const session = window.jupyterapp.shell.currentWidget.context.sessionContext.session;
    const future = session.kernel.requestExecute({ code });
    let said = '';
    future.onIOPub = ({ header, content }) => { if (header.msg_type === 'stream') said += content.text; };
    await future.done;
    return said;
}"""
CLICK = """async () => {
    const rail = document.querySelector('.marskit-rail'), before = rail.textContent;
    const begun = performance.now();
    document.querySelector('.marskit-controls button[data-do=step_phase]').click();
    while (rail.textContent === before && performance.now() - begun < 20000) {
        await new Promise((done) => setTimeout(done, 2));
    }
    return performance.now() - begun;
}"""
HIDE = """(hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
}"""
DRAWS = (
    "[...document.querySelectorAll('.marskit')].reduce((sum, root) => sum + Number(root.dataset.draws), 0)"
)
RETURN = """async () => {
    const header = document.querySelector('.marskit-header'), before = header.textContent;
    const begun = performance.now();
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => false });
    document.dispatchEvent(new Event('visibilitychange'));
    while (header.textContent === before && performance.now() - begun < 20000) {
        await new Promise((done) => setTimeout(done, 2));
    }
    return performance.now() - begun;
}"""


def measure(mesh: str) -> int:
    """All figures of one mesh."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_notebook(folder / "lab.ipynb", [LAB.format(mesh=mesh)])
        with lab_server(folder) as (url, server), notebook_page(url, "lab.ipynb") as (page, foreign):
            figures.append(_to_live(page, READY_S[mesh]))
            figures += _clicks(page, mesh)
            figures += _minute(page, is_real=mesh == "envoy")
            figures += _hidden(page)
            figures.append(_killed(page, server.pid))
            figures.append(_counted("requests to other hosts", len(foreign), 0))
    return show(f"Notebook, {mesh}, load average {os.getloadavg()[0]:.1f}", figures)


def _to_live(page: Page, bar_s: float) -> Figure:
    """From running the cell to its mesh in the page, with a first observation."""
    begun_s = time.monotonic()
    command(page, "notebook:run-all-cells")
    page.wait_for_selector(".marskit-topology [data-node=payments]")
    page.wait_for_selector(".marskit-controls button[data-do=step_phase]")
    page.evaluate(EXECUTE, "lab.ready(60)")
    took_s = time.monotonic() - begun_s
    return Figure(
        "from running the cell to the dashboard", f"{took_s:.1f} s", f"{bar_s:g} s", took_s <= bar_s
    )


def _clicks(page: Page, mesh: str) -> list[Figure]:
    """Monitor of a real mesh takes its own time, so the median is of all phases."""
    idle_ms = [page.evaluate(CLICK) for _ in range(CLICKS)]
    page.evaluate(f"code => {{ ({EXECUTE})(code); }}", f"import time; time.sleep({SLEEP_S})")
    page.wait_for_timeout(300)
    asleep_ms = [page.evaluate(CLICK) for _ in range(CLICKS_WHILE_ASLEEP)]
    page.evaluate(EXECUTE, "pass")
    return [
        _below("step click to other words", idle_ms, STEP_MS[mesh]),
        _below(f"the same while a cell sleeps {SLEEP_S:g} s", asleep_ms, ASLEEP_MS),
    ]


def _minute(page: Page, *, is_real: bool) -> list[Figure]:
    """The heap after a collection, the nodes of the page, and the kernel's own processor time."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable")
    kernel = psutil.Process(int(page.evaluate(EXECUTE, "import os; print(os.getpid())")))
    page.locator(".marskit-controls button[data-do=run]").click()
    # Curves and the log fill up; the twin does that without a pace, and then keeps to one.
    page.wait_for_timeout(15_000)
    if not is_real:
        page.evaluate(EXECUTE, f"lab.pace({PACE})")
    page.evaluate(EXECUTE, SAMPLER)
    heap, nodes = _memory(page, cdp)
    cpu_s, begun_s = _cpu_s(kernel), time.monotonic()
    page.wait_for_timeout(1000 * RUNNING_S)
    percent = 100 * (_cpu_s(kernel) - cpu_s) / (time.monotonic() - begun_s)
    heap_after, nodes_after = _memory(page, cdp)
    behind = int(page.evaluate(EXECUTE, "print(most_unacknowledged)"))
    sent = "print(sum(panel.sent for panel in dashboard.panels.values()) - sent_before)"
    grown = heap_after - heap
    return [
        Figure("pictures sent in that minute", page.evaluate(EXECUTE, sent).strip(), "", None),
        Figure("heap in a minute", f"{grown:+.1f} MB", f"+{HEAP_MB:g} MB", grown <= HEAP_MB),
        Figure(
            "elements of the page", f"{nodes} to {nodes_after}", f"+{NODES}", nodes_after - nodes <= NODES
        ),
        Figure(
            "processor time of the kernel",
            f"{percent:.1f} %",
            f"{KERNEL_PERCENT:g} %" if is_real else "",
            percent <= KERNEL_PERCENT if is_real else None,
        ),
        _counted("most pictures without acknowledgement", behind, WINDOW),
    ]


def _hidden(page: Page) -> list[Figure]:
    """A headless page is never hidden: it is told that it is."""
    page.evaluate(HIDE, True)
    page.wait_for_timeout(500)
    before = page.evaluate(DRAWS)
    page.wait_for_timeout(1000 * HIDDEN_S)
    drawn = page.evaluate(DRAWS) - before
    return [
        _counted(f"pictures drawn in {HIDDEN_S:g} s while hidden", drawn, 0),
        _below("return to the present picture", [page.evaluate(RETURN)], RETURN_MS),
    ]


def _killed(page: Page, server: int) -> Figure:
    """`kill -9` of the kernel, until nothing that it started is left."""
    pid = int(page.evaluate(EXECUTE, "import os; print(os.getpid())"))
    kernel = psutil.Process(pid)
    left = [kernel, *descendants(pid)]
    os.kill(pid, signal.SIGKILL)
    begun_s = time.monotonic()
    until(lambda: not any(_lives(each) for each in left), 60.0, "something outlived the kernel")
    took_s = time.monotonic() - begun_s
    return Figure(
        f"kill -9 of the kernel to the end of its {len(left) - 1} processes",
        f"{took_s:.1f} s",
        f"{GONE_S:g} s",
        took_s <= GONE_S,
    )


def _below(what: str, values_ms: Sequence[float], bar_ms: float) -> Figure:
    return Figure(what, spread(values_ms, "ms"), f"{bar_ms:g} ms (median)", median(values_ms) <= bar_ms)


def _counted(what: str, count: int, most: int) -> Figure:
    return Figure(what, str(count), f"at most {most}" if most else "0", count <= most)


def _memory(page: Page, cdp: Any) -> tuple[float, int]:
    """The heap in MB after a collection, and the number of elements of the page.

    The browser's own count of nodes has those that wait to be freed, and goes up and down by a thousand.
    """
    cdp.send("HeapProfiler.collectGarbage")
    metrics = {each["name"]: each["value"] for each in cdp.send("Performance.getMetrics")["metrics"]}
    return metrics["JSHeapUsedSize"] / 1e6, int(page.evaluate("document.querySelectorAll('*').length"))


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    raise SystemExit(max([measure(mesh) for mesh in sys.argv[1:] or STEP_MS]))
