"""Fault localisation on injected faults: how often the likeliest suspect is what was broken.

Kills, hangs, slow-downs and errors at every workload, at three loads, alone and two at a time, drawn from
a seed. They are injected by the command of a person into a whole run, and judged by the diagnosis two cycles
after.

Run: `python -m benchmarks.localisation [--seed N] [--mesh envoy --cases 12]`
"""

import argparse
import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from benchmarks.live_loop import LiveLoop, play, write_scenario
from benchmarks.report import Figure, show
from marskit.assembly.settings import Settings
from marskit.domain.commands import Inject
from marskit.domain.diagnosis import Ailment, Diagnosis
from marskit.domain.faults import HangReplica, InjectErrors, KillReplica, SlowDown, describe_fault
from marskit.mesh.envoy import demo_services

Broken = KillReplica | HangReplica | SlowDown | InjectErrors

WORKLOADS = ("orders", "payments", "recommendations-food", "recommendations-music")
KINDS: tuple[type[Broken], ...] = (KillReplica, HangReplica, SlowDown, InjectErrors)
LOADS = (20.0, 50.0, 85.0)
"""Requests a second: two payments replicas are busy for a fifth, a half and three quarters of the time."""
FACTORS = (2.0, 3.0, 5.0)
PERCENTS = (10.0, 25.0, 50.0)
REPEATS = 2
PAIRS = 48
JUDGED = 2
"""The cycle after the fault that counts: one control period later than the first that can see anything."""
TOLD = 4
AILMENTS = {
    KillReplica: Ailment.DOWN,
    HangReplica: Ailment.SILENT,
    SlowDown: Ailment.SLOW,
    InjectErrors: Ailment.ERRORS,
}


@dataclass(frozen=True, slots=True)
class Case:
    """What is broken, when, and under which load."""

    faults: tuple[Broken, ...]
    requests_per_s: float
    seed: int
    after_cycles: int
    later: float
    """How far into the period that follows, as a share of it."""

    def __str__(self) -> str:
        return f"{' and '.join(map(describe_fault, self.faults))} at {self.requests_per_s:g} req/s"

    @property
    def broken(self) -> set[str]:
        """The workloads that were broken."""
        return {fault.workload for fault in self.faults}


@dataclass(frozen=True, slots=True)
class Judged:
    """One case with the diagnoses of the cycles that followed, and of the one before."""

    case: Case
    before: Diagnosis
    after: tuple[Diagnosis, ...]

    def is_found(self, cycle: int = JUDGED) -> bool:
        """Whether the likeliest suspect is one of what was broken."""
        suspects = self.after[cycle - 1].suspects
        return bool(suspects) and suspects[0].subject in self.case.broken

    @property
    def both(self) -> float:
        """The share of what was broken among the two likeliest suspects."""
        first = {suspect.subject for suspect in self.after[JUDGED - 1].suspects[:2]}
        return len(first & self.case.broken) / len(self.case.broken)


def single_cases(random: Random) -> Iterator[Case]:
    """Every kind at every workload at every load, so many times."""
    for load, workload, kind, _ in product(LOADS, WORKLOADS, KINDS, range(REPEATS)):
        yield _case((random_fault(kind, workload, random),), load, random)


def double_cases(random: Random) -> Iterator[Case]:
    """Two faults of any kinds at two workloads, at all loads equally often."""
    for number in range(PAIRS):
        faults = tuple(
            random_fault(random.choice(KINDS), name, random) for name in random.sample(WORKLOADS, 2)
        )
        yield _case(faults, LOADS[number % len(LOADS)], random)


def random_fault(kind: type[Broken], workload: str, random: Random) -> Broken:
    """A fault of that kind at the workload."""
    if kind is SlowDown:
        return SlowDown(workload, random.choice(FACTORS))
    if kind is InjectErrors:
        return InjectErrors(workload, random.choice(PERCENTS))
    return HangReplica(workload) if kind is HangReplica else KillReplica(workload)


def _case(faults: tuple[Broken, ...], load: float, random: Random) -> Case:
    return Case(faults, load, random.randrange(1, 10**6), random.randrange(5, 15), random.random())


def judge(case: Case, mesh: str, folder: Path, *, engine: str = "requests") -> Judged:
    """Run the case on a loop whose planner does nothing, so that the fault stays as it is."""
    arrival = f'kind = "steady"\nbase_requests_per_s = {case.requests_per_s:g}'
    name = f"steady-{case.requests_per_s:g}"
    scenario = write_scenario(folder, name, duration_s=6000, speed=7.5, arrival=arrival)
    settings = Settings(
        mesh=mesh, scenario=str(scenario), planner="static", seed=case.seed, engine=engine,
        runs=folder / "runs", preview=False, guard=False,
    )  # fmt: skip
    judged: list[Judged] = []

    async def script(live: LiveLoop) -> None:
        await live.up()
        await live.completed(case.after_cycles)
        # A loop that is late does not tell when its next tick is; the mesh's period does.
        await asyncio.sleep(case.later * 2.0)
        seen = len(live.cycles)
        for fault in case.faults:
            await live.controller.handle(Inject(fault))
        cycles = await live.completed(seen + TOLD)
        diagnoses = [cycle.diagnosis for cycle in cycles[seen - 1 : seen + TOLD]]
        judged.append(Judged(case, diagnoses[0], tuple(diagnoses[1:])))

    play(settings, script)
    return judged[0]


def confusion(judged: Iterable[Judged]) -> Table:
    """What was injected against what kind the likeliest suspect was said to be; single faults."""
    counts: Counter[tuple[str, str]] = Counter()
    for each in judged:
        suspects = each.after[JUDGED - 1].suspects
        right = each.is_found()
        said = f"{suspects[0].ailment}{'' if right else ', elsewhere'}" if suspects else "nothing"
        counts[AILMENTS[type(each.case.faults[0])].value, said] += 1
    columns = sorted({said for _, said in counts})
    table = Table("injected", *columns, title="Kind of the likeliest suspect", title_justify="left")
    for row in (ailment.value for ailment in AILMENTS.values()):
        table.add_row(row, *(str(counts[row, said] or "·") for said in columns))
    return table


def measure(seed: int, mesh: str, limit: int | None, engine: str) -> int:
    random = Random(seed)
    singles, doubles = list(single_cases(random)), list(double_cases(random))
    if limit is not None:
        singles, doubles = random.sample(singles, limit), doubles[: limit // 2]
    with tempfile.TemporaryDirectory() as folder:
        run = partial(judge, mesh=mesh, folder=Path(folder), engine=engine)
        alone, two = [run(case) for case in singles], [run(case) for case in doubles]
    console = Console(width=120)
    console.print(confusion(alone))
    for each in [*alone, *two]:
        if not each.is_found():
            said = "; ".join(suspect.sentence for suspect in each.after[JUDGED - 1].suspects[:2])
            console.print(f"missed: {each.case}: {said or 'no suspect'}", highlight=False)
    return show(f"Fault localisation on {mesh}, seed {seed}", list(_figures(alone, two)))


def _figures(alone: Sequence[Judged], two: Sequence[Judged]) -> Iterator[Figure]:
    yield _share(f"one fault: Top@1 in cycle {JUDGED}", [each.is_found() for each in alone], bar=0.9)
    yield _share(f"two faults: Top@1 in cycle {JUDGED}", [each.is_found() for each in two], bar=0.6)
    recall = sum(each.both for each in two) / len(two)
    yield Figure("two faults: both among the first two", f"{recall:.3f} (recall, n {len(two)})", "", None)
    for cycle in range(1, TOLD + 1):
        told = [each.is_found(cycle) for each in alone if not isinstance(each.case.faults[0], KillReplica)]
        yield _share(f"one slow-down or errors: Top@1 in cycle {cycle}", told)
    for load in LOADS:
        told = [each.is_found() for each in alone if each.case.requests_per_s == load]
        yield _share(f"one fault at {load:g} req/s", told)
    every = [*alone, *two]
    calm = [not any(suspect.is_fault for suspect in each.before.suspects) for each in every]
    yield _share("no suspected fault in the cycle before the fault", calm)
    violated = [each.after[JUDGED - 1] for each in every if each.after[JUDGED - 1].bottleneck]
    agree = [bool(d.suspects) and d.suspects[0].subject == d.bottleneck for d in violated]
    yield _share("the bottleneck of an SLO violation is the first suspect", agree)


def _share(what: str, right: Sequence[bool], *, bar: float | None = None) -> Figure:
    if not right:
        return Figure(what, "no case", "", None)
    share = sum(right) / len(right)
    told = f"{share:.3f} ({sum(right)} of {len(right)})"
    return Figure(
        what, told, "" if bar is None else f"at least {bar:.2f}", None if bar is None else share >= bar
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.localisation")
    parser.add_argument("--seed", type=int, default=20261129)
    parser.add_argument("--mesh", choices=("twin", "envoy"), default="twin")
    parser.add_argument("--engine", choices=("requests", "fast"), default="requests")
    parser.add_argument("--cases", type=int, help="single faults, and half as many pairs; all unless given")
    given = parser.parse_args()
    if given.mesh == "envoy":
        demo_services.install_dependencies()
    raise SystemExit(measure(given.seed, given.mesh, given.cases, given.engine))
