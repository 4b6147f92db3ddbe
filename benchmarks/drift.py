"""Payments become slower: the cycles until drift is found, and the error of the new calibration card.

Run: `python -m benchmarks.drift`
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.live_loop import slowed
from benchmarks.report import Figure, show
from marskit.assembly.settings import Settings
from marskit.calibration.drift import DriftDetector, unannounced
from marskit.demo import DEMO_MANIFESTS
from marskit.domain.events import Event, Recalibrated
from marskit.domain.loop_events import CycleCompleted
from marskit.knowledge.read.runs import StoredRun, list_runs, load_run
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.simulator.card_file import demo_card
from marskit.mesh.simulator.compile import twin_model

FACTOR = 1.6
SLOWED_AFTER = 30
CYCLES = 120
FIRST_SEED = 40
"""Other ones than those that the limits were found with."""
RUNS = (
    ("steady", "threshold"),
    ("diurnal", "hpa"),
    ("rush-hours", "demand"),
    ("spike", "hpa"),
    ("rush-hours", "lookahead"),
    ("diurnal", "demand"),
)


@dataclass(frozen=True, slots=True)
class Course:
    """What became of one run."""

    found_after: int | None
    """Cycles from the slow-down to the alarm."""
    renewed_after: int | None
    """Cycles from the slow-down to the new card."""
    told: Recalibrated | None
    alarms: int
    """Of the same run without the slow-down."""


def measure() -> int:
    with tempfile.TemporaryDirectory() as folder:
        courses = []
        for seed, (scenario, planner) in enumerate(RUNS, FIRST_SEED):
            settings = Settings(
                mesh="twin", scenario=scenario, planner=planner, seed=seed, runs=Path(folder) / str(seed)
            )
            drifting = slowed(settings, FACTOR, after=SLOWED_AFTER, cycles=CYCLES)
            calm = slowed(settings, FACTOR, after=None, cycles=CYCLES)
            courses.append(course(drifting, calm, *stored(settings.runs)))
    return show(f"Payments become {FACTOR:g} times slower", list(figures(courses)))


def stored(root: Path | str) -> tuple[StoredRun, StoredRun]:
    drifting, calm = (load_run(root, summary.run) for summary in list_runs(root).runs)
    return drifting, calm


def course(drifting: Sequence[Event], calm: Sequence[Event], run: StoredRun, same: StoredRun) -> Course:
    told = next((event for event in drifting if isinstance(event, Recalibrated)), None)
    renewed = None
    if told is not None:
        done = sum(isinstance(event, CycleCompleted) for event in drifting[: drifting.index(told)])
        renewed = done - SLOWED_AFTER
    found = alarm(run)
    false = int(alarm(same) is not None or any(isinstance(event, Recalibrated) for event in calm))
    return Course(None if found is None else found - SLOWED_AFTER, renewed, told, false)


def alarm(run: StoredRun) -> int | None:
    """The cycle in which drift is found."""
    card = demo_card()
    errors = {held.service: held.p95_error_percent for held in card.held_out}
    watch = DriftDetector(twin_model(load_mesh(DEMO_MANIFESTS), card), errors, run.started.goals)
    records = unannounced(run.records)
    for count in range(1, len(records) + 1):
        if (drift := watch.see(records[:count])) is not None:
            return drift.found
    return None


def figures(courses: Sequence[Course]) -> Sequence[Figure]:
    def counts(values: Sequence[int | None]) -> str:
        return ", ".join("never" if value is None else str(value) for value in values)

    told = [each.told for each in courses if each.told is not None]
    before = [event.error_before_percent for event in told]
    after = [event.error_after_percent for event in told]
    right = [event.service == "payments" for event in told]
    return [
        Figure("runs", ", ".join(f"{planner} on {scenario}" for scenario, planner in RUNS), "", None),
        Figure("cycles until drift is found", counts([c.found_after for c in courses]), "", None),
        Figure("cycles until there is a new card", counts([c.renewed_after for c in courses]), "", None),
        Figure("runs in which payments is named", f"{sum(right)} of {len(courses)}", "all", all(right)),
        Figure(
            "p95 error on held-out windows, with the old card and with the new card",
            f"{median(before):.0f} % and {median(after):.0f} % (medians)" if told else "no new card",
            "smaller with the new card",
            bool(told) and all(new < old for old, new in zip(before, after, strict=True)),
        ),
        Figure(
            "false alarms in the same runs without the slow-down",
            f"{sum(c.alarms for c in courses)} in {len(courses) * CYCLES} cycles",
            "0",
            not any(c.alarms for c in courses),
        ),
    ]


if __name__ == "__main__":
    sys.exit(measure())
