"""Planners that do everything a planner must not do, to be loaded by `FILE:CLASS`."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import marskit
from marskit.domain.actions import Action
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.plan import Candidate, Plan
from marskit.planning import PlanningView
from marskit.plugins.base import Answer


class Good(marskit.Planner):
    """Gives the bottleneck one more replica, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        self.asked += 1
        self.explain(f"asked {self.asked}: {len(view.recent)} seen, {len(view.cycles)} cycles")
        name = diagnosis.bottleneck
        return None if name is None else marskit.Scale(name, view.configuration.replicas_of(name) + 1)


class Analyst(Good):
    """Takes payments for the bottleneck, whatever was found."""

    def analyse(self, diagnosis: Diagnosis, view: PlanningView) -> Diagnosis:
        return replace(diagnosis, bottleneck="payments", sentence="It is payments, as always.")


class Raises(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        raise KeyError("payments")


class RaisesInAnalyse(Good):
    def analyse(self, diagnosis: Diagnosis, view: PlanningView) -> Diagnosis:
        raise KeyError("payments")


class Interrupts(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        raise KeyboardInterrupt


class Exits(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        sys.exit(0)


class ExitsAtOnce(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        os._exit(0)


class Speaks(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Any:
        return "scale everything"


class Maps(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Any:
        return {"payments": 4}


class WrongFields(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Any:
        return Plan("x", "abc", (), "why")  # type: ignore[arg-type] # what is wrong is the point


class WrongNumber(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Any:
        return marskit.Scale("payments", "4")  # type: ignore[arg-type] # what is wrong is the point


class NotANumber(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        return Plan("x", (Candidate((), "none", float("nan")),), (), "why")


class Huge(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        return [marskit.Scale("payments", 3)] * 1_000_000


class TooLarge(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        return marskit.Scale("payments", 10**30)


class Unknown(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        return marskit.Scale("nowhere", 3)


class UnknownSubset(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        return marskit.ShiftTraffic("recommendations", 0, (("nowhere", 100),))


class Sleeps(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        time.sleep(3600)
        return None


class SleepsInAnalyse(Good):
    def analyse(self, diagnosis: Diagnosis, view: PlanningView) -> Diagnosis:
        time.sleep(3600)
        return diagnosis


class Spins(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        while True:
            pass


class Eats(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        bytearray(2 * 2**30)
        return None


class Crashes(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        ctypes.string_at(0)
        return None


class Forks(Good):
    """Leaves a process behind at every call, in a session of its own."""

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(3600)
            os._exit(0)
        return super().plan(diagnosis, view)


class ForksAndAnswersTwice(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        os.fork()
        return super().plan(diagnosis, view)


class StartsMany(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        for _ in range(100):
            subprocess.Popen(["sleep", "3600"], start_new_session=True)
        time.sleep(3600)
        return None


class Prints(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        for _ in range(200):
            print("x" * 10_000)
            print("y" * 10_000, file=sys.stderr)
        return super().plan(diagnosis, view)


class PrintsForEver(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        while True:
            os.write(1, b"x" * 4096)


class ClosesItsPipes(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        os.closerange(0, 64)
        time.sleep(3600)
        return None


class WritesGarbage(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        for descriptor in range(3, 64):
            try:
                os.write(descriptor, b"\0\0\0\x04rm !")
            except OSError:
                continue
        return None


class KillsItsParent(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        parent = os.getppid()
        # Only the one that is meant: once that is gone, the parent is somebody else.
        if b"marskit.plugins.host" in Path(f"/proc/{parent}/cmdline").read_bytes():
            os.kill(parent, signal.SIGKILL)
        return None


class Stops(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        os.kill(os.getpid(), signal.SIGSTOP)
        return None


class Recurses(Good):
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        return self.plan(diagnosis, view)


class Lies(Good):
    """Claims to be the guard, and that the shield has passed what it wants."""

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        wish: tuple[Action, ...] = (marskit.Scale("payments", 10**6),)
        return Plan("guard", (Candidate(wish, "more"),), wish, "more", actions=wish)


class NameRaises(Good):
    @property
    def name(self) -> str:  # type: ignore[override] # a property is what can raise
        raise RuntimeError("no name")


class ResetRaises(Good):
    def reset(self, seed: int) -> None:
        raise RuntimeError("no reset")


class CannotBeMade(Good):
    def __init__(self) -> None:
        raise RuntimeError("no planner")


class NeedsArguments(Good):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size


class NotAPlanner:
    pass
