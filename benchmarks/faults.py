"""Faults on Envoy with `threshold`: what is named first, and how soon requests succeed again.

Kills, hangs (SIGSTOP), slow-downs and errors at every workload, at three loads, alone and two at a time. The
manifests have no probes, no timeouts, no retries and no outlier detection, so that nobody else helps.

Run: `python -m benchmarks.faults --seed N [--cases 1-60] [--results FILE]`

Every case is printed and kept in the results' file; cases that are in it are not run again.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import yaml

from benchmarks.live_loop import LiveLoop, play, write_scenario
from benchmarks.localisation import KINDS, LOADS, WORKLOADS, Broken, Case, random_fault
from benchmarks.report import Figure, show
from marskit.assembly.settings import Settings
from marskit.demo import DEMO_MANIFESTS, DEMO_SERVICES
from marskit.domain.actions import describe
from marskit.domain.commands import Inject
from marskit.domain.faults import HangReplica, InjectErrors, SlowDown
from marskit.domain.metrics import MeshSample
from marskit.domain.records import Outcome
from marskit.domain.topology import GATEWAY
from marskit.knowledge.format.codec import dumps, loads
from marskit.mesh.envoy import demo_services

SINGLES, PAIRS = 36, 24
CALM_CYCLES = (3, 6)
"""Fewest and most cycles before the fault."""
NAMED_WITHIN = 3
"""Number of cycles after the fault, the first of which to suspect anybody is judged."""
HANG_NAMED_WITHIN = 2
PERIODS = 5
"""Number of periods after the fault in which requests are counted."""
WITHIN = 4
FAILED_PERCENT = 2.0
PERIOD_S = 2.0
USUALLY_MORE = 3
"""By how much the number of requests in flight may differ at any moment without any being stuck."""
VARIANTS = ("recommendations-food", "recommendations-music")


@dataclass(frozen=True, slots=True)
class Result:
    """One case: who was suspected cycle by cycle, and the share of failed requests period by period."""

    number: int
    case: str
    faults: tuple[str, ...]
    """The kinds."""
    broken: tuple[str, ...]
    requests_per_s: float
    suspects: tuple[tuple[str, ...], ...]
    """By cycle, those with a fault, the likeliest first."""
    sentences: tuple[str, ...]
    """By cycle, that of the likeliest suspect; empty without one."""
    requests: tuple[int, ...]
    """Users' requests by period from the fault on."""
    failed: tuple[int, ...]
    """How many of them failed or got stuck."""
    actions: tuple[str, ...]
    has_alternative: bool

    @property
    def judged(self) -> int | None:
        """The first cycle with a suspect, from 1; None if there is none in time."""
        return next((n for n in range(1, NAMED_WITHIN + 1) if self.suspects[n - 1]), None)

    @property
    def is_found(self) -> bool:
        """Whether the likeliest suspect is one of the broken; a hang must be named in time."""
        within = HANG_NAMED_WITHIN if HangReplica.__name__ in self.faults else NAMED_WITHIN
        if self.judged is None or self.judged > within:
            return False
        return self.suspects[self.judged - 1][0] in self.broken

    @property
    def recovered(self) -> int | None:
        """The first period from which on few enough requests fail; None if there is none."""
        for n in range(PERIODS):
            if 100.0 * sum(self.failed[n:]) < FAILED_PERCENT * sum(self.requests[n:]):
                return n + 1
        return None


@dataclass(frozen=True, slots=True)
class Stored:
    """One line of the results' file."""

    seed: int
    result: Result


def cases(seed: int) -> list[Case]:
    """60 cases: every kind, workload and load about equally often, two thirds of them with one fault."""
    random = Random(seed)
    alone = random.sample(list(product(LOADS, WORKLOADS, KINDS)), SINGLES)
    drawn = [_case((random_fault(kind, name, random),), load, random) for load, name, kind in alone]
    for number in range(PAIRS):
        names = random.sample(WORKLOADS, 2)
        faults = tuple(random_fault(random.choice(KINDS), name, random) for name in names)
        drawn.append(_case(faults, LOADS[number % len(LOADS)], random))
    return drawn


def _case(faults: tuple[Broken, ...], load: float, random: Random) -> Case:
    return Case(faults, load, random.randrange(1, 10**6), random.randint(*CALM_CYCLES), random.random())


def has_alternative(case: Case) -> bool:
    """Whether, for every fault, another replica or another subset is healthy.

    Slow-downs and errors are those of all replicas of a workload, so only another subset can help.
    """
    return all(
        not isinstance(fault, SlowDown | InjectErrors)
        or (fault.workload in VARIANTS and not set(VARIANTS) <= case.broken)
        for fault in case.faults
    )


def bare_manifests(folder: Path) -> tuple[Path, ...]:
    """The demo's manifests without anything that handles faults, in `folder`."""
    for source in (file for path in DEMO_MANIFESTS for file in sorted(path.glob("*.yaml"))):
        documents = [_bare(document) for document in yaml.safe_load_all(source.read_text()) if document]
        (folder / source.name).write_text(yaml.safe_dump_all(documents))
    (folder / "kustomization.yaml").unlink()
    return (folder,)


def _bare(document: dict[str, Any]) -> dict[str, Any]:
    spec = document.get("spec", {})
    match document["kind"]:
        case "Deployment":
            template = spec["template"]
            template["metadata"]["annotations"]["marskit.dev/directory"] = str(DEMO_SERVICES)
            for container in template["spec"]["containers"]:
                for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                    container.pop(probe, None)
        case "VirtualService":
            for route in spec["http"]:
                route.pop("timeout", None)
                route.pop("retries", None)
        case "DestinationRule":
            spec["trafficPolicy"].pop("outlierDetection", None)
    return document


def run(number: int, case: Case, *, mesh: str, manifests: tuple[Path, ...], folder: Path) -> Result:
    """Run one case."""
    arrival = f'kind = "steady"\nbase_requests_per_s = {case.requests_per_s:g}'
    scenario = write_scenario(
        folder, f"steady-{case.requests_per_s:g}", duration_s=6000, speed=7.5, arrival=arrival
    )
    settings = Settings(
        mesh=mesh, manifests=manifests, scenario=str(scenario), planner="threshold", seed=case.seed,
        runs=folder / "runs", baselines=False,
    )  # fmt: skip
    samples: list[MeshSample] = []
    results: list[Result] = []

    async def script(live: LiveLoop) -> None:
        controller = live.controller
        source = controller._mesh  # single samples are not published
        read = source.sample

        async def sample() -> MeshSample:
            samples.append(await read())
            return samples[-1]

        source.sample = sample  # type: ignore[method-assign] # to record samples
        await live.up()
        await live.completed(case.after_cycles)
        await asyncio.sleep(case.later * PERIOD_S)
        seen, begun_s = len(live.cycles), samples[-1].at_s
        for fault in case.faults:
            await controller.handle(Inject(fault))
        cycles = await live.completed(seen + PERIODS)
        # Cycles are late on a busy machine and may be early after a sleep; the periods are complete then.
        await asyncio.sleep(max(0.0, begun_s + (PERIODS + 0.5) * PERIOD_S - samples[-1].at_s))
        after = cycles[seen : seen + PERIODS]
        counts = [_counted(samples, begun_s, period) for period in range(PERIODS)]
        done = [execution for cycle in after for execution in cycle.executions]
        results.append(
            Result(
                number,
                str(case),
                tuple(type(fault).__name__ for fault in case.faults),
                tuple(sorted(case.broken)),
                case.requests_per_s,
                tuple(tuple(s.subject for s in cycle.diagnosis.suspects if s.is_fault) for cycle in after),
                tuple(next((s.sentence for s in cycle.diagnosis.suspects), "") for cycle in after),
                tuple(requests for requests, _ in counts),
                tuple(failed for _, failed in counts),
                tuple(
                    f"{e.at_s - begun_s:.1f} s: {describe(e.action)}"
                    f"{'' if e.outcome is Outcome.APPLIED else f', not done: {e.reason}'}"
                    for e in done
                ),
                has_alternative(case),
            )
        )

    play(settings, script)
    return results[0]


def _counted(samples: Sequence[MeshSample], begun_s: float, period: int) -> tuple[int, int]:
    """Users' requests in a period after the fault, and how many of them failed or got stuck.

    A request that gets stuck counts in the period in which it did, and not again when it is given up.
    """
    since_s, until_s = begun_s + period * PERIOD_S, begun_s + (period + 1) * PERIOD_S
    finished = failed = 0
    for sample in samples:
        if since_s < sample.at_s <= until_s:
            entering = [edge for edge in sample.edges if edge.edge.source == GATEWAY]
            finished += sum(edge.requests for edge in entering)
            failed += sum(edge.failures for edge in entering)
    usual = _in_flight(samples, begun_s) + USUALLY_MORE
    more = max(0, _in_flight(samples, until_s) - usual) - max(0, _in_flight(samples, since_s) - usual)
    return max(finished + more, 0), max(failed + more, 0)


def _in_flight(samples: Sequence[MeshSample], at_s: float) -> int:
    """The users' requests in flight at the last sample until then."""
    last = [sample for sample in samples if sample.at_s <= at_s][-1]
    return sum(edge.in_flight or 0 for edge in last.edges if edge.edge.source == GATEWAY)


def measure(seed: int, mesh: str, chosen: range, results: Path) -> int:
    """Run the cases that have no result yet, and print all figures."""
    known = dict(_stored(results, seed))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "manifests").mkdir()
        manifests = bare_manifests(folder / "manifests")
        for number, case in enumerate(cases(seed), 1):
            if number in chosen and number not in known:
                known[number] = run(number, case, mesh=mesh, manifests=manifests, folder=folder)
                with results.open("a", encoding="utf-8") as file:
                    file.write(dumps(Stored(seed, known[number]), Stored) + "\n")
            if number in known and number in chosen:
                _print(known[number])
    every = [known[number] for number in sorted(known) if number in chosen]
    return show(f"Faults on {mesh}, seed {seed}, {len(every)} cases", list(_figures(every)))


def _stored(file: Path, seed: int) -> Iterator[tuple[int, Result]]:
    if not file.exists():
        return
    for line in file.read_text(encoding="utf-8").splitlines():
        stored = loads(line, Stored)
        if stored.seed == seed:
            yield stored.result.number, stored.result


def _print(result: Result) -> None:
    named = "right" if result.is_found else "WRONG"
    failed = ", ".join(f"{few} of {all_}" for few, all_ in zip(result.failed, result.requests, strict=True))
    recovered = f"back in period {result.recovered}" if result.recovered else "not back"
    alternative = "" if result.has_alternative else " (no alternative)"
    print(f"{result.number:2} {result.case}: {named}; failed {failed}: {recovered}{alternative}", flush=True)
    said = (
        f"in cycle {result.judged}: {result.sentences[result.judged - 1]}" if result.judged else "no suspect"
    )
    print(f"     {said}", flush=True)
    print(f"     {'; '.join(result.actions) or 'no action'}", flush=True)


def _figures(results: Sequence[Result]) -> Iterator[Figure]:
    alone = [result for result in results if len(result.faults) == 1]
    two = [result for result in results if len(result.faults) == 2]
    hangs = [result for result in alone if result.faults[0] == HangReplica.__name__]
    yield _share("one fault: the right one first", [result.is_found for result in alone], 0.9)
    yield _share("two faults: one of them first", [result.is_found for result in two], 0.6)
    yield _share(
        f"one hang: named within {HANG_NAMED_WITHIN} periods", [result.is_found for result in hangs], 1.0
    )
    for kind in KINDS:
        of_kind = [result.is_found for result in alone if result.faults[0] == kind.__name__]
        yield _share(f"one {kind.__name__}: the right one first", of_kind, None)
    curable = [result for result in results if result.has_alternative]
    back = [result.recovered is not None and result.recovered <= WITHIN for result in curable]
    what = f"failed requests under {FAILED_PERCENT:g} % within {WITHIN} periods, with an alternative"
    yield _share(what, back, 1.0)


def _share(what: str, right: Sequence[bool], bar: float | None) -> Figure:
    if not right:
        return Figure(what, "no case", "", None)
    share = sum(right) / len(right)
    met = None if bar is None else share >= bar
    target = "" if bar is None else f"at least {bar:.2f}"
    return Figure(what, f"{share:.3f} ({sum(right)} of {len(right)})", target, met)


def _numbers(text: str) -> range:
    """`1-60` or `7`."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--mesh", choices=("twin", "envoy"), default="envoy")
    parser.add_argument(
        "--cases", type=_numbers, default=range(1, SINGLES + PAIRS + 1), help="such as 1-12 (default: all)"
    )
    parser.add_argument("--results", type=Path, help="keep results here (default: a file in the temp folder)")
    given = parser.parse_args()
    if given.mesh == "envoy":
        demo_services.install_dependencies()
    kept = given.results or Path(tempfile.gettempdir()) / f"marskit-faults-{given.mesh}-{given.seed}.ndjson"
    raise SystemExit(measure(given.seed, given.mesh, given.cases, kept))
