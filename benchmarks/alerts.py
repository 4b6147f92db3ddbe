"""Alerts over simulated days: false alerts without an SLO violation, and how soon violations are found.

A day has 86,400 scenario seconds, a quiet night, a busy noon, and a request in a thousand that fails.

Run: `python -m benchmarks.alerts [--days 3] [--seed N] [--processes 2]`
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import median

from benchmarks.live_loop import LiveLoop, Script, play, write_scenario
from benchmarks.report import Figure, show
from marskit.assembly.settings import Settings
from marskit.domain.commands import Inject
from marskit.domain.diagnosis import Diagnosis, Severity, SymptomKind
from marskit.domain.faults import Fault, InjectErrors, SlowDown, describe_fault
from marskit.domain.records import Cycle
from marskit.mapek.analyse.burn import HOUR_S, RULES

SPEED = 7.5
PERIOD_S = 15.0
"""Scenario seconds from one cycle to the next."""
DAY_S = 86_400.0
NOISE_PERCENT = 0.1
WARM_CYCLES = 30
BREACHES: tuple[Callable[[Random], Fault], ...] = (
    lambda random: InjectErrors("payments", random.uniform(2.0, 4.0)),
    lambda random: InjectErrors("orders", random.uniform(4.0, 10.0)),
    lambda random: InjectErrors("recommendations-food", random.uniform(10.0, 25.0)),
    lambda random: InjectErrors("payments", random.uniform(20.0, 60.0)),
    lambda random: SlowDown("payments", random.uniform(2.5, 3.5)),
    lambda random: SlowDown("payments", random.uniform(4.0, 6.0)),
    lambda random: SlowDown("recommendations-music", random.uniform(5.0, 8.0)),
    lambda random: SlowDown("orders", random.uniform(12.0, 18.0)),
)
REPEATS = 2

Alarm = tuple[str, str, str]
"""Kind, subject, and what tells alarms of one kind apart."""


def alarms(diagnosis: Diagnosis) -> set[Alarm]:
    """What is up in one cycle."""
    watched = (SymptomKind.BURN_RATE, SymptomKind.ANOMALY, SymptomKind.DRIFT)
    up = {
        (symptom.kind.value, symptom.subject, symptom.evidence[0].metric)
        for symptom in diagnosis.symptoms
        if symptom.kind in watched
    }
    faults = [suspect for suspect in diagnosis.suspects if suspect.is_fault]
    return up | {("suspected fault", suspect.subject, suspect.ailment.value) for suspect in faults}


def raised(cycles: Iterable[Diagnosis]) -> Counter[str]:
    """How often each kind of alarm was raised."""
    counts: Counter[str] = Counter()
    for before, now in pairwise([set(), *map(alarms, cycles)]):
        counts.update(kind for kind, _, _ in now - before)
    return counts


def quiet_day(seed: int) -> tuple[list[Diagnosis], float]:
    """The diagnoses of one day without an SLO violation, and the median CPU ms of a cycle."""
    arrival = (
        f'kind = "diurnal"\nbase_requests_per_s = 15\npeak_requests_per_s = 70\n'
        f"period_s = {DAY_S:g}\npeak_at_s = {DAY_S / 2:g}"
    )
    diagnoses: list[Diagnosis] = []
    cpu_ms: list[float] = []

    async def script(live: LiveLoop) -> None:
        await live.up()
        await live.controller.handle(Inject(InjectErrors("payments", NOISE_PERCENT)))
        for _ in range(round(DAY_S / PERIOD_S)):
            (cycle, *_) = await live.completed(1)
            live.cycles.clear()
            diagnoses.append(cycle.diagnosis)
            cpu_ms.append(cycle.cpu_ms)

    _play("day", arrival, seed, script)
    return diagnoses, median(cpu_ms)


@dataclass(frozen=True, slots=True)
class Breach:
    """One breach and what became of it."""

    fault: Fault
    requests_per_s: float
    burn: float
    """The fastest that a budget was spent, in the middle of the breach's cycles; a breach is above 1."""
    found_after: int | None
    """Cycles until a budget alert was up; None if none came."""
    severity: Severity | None
    first_sign_after: int | None
    """Cycles until anything pointed to it."""


def breach(fault: Fault, rate: float, seed: int) -> Breach:
    """Break something for as long as the slowest rule looks back, or until the alert."""
    most = round(RULES[-1].long_h * HOUR_S / PERIOD_S)
    told: list[Breach] = []

    async def script(live: LiveLoop) -> None:
        await live.up()
        await live.completed(WARM_CYCLES)
        await live.controller.handle(Inject(fault))
        burns: list[float] = []
        first = None
        for number in range(1, most + 1):
            cycle = (await live.completed(WARM_CYCLES + number))[-1]
            burns.append(_burn(cycle))
            if alarms(cycle.diagnosis) and first is None:
                first = number
            up = [s for s in cycle.diagnosis.symptoms if s.kind is SymptomKind.BURN_RATE]
            if up:
                told.append(Breach(fault, rate, median(burns), number, up[0].severity, first))
                return
        told.append(Breach(fault, rate, median(burns), None, None, first))

    _play("breach", f'kind = "steady"\nbase_requests_per_s = {rate:g}', seed, script)
    return told[0]


def _burn(cycle: Cycle) -> float:
    """How fast the budget that is spent fastest is spent: the objectives allow 1 % failures and 5 % slow."""
    services = [s for s in cycle.observation.services if s.slow_percent is not None]
    return max(max((s.error_percent or 0.0) / 1.0, (s.slow_percent or 0.0) / 5.0) for s in services)


def _play(name: str, arrival: str, seed: int, script: Script) -> None:
    """Run the script on a loop whose planner does nothing, so that a breach stays what it is."""
    with tempfile.TemporaryDirectory() as folder:
        scenario = write_scenario(Path(folder), name, duration_s=DAY_S, speed=SPEED, arrival=arrival)
        settings = Settings(
            mesh="twin", scenario=str(scenario), planner="static", seed=seed, runs=Path(folder) / "runs",
            preview=False, guard=False,
        )  # fmt: skip
        play(settings, script)


def measure(days: int, seed: int, processes: int) -> int:
    random = Random(seed)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        quiet = [pool.submit(quiet_day, random.randrange(10**6)) for _ in range(days)]
        broken = [
            pool.submit(breach, draw(random), random.choice((20.0, 40.0, 60.0)), random.randrange(10**6))
            for draw in BREACHES
            for _ in range(REPEATS)
        ]
        found = [_told(each.result()) for each in broken]
        passed = [each.result() for each in quiet]
    return show(f"Alerts, seed {seed}", list(_figures(passed, found)))


def _told(each: Breach) -> Breach:
    print(
        f"{describe_fault(each.fault):<40} at {each.requests_per_s:g} req/s: burn rate {each.burn:.1f}, "
        f"{each.severity or 'no alert'} after {each.found_after} cycles, "
        f"first sign after {each.first_sign_after}",
        flush=True,
    )
    return each


def _figures(
    passed: Sequence[tuple[Sequence[Diagnosis], float]], found: Sequence[Breach]
) -> Iterator[Figure]:
    days = len(passed)
    cycles = [diagnosis for diagnoses, _ in passed for diagnosis in diagnoses]
    missed = sum(diagnosis.slo_met is False for diagnosis in cycles)
    yield Figure(f"cycles with an SLO violation, of {len(cycles)}", str(missed), "", None)
    counts = sum((raised(diagnoses) for diagnoses, _ in passed), Counter[str]())
    for kind in (SymptomKind.BURN_RATE, SymptomKind.ANOMALY, SymptomKind.DRIFT, "suspected fault"):
        bar = kind is SymptomKind.BURN_RATE
        a_day = counts[str(kind)] / days
        told = f"{a_day:.2f} a day ({counts[str(kind)]} in {days})"
        yield Figure(f"false alerts: {kind}", told, "at most 1" if bar else "", a_day <= 1 if bar else None)
    real = [each for each in found if each.burn > 1.0]
    seen = [each.found_after for each in real if each.found_after is not None]
    yield Figure("SLO violations found", f"{len(seen)} of {len(real)}", "all", len(seen) == len(real))
    for low, high, name in ((1, 6, "1 to 6"), (6, 14.4, "6 to 14.4"), (14.4, 1e9, "more than 14.4")):
        some = [each for each in real if low < each.burn <= high]
        delays = [each.found_after for each in some if each.found_after is not None]
        signs = [each.first_sign_after for each in some if each.first_sign_after is not None]
        if delays:
            alert = f"alert after {median(delays):.0f} cycles (at most {max(delays)}, n {len(delays)})"
            sign = f", first sign after {median(signs):.0f}" if signs else ""
            yield Figure(f"burn rate {name}", f"{alert}{sign}", "", None)
    yield Figure("CPU of a whole cycle", f"p50 {median(cpu_ms for _, cpu_ms in passed):.1f} ms", "", None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alerts")
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--seed", type=int, default=20261129)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    raise SystemExit(measure(given.days, given.seed, given.processes))
