"""The seeded runs behind exercises and incidents: made now on the twin, and kept for this process."""

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import assert_never

from marskit.domain.faults import Delay, HangReplica, InjectErrors, SlowDown
from marskit.lab.lab import Lab
from marskit.lab.records import Cycles
from marskit.plugins.base import Planner

SEED = 7
"""Seed of every run that a notebook names."""
CALM_CYCLES = 3
"""Cycles of an incident before its faults."""
FAULTY_CYCLES = 3
"""Cycles of an incident with its faults."""
_CLASS_LAB = "course check"


Injected = SlowDown | InjectErrors | Delay | HangReplica
"""The faults of incidents."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A run on steady load in which something happens after three cycles."""

    seed: int
    faults: tuple[Injected, ...] = ()
    load: float = 1.0
    """The load is multiplied by this."""

    @property
    def faulty(self) -> frozenset[str]:
        """The workloads that are broken: the truth."""
        return frozenset(fault.workload for fault in self.faults)

    def play(self, lab: Lab) -> Cycles:
        """Run it on that lab; returns its cycles."""
        lab.run(CALM_CYCLES)
        for fault in self.faults:
            match fault:
                case SlowDown(workload, factor):
                    lab.slow(workload, factor)
                case InjectErrors(workload, percent):
                    lab.errors(workload, percent)
                case Delay(workload, delay_ms):
                    lab.delay(workload, delay_ms)
                case HangReplica(workload):
                    lab.hang(workload)
                case _ as never:
                    assert_never(never)
        if self.load != 1.0:
            lab.load(self.load)
        lab.run(FAULTY_CYCLES)
        return lab.cycles


@cache
def runs_folder() -> Path:
    """A folder for runs that nobody looks at afterwards; it goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="marskit-course-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def recorded(planner: str, scenario: str, seed: int, cycles: int) -> Cycles:
    """The cycles of a run on the twin; the same arguments always give the same cycles."""
    return decided(planner, scenario, seed, cycles)


def decided(planner: str | type[Planner], scenario: str, seed: int, cycles: int) -> Cycles:
    """The same with a planner that may have changed since it was last run."""
    with course_lab(planner, scenario, seed) as lab:
        return lab.run(cycles)


@cache
def played(incident: Incident) -> Cycles:
    """The cycles of an incident."""
    with course_lab("static", "steady", incident.seed) as lab:
        return incident.play(lab)


def course_lab(planner: str | type[Planner], scenario: str, seed: int) -> Lab:
    """A lab on the twin that closes the one before it, and leaves those of the notebook alone."""
    return Lab("twin", scenario=scenario, seed=seed, planner=planner, name=_CLASS_LAB, runs=runs_folder())
