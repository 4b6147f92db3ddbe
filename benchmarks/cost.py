"""What watching and deciding cost: processor time of marskit's own process, its children not counted.

Run: `python -m benchmarks.cost`
"""

import json
import subprocess
import sys
import tempfile
import time
from statistics import median

import psutil

from benchmarks.paths import ROOT
from benchmarks.report import Figure, show, spread
from benchmarks.terminal import Terminal
from marskit.mesh.envoy import demo_services

CYCLES = 15
SETTLE_S = 8.0
WATCH_S = 20.0


def measure() -> int:
    with tempfile.TemporaryDirectory() as runs:
        common = ["--scenario", "steady", "--runs", runs]
        idle = _share(common)
        busy = _share([*common, "--sample", "0.25"], keys=" ")
        cycles = _cycles_ms(common)
    return show(
        "Cost, in shares of one core",
        [
            Figure("terminal UI, loop paused", f"{idle:.1f} %", "under 10 %", idle < 10),
            Figure("terminal UI, loop running, 4 updates/s", f"{busy:.1f} %", "under 25 %", busy < 25),
            Figure(
                "one cycle, Monitor to Knowledge", spread(cycles, "ms"), "under 20 ms", median(cycles) < 20
            ),
        ],
    )


def _share(arguments: list[str], *, keys: str = "") -> float:
    """The share of a core in percent that the terminal UI takes once everything is up."""
    with Terminal(arguments) as terminal:
        time.sleep(SETTLE_S)
        terminal.press(keys)
        process = psutil.Process(terminal.process.pid)
        before = process.cpu_times()
        time.sleep(WATCH_S)
        after = process.cpu_times()
    return 100 * (after.user + after.system - before.user - before.system) / WATCH_S


def _cycles_ms(arguments: list[str]) -> list[float]:
    """Processor time of each cycle of a run without a screen."""
    command = [sys.executable, "main.py", "--headless", "--json", "--cycles", str(CYCLES), *arguments]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    events = map(json.loads, ran.stdout.splitlines())
    return [event["cycle"]["cpu_ms"] for event in events if event["kind"] == "CycleCompleted"]


if __name__ == "__main__":
    demo_services.install_dependencies()
    raise SystemExit(measure())
