"""A JupyterLab of its own, on a free port of this machine, and the page of one notebook in Chromium."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, sync_playwright

from tests.paths import ROOT

START_S = 90.0
CHROMIUM = shutil.which("chromium") or ""


def write_notebook(file: Path, cells: Sequence[str]) -> None:
    """A notebook with these cells of code."""
    content = {
        "cells": [
            {"cell_type": "code", "execution_count": None, "id": f"c{n}", "metadata": {}, "outputs": [],
             "source": cell}
            for n, cell in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }  # fmt: skip
    file.write_text(json.dumps(content), encoding="utf-8")


@contextmanager
def lab_server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server on that folder, for this machine alone; it and its kernels end with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {
        name: str(folder / ".jupyter" / name.lower())
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    options = (
        *("--no-browser", "--ip", "127.0.0.1", "--port", str(port), "--allow-root"),
        *("--ServerApp.token=", "--ServerApp.password=", f"--ServerApp.root_dir={folder}"),
        *("--expose-app-in-browser", "--LabApp.news_url="),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    )
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            (sys.executable, "-m", "jupyterlab", *options),
            env={**os.environ, **own, "PYTHONPATH": str(ROOT)}, cwd=folder, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            until(lambda: _listens(port), START_S, "JupyterLab did not start")
            yield f"http://127.0.0.1:{port}", server
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


@contextmanager
def notebook_page(url: str, name: str) -> Iterator[tuple[Page, list[str]]]:
    """The page of a notebook, and what it asked of other hosts."""
    foreign: list[str] = []

    def note(request: Any) -> None:
        if not request.url.startswith((url, "data:", "blob:", url.replace("http", "ws"))):
            foreign.append(request.url)

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1500})
        page.set_default_timeout(1000 * START_S)
        page.on("request", note)
        page.goto(f"{url}/lab/tree/{name}?reset")
        opened(page)
        yield page, foreign
        browser.close()


def opened(page: Page) -> None:
    """Wait until the notebook is open and its kernel answers."""
    page.wait_for_function(
        "window.jupyterapp?.shell.currentWidget?.context?.sessionContext?.session?.kernel?.status === 'idle'"
    )


def command(page: Page, name: str) -> None:
    """Begin one of JupyterLab's commands."""
    page.evaluate("name => { window.jupyterapp.commands.execute(name); }", name)


def save(page: Page) -> None:
    """Save the notebook, and wait until it is."""
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save').then(() => true)")


def until(holds: Callable[[], bool], within_s: float, otherwise: str) -> None:
    """Wait for that."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


def descendants(pid: int) -> list[psutil.Process]:
    """The processes below that one which are alive."""
    try:
        below = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [each for each in below if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
