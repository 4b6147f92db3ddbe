"""Bad canaries on a mesh under load: periods until found and until without traffic, and requests that failed.

Run: `python -m benchmarks.canary [--mesh twin] [--repetitions N] [--good PERIODS]`

One run of the whole controller; each trial gives the canary its weight as a person would, lets it be well for
some periods, and breaks it at a random moment of a period. A period is the loop's: 10 s with the load here.
"""

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from benchmarks.paths import ROOT
from benchmarks.report import Figure, show, spread
from marskit.assembly.bootstrap import build
from marskit.assembly.settings import Settings
from marskit.controller.controller import Controller
from marskit.demo import DEMO_MANIFESTS
from marskit.domain.actions import Scale, ShiftTraffic
from marskit.domain.commands import Act, Inject, Run
from marskit.domain.diagnosis import SymptomKind
from marskit.domain.events import Event
from marskit.domain.faults import ClearFaults, Delay, Fault, InjectErrors
from marskit.domain.loop_events import Analysed, Executed
from marskit.domain.metrics import MeshSample
from marskit.domain.records import Origin, Outcome
from marskit.domain.topology import GATEWAY
from marskit.mesh.envoy import demo_services

EXAMPLE = ROOT / "examples" / "canary"
V2 = "recommendations-food-v2"
FAULTS: dict[str, Fault] = {"5 % errors": InjectErrors(V2, 5.0), "+100 ms": Delay(V2, 100)}
WEIGHTS = (10, 20)
ROOM = (Scale("payments", 4), Scale("orders", 3), Scale("recommendations-food", 3))
"""So that the load is none that the services strain under."""
WELL_PERIODS = 4
PATIENCE_PERIODS = 10
REST_PERIODS = 1.01
STEP_S = 0.25


@dataclass
class Watch:
    """What is read off a run as it goes."""

    controller: Controller
    samples: list[MeshSample] = field(default_factory=list)
    found_at_s: list[float] = field(default_factory=list)
    """Ends of Analyse that found the canary worse while it had traffic."""
    looks_at_s: list[float] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    taken_at_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        mesh = self.controller._mesh  # nobody else is told single samples
        read = mesh.sample

        async def sample() -> MeshSample:
            self.samples.append(await read())
            return self.samples[-1]

        mesh.sample = sample  # type: ignore[method-assign]
        self.controller.bus.subscribe(self.note)

    def note(self, event: Event) -> None:
        """Take down what was found, and what was done about it."""
        match event:
            case Analysed(at_s, _, diagnosis):
                self.looks_at_s.append(at_s)
                found = [s for s in diagnosis.symptoms if s.kind is SymptomKind.CANARY_REGRESSION]
                if found:
                    self.found_at_s.append(at_s)
                    self.sentences.append(found[0].sentence)
            case Executed(execution):
                if execution.origin is Origin.GUARD and execution.outcome is Outcome.APPLIED:
                    self.taken_at_s.append(execution.at_s)
            case _:
                pass

    @property
    def period_s(self) -> float:
        """Real seconds from cycle to cycle."""
        return self.controller._parameters.period_s

    @property
    def now_s(self) -> float:
        """The run's clock."""
        return self.controller._clock.now()

    def lost(self, from_s: float, until_s: float) -> tuple[int, int]:
        """`(failed, all)` of the users' requests in the samples that end within these times."""
        edges = [
            edge
            for sample in self.samples
            if from_s < sample.at_s <= until_s
            for edge in sample.edges
            if edge.edge.source == GATEWAY
        ]
        return sum(edge.failures for edge in edges), sum(edge.requests for edge in edges)

    def idle_at_s(self, since_s: float) -> float | None:
        """The end of the first sample after that in which the canary got nothing."""
        for sample in self.samples:
            if sample.at_s - sample.duration_s >= since_s and not any(
                edge.requests for edge in sample.edges if edge.edge.workload == V2
            ):
                return sample.at_s
        return None


@dataclass(frozen=True)
class Trial:
    """How one bad canary ended; times in periods since it was broken, None where it never came to that."""

    what: str
    early: bool
    """It was taken for bad before it was."""
    found: float | None
    looks: int
    """Looks since it was broken, the one that found it included."""
    idle: float | None
    lost: tuple[int, int]
    """Failed and all requests from when it was broken until it had no traffic."""
    lost_in_all: tuple[int, int]
    """The same from when it got its weight."""
    sentence: str


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Watch]:
    controller = await build(settings)
    watch = Watch(controller)
    task = asyncio.create_task(controller.run())
    try:
        # On the twin, time stands still before the loop runs: it must not be waited for.
        while controller.state.gateway_url is None:
            await asyncio.sleep(0)
            if task.done():
                raise SystemExit(str(controller.state.ended))
        await controller.handle(Run())
        while not watch.samples:  # noqa: ASYNC110 # the run has no event for it
            await asyncio.sleep(STEP_S)
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def give(watch: Watch, weight: int) -> None:
    """Give the canary that weight, as a person."""
    shift = ShiftTraffic("recommendations", 2, (("food", 100 - weight), ("food-v2", weight)))
    if any(
        d.workload == V2 and d.weight_percent != weight
        for d in watch.controller._mesh.configuration.route("recommendations", 2).destinations
    ):
        # The shield lets a route rest after a change.
        await asyncio.sleep(REST_PERIODS * watch.period_s)
        await watch.controller.handle(Act(shift))


async def trial(watch: Watch, what: str, fault: Fault, weight: int, random: Random) -> Trial:
    await give(watch, weight)
    begun_s, period_s = watch.now_s, watch.period_s
    await asyncio.sleep((WELL_PERIODS + random.random()) * period_s)
    broken_s = watch.now_s
    early = any(at_s > begun_s for at_s in watch.taken_at_s)
    await watch.controller.handle(Inject(fault))
    end_s = broken_s + PATIENCE_PERIODS * period_s
    idle_s = found_s = None
    while idle_s is None and watch.now_s < end_s:
        await asyncio.sleep(STEP_S)
        found_s = next((at_s for at_s in watch.found_at_s if at_s > broken_s), None)
        taken_s = next((at_s for at_s in watch.taken_at_s if at_s > broken_s), None)
        idle_s = watch.idle_at_s(taken_s) if taken_s is not None else None
    await watch.controller.handle(Inject(ClearFaults()))
    await give(watch, 0)
    until_s = idle_s or watch.now_s
    return Trial(
        what,
        early,
        (found_s - broken_s) / period_s if found_s else None,
        sum(broken_s < at_s <= (found_s or until_s) for at_s in watch.looks_at_s),
        (idle_s - broken_s) / period_s if idle_s else None,
        watch.lost(broken_s, until_s),
        watch.lost(begun_s, until_s),
        watch.sentences[-1] if found_s else "",
    )


async def measure(settings: Settings, repetitions: int, good_periods: int) -> int:
    trials: list[Trial] = []
    random = Random(settings.seed)
    async with running(settings) as watch:
        period_s = watch.period_s
        for action in ROOM:
            await watch.controller.handle(Act(action))
        await give(watch, 0)
        await asyncio.sleep(3 * period_s)
        for _ in range(repetitions):
            for weight in WEIGHTS:
                for name, fault in FAULTS.items():
                    what = f"{name} at {weight} %"
                    trials.append(await trial(watch, what, fault, weight, random))
                    print(trials[-1], flush=True)
        alarms = 0
        begun_s = watch.now_s
        for weight in WEIGHTS:
            until_s = watch.now_s + good_periods / len(WEIGHTS) * period_s
            while watch.now_s < until_s:
                # Held after a false alarm, it gets its traffic back at once: the next one counts as well.
                known = len(watch.taken_at_s)
                await give(watch, weight)
                while watch.now_s < until_s and len(watch.taken_at_s) == known:  # noqa: ASYNC110 - virtual time
                    await asyncio.sleep(STEP_S)
                alarms += len(watch.taken_at_s) - known
        hours = (watch.now_s - begun_s) / 3600
    return show(
        f"Canaries on the {settings.mesh}: {_load(watch)}, period {period_s:g} s",
        [*_figures(trials), _alarms(alarms, hours, good_periods)],
    )


def _load(watch: Watch) -> str:
    _, requests = watch.lost(0.0, watch.now_s)
    return f"{requests / sum(sample.duration_s for sample in watch.samples):.0f} requests/s"


def _figures(trials: list[Trial]) -> list[Figure]:
    figures = []
    for what in dict.fromkeys(trial.what for trial in trials):
        of = [trial for trial in trials if trial.what == what and not trial.early]
        early = sum(trial.early for trial in trials if trial.what == what)
        never = float(PATIENCE_PERIODS)
        found = [never if t.found is None else t.found for t in of]
        idle = [never if t.idle is None else t.idle for t in of]
        soon, gone = sum(at <= 2 for at in found), sum(at <= 3 for at in idle)
        failed, asked = (sum(t.lost_in_all[side] for t in of) for side in (0, 1))
        failed_bad, asked_bad = (sum(t.lost[side] for t in of) for side in (0, 1))
        share, share_bad = 100 * failed / max(1, asked), 100 * failed_bad / max(1, asked_bad)
        figures += [
            Figure(f"{what}: found after", spread(found, "periods"), "", None),
            Figure(f"{what}: found within 2", f"{soon} of {len(of)}", "all", soon == len(of)),
            Figure(f"{what}: no traffic after", spread(idle, "periods"), "", None),
            Figure(f"{what}: no traffic within 3", f"{gone} of {len(of)}", "all", gone == len(of)),
            Figure(
                f"{what}: requests failed",
                f"{share:.2f} % since it got traffic, {share_bad:.2f} % since it was bad",
                "under 1 % of all",
                share < 1,
            ),
        ]
        if early:
            figures.append(Figure(f"{what}: false alarms before the fault", f"{early}", "0", False))
    return figures


def _alarms(alarms: int, hours: float, periods: int) -> Figure:
    measured = (
        f"{alarms} in {periods} periods ({hours:.2f} h): {alarms / hours:.2g} an hour" if hours else "-"
    )
    return Figure("good canaries: false alarms", measured, "", None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--mesh", choices=("envoy", "twin"), default="envoy")
    parser.add_argument("--repetitions", type=int, default=5, metavar="N")
    parser.add_argument("--good", type=int, default=60, metavar="PERIODS", help="how long with good canaries")
    parser.add_argument(
        "--period", type=float, metavar="SECONDS", help="default: 15 s of the scenario's time"
    )
    parser.add_argument("--seed", type=int, default=0)
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as runs:
        settings = Settings(
            mesh=parsed.mesh,
            manifests=(DEMO_MANIFESTS[0], EXAMPLE),
            scenario=str(EXAMPLE / "rollout.toml"),
            planner="static",
            period_s=parsed.period,
            seed=parsed.seed,
            preview=False,
        )
        with asyncio.Runner(loop_factory=settings.loop_factory()) as runner:
            return runner.run(measure(replace(settings, runs=Path(runs)), parsed.repetitions, parsed.good))


if __name__ == "__main__":
    demo_services.install_dependencies()
    raise SystemExit(main())
