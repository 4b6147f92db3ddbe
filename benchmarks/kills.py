"""A writer of cycles killed with `kill -9` at random moments: what it acknowledged must be readable.

Run: `python -m benchmarks.kills [HOW_OFTEN]`
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.paths import ROOT
from benchmarks.report import Figure, show
from marskit.domain.loop_events import CycleCompleted
from marskit.knowledge.format.tables import TABLES
from marskit.knowledge.read.dataset import Dataset
from marskit.knowledge.read.recording import load_recording
from marskit.knowledge.read.runs import load_run
from marskit.knowledge.storage.store import new_run
from tests.knowledge.test_parquet import WRITER

KILLS = 200
MOST_CYCLES = 30
"""With parts of five cycles, merged at twenty: every kill has a good chance to hit a merge."""


def measure(kills: int) -> int:
    chance = random.Random(12)
    lost = unreadable = cycles = unequal = merging = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for _ in range(kills):
            run = new_run(root)
            acknowledged = _killed(root, run, chance)
            stored = load_run(root, run)
            numbers = [record.cycle.id for record in stored.records]
            lost += numbers[:acknowledged] != list(range(1, acknowledged + 1))
            cycles += len(numbers)
            recording = load_recording(root, run)
            told = [event.cycle.id for event in recording.events if isinstance(event, CycleCompleted)]
            tables = Dataset(root)
            heights = {table: tables.scan(table, [run]).collect().height for table in TABLES}
            unequal += told != numbers or heights["cycles"] != len(numbers)
            unequal += heights["workloads"] != 4 * len(numbers)
            unreadable += bool(stored.unreadable or recording.unreadable or tables.damaged)
            names = [path.name for path in (root / f"run={run}").iterdir()]
            merging += any(name.endswith(".unfinished") for name in names) or _overlaps(names)
    return show(
        f"kill -9 at {kills} moments: {cycles} cycles stored, {merging} times within a write or a merge",
        [
            Figure("runs that lost an acknowledged cycle", str(lost), "0", not lost),
            Figure("runs with something unreadable", str(unreadable), "0", not unreadable),
            Figure("runs whose tables disagree", str(unequal), "0", not unequal),
        ],
    )


def _killed(root: Path, run: str, chance: random.Random) -> int:
    """Let a writer store cycles, kill it at a random moment, and return the last cycle it acknowledged."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), run, "0"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert writer.stdout is not None
    with writer.stdout:
        for _ in range(chance.randint(1, MOST_CYCLES)):
            acknowledged = int(writer.stdout.readline())
        time.sleep(chance.uniform(0.0, 0.02))
        os.kill(writer.pid, signal.SIGKILL)
        later = [int(line) for line in writer.stdout if line.endswith("\n")]
    writer.wait(10)
    return max([acknowledged, *later])


def _overlaps(names: list[str]) -> bool:
    """Whether a batch lies in two files of the log, so that a merge was cut short."""
    spans = [name.split("-")[1:3] for name in names if name.startswith("events-")]
    batches = [n for first, last in spans for n in range(int(first), int(last) + 1)]
    return len(batches) != len(set(batches))


if __name__ == "__main__":
    raise SystemExit(measure(int(sys.argv[1]) if len(sys.argv) > 1 else KILLS))
