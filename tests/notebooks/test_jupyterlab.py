"""A lab's dashboard in a real JupyterLab, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.notebooks.jupyter import (
    CHROMIUM,
    command,
    descendants,
    lab_server,
    notebook_page,
    opened,
    save,
    until,
    write_notebook,
)

pytestmark = [
    pytest.mark.notebook,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not CHROMIUM, reason="no chromium on PATH"),
]
LAB = """import marskit as mk
lab = mk.Lab('twin', scenario='spike', seed=7, planner='threshold', runs='runs')
lab.show()"""
SLEEP = "import time\ntime.sleep(15)\nprint('slept')"
CHANGED = """async ([button, panel]) => {
    const shown = document.querySelector(panel), before = shown.textContent, begun = performance.now();
    document.querySelector(button).click();
    while (shown.textContent === before && performance.now() - begun < 20000) {
        await new Promise((done) => setTimeout(done, 5));
    }
    return performance.now() - begun;
}"""
STEP = ".marskit-controls button[data-do=step_phase]"
RAIL = ".marskit-rail"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_notebook(tmp_path / "lab.ipynb", [LAB])
    write_notebook(tmp_path / "busy.ipynb", [LAB, SLEEP])
    return tmp_path


@pytest.fixture
def url(folder: Path) -> Iterator[tuple[str, int]]:
    with lab_server(folder) as (address, server):
        yield address, server.pid


def run_all(page: Page) -> None:
    command(page, "notebook:run-all-cells")
    page.wait_for_selector(f"{RAIL} [data-phase]")
    page.wait_for_selector(".marskit-topology [data-node=payments]")


def draws(page: Page, panel: str) -> int:
    return int(page.locator(panel).first.get_attribute("data-draws") or 0)


def test_the_dashboard_is_stepped_hidden_reloaded_and_outlives_its_kernel(
    url: tuple[str, int], folder: Path
) -> None:
    address, server = url
    with notebook_page(address, "lab.ipynb") as (page, foreign):
        run_all(page)
        for _ in range(6):
            assert page.evaluate(CHANGED, [STEP, RAIL]) < 5000
        page.locator(".marskit-topology [data-node=payments]").click()
        page.wait_for_function("document.querySelector('.marskit-series').textContent.includes('payments')")

        # What is out of sight is not drawn, and is up to date once it is seen again.
        page.evaluate("document.querySelector('.marskit-header').scrollIntoView()")
        page.locator(".marskit-controls button[data-do=run]").click()
        page.wait_for_function("document.querySelector('.marskit-header').textContent.includes('running')")
        page.evaluate("document.querySelector('.marskit-topology').style.display = 'none'")
        page.wait_for_timeout(500)
        before = draws(page, ".marskit-topology")
        page.wait_for_timeout(1500)
        assert draws(page, ".marskit-topology") - before <= 1
        page.evaluate("document.querySelector('.marskit-topology').style.display = ''")
        page.wait_for_function(f"document.querySelector('.marskit-topology').dataset.draws > {before}")
        page.locator(".marskit-controls button[data-do=run]").click()

        # A page that is loaded again shows the present state at once.
        save(page)
        page.reload()
        opened(page)
        page.wait_for_selector(f"{RAIL} [data-phase]")
        page.screenshot(path=folder / "page.png")
        assert page.evaluate(CHANGED, [STEP, RAIL]) < 5000

        # Nothing that the kernel started outlives it, and the page says that its picture is old.
        kernels = descendants(server)
        assert kernels
        for each in kernels:
            if "ipykernel" in " ".join(each.cmdline()):
                each.kill()
        until(lambda: not any(each.is_running() and each in kernels for each in descendants(server)), 10.0,
              "something outlived the kernel")  # fmt: skip
        page.wait_for_selector(".marskit-stale")
        assert foreign == []


def test_buttons_are_answered_while_a_cell_sleeps(url: tuple[str, int]) -> None:
    with notebook_page(url[0], "busy.ipynb") as (page, _):
        run_all(page)
        took_ms = [page.evaluate(CHANGED, [STEP, RAIL]) for _ in range(3)]
        slept = page.locator(".jp-OutputArea-output", has_text="slept")
        assert slept.count() == 0
        # Clicks that waited for the cell would take seconds.
        assert min(took_ms) < 1500
        slept.wait_for()
