"""What it costs to store a cycle, to read a run, and to ask a dataset of many millions of rows.

Run: `python -m benchmarks.storage`
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, median

from benchmarks.paths import ROOT
from benchmarks.report import Figure, show, spread
from marskit.domain.events import Event, RunStarted
from marskit.domain.loop_events import CycleCompleted
from marskit.knowledge.read.recording import load_recording
from marskit.knowledge.read.runs import find_run
from marskit.knowledge.storage.store import open_store
from marskit.knowledge.write.parquet import ParquetKnowledge

CYCLES = 2000


def measure() -> int:
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        _twin_run(runs)
        begun_s = time.process_time()
        recording = load_recording(runs, find_run(runs, "last"))
        read_s = time.process_time() - begun_s
        appends_ms = asyncio.run(_store(runs / "again", recording.events))
    amortised = f"{mean(appends_ms):.1f} ms"
    return show(
        "The knowledge store, in processor time of the whole process",
        [
            Figure(
                "one cycle with its events", spread(appends_ms, "ms"), "p50 2 ms", median(appends_ms) <= 2
            ),
            Figure("the same with its share of the merging", amortised, "", None),
            Figure(f"all events of {CYCLES} cycles read", f"{read_s:.1f} s", "3 s", read_s <= 3),
        ],
    )


def _twin_run(runs: Path) -> None:
    command = ["--mesh", "twin", "--engine", "fast", "--headless", "--json", "--cycles", str(CYCLES)]
    subprocess.run(
        [sys.executable, "main.py", *command, "--runs", str(runs)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=600,
    )


async def _store(runs: Path, events: Iterable[Event]) -> list[float]:
    """Store the events of a run again as the controller does; processor time of each cycle in ms."""
    knowledge = ParquetKnowledge(runs)
    run = ""
    taken_ms: list[float] = []
    begun_s = time.process_time()
    for event in events:
        if isinstance(event, CycleCompleted):
            await knowledge.append(event.cycle)
        knowledge.note(event)
        if isinstance(event, RunStarted):
            run = event.run
            open_store(runs).begin(run)
            await knowledge.open(event)
            begun_s = time.process_time()
        elif isinstance(event, CycleCompleted):
            now_s = time.process_time()
            taken_ms.append(1000 * (now_s - begun_s))
            begun_s = now_s
    await knowledge.close()
    assert load_recording(runs, run).complete
    return taken_ms


if __name__ == "__main__":
    raise SystemExit(measure())
