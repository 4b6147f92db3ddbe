"""What was live is what is replayed: the same state at every step of a stored run, wherever one jumps."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from marskit.domain import commands
from marskit.domain.actions import Scale
from marskit.domain.commands import Command
from marskit.domain.faults import ClearFaults, KillReplica, SlowDown
from marskit.domain.records import Mode
from marskit.knowledge.read.recording import load_recording
from marskit.knowledge.read.runs import find_run
from marskit.replay.fingerprint import Fingerprints
from marskit.replay.timeline import Timeline
from tests.paths import ROOT
from tests.replay.runs import Watched, twin_run

SCRIPT: tuple[tuple[float, Command], ...] = (
    (3.1, commands.SetLoadFactor(2.0)),
    (5.2, commands.Inject(SlowDown("payments", 2.0))),
    (6.3, commands.Act(Scale("orders", 3))),
    (9.4, commands.SetMode(Mode.RECOMMEND)),
    (11.5, commands.Pause()),
    (13.6, commands.StepPhase()),
    (14.7, commands.StepCycle()),
    (16.8, commands.SetMode(Mode.AUTO)),
    (17.9, commands.SetPlanner("hpa")),
    (18.0, commands.Undo()),
    (19.1, commands.Inject(KillReplica("orders"))),
    (20.2, commands.Inject(ClearFaults())),
    (21.3, commands.SetScenario("ramp")),
    (22.4, commands.Run()),
)
"""Everything that a person may do."""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Watched]:
    runs = tmp_path_factory.mktemp("runs")
    return runs, twin_run(runs, cycles=16, look=Fingerprints().of, script=SCRIPT, seed=6)


def test_every_state_of_what_was_stored_has_the_hash_that_it_had_live(stored: tuple[Path, Watched]) -> None:
    runs, live = stored
    recording = load_recording(runs, find_run(runs, "last"))
    assert recording.complete
    timeline = Timeline(recording.events)
    steps = list(range(1, len(timeline) + 1))
    assert len(steps) == len(live.seen) > 200
    assert [timeline.hash_at(step) for step in steps] == live.seen
    assert [timeline.hash_at(step) for step in reversed(steps)] == live.seen[::-1]
    random = Random(7)
    for step in random.choices(steps, k=500):
        assert timeline.hash_at(step) == live.seen[step - 1]


def test_another_process_prints_the_same_hashes(stored: tuple[Path, Watched]) -> None:
    runs, live = stored
    done = subprocess.run(
        [sys.executable, "main.py", "replay", "last", "--headless", "--hashes", "--runs", str(runs)],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "3"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert [line.split()[3] for line in done.stdout.splitlines()] == live.seen
