"""Planners on loads that no policy was trained or chosen on: six shapes, ten draws each.

Run: `python -m benchmarks.learned` on the twin, in half an hour, or, in some fifty minutes,
`python -m benchmarks.learned --mesh envoy --draws 3 --shapes 3` on the real mesh and the twin beside it.
Report and numbers are left in `held-out`. `--drawn-with 2001` draws other loads, to choose policies by.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console

from benchmarks.loads import DRAWN_WITH, SHAPES, draw, shape_of
from benchmarks.ranks import kendall_tau
from benchmarks.report import Figure, show
from marskit.agents.hpa_behaviour import TARGETS_PERCENT, WINDOWS_S
from marskit.assembly.settings import Settings
from marskit.compare.files import write_parquet
from marskit.compare.jobs import Failed, Measured, grid
from marskit.compare.page import page
from marskit.compare.runner import run_all
from marskit.compare.summary import summarise
from marskit.mesh.simulator.arrays import Floats, Whole
from marskit.statistics import RESAMPLES, Estimate, mean_difference
from marskit.training.evaluate import read_off

FRONT = (
    "hpa",
    *(
        f"hpa:{target}:{window_s}"
        for target in (30, 40, *TARGETS_PERCENT)
        for window_s in WINDOWS_S
        if (target, window_s) != (70, 300)  # which is plain `hpa`
    ),
)
"""Wherever an autoscaler may be tuned, and two targets that pay for as few violations as policies."""
RIVALS = ("static", "demand", "lookahead", "ppo", "sac", "oracle")
READ = ("demand", "lookahead", "ppo", "sac")
"""Those that are held against the front."""
LEARNED = ("ppo", "sac")
FEWER_VIOLATIONS, FEWER_REPLICAS = 60, 30
"""Percent; one of the two was aimed at."""
ON_ENVOY = ("static", "hpa:60:0", "demand", "ppo", "sac")
DURATION_S = {"twin": 900, "envoy": 450}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mesh", choices=("twin", "envoy"), default="twin")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--shapes", type=int, default=len(SHAPES))
    parser.add_argument("--drawn-with", type=int, default=DRAWN_WITH)
    parser.add_argument("--out", type=Path, default=Path("held-out"))
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shapes = tuple(SHAPES)[-parsed.shapes :]
        scenarios = draw(Path(folder), shapes, DURATION_S[parsed.mesh], parsed.draws, parsed.drawn_with)
        stamp = {"command": "python -m benchmarks.learned", "drawn with": str(parsed.drawn_with)}
        return measure(scenarios, parsed.mesh, tuple(range(1, parsed.seeds + 1)), parsed.out, stamp)


def measure(
    scenarios: Sequence[str], mesh: str, seeds: tuple[int, ...], out: Path, stamp: dict[str, str]
) -> int:
    """Run everybody, leave the report in `out`, and show the figures; 1 when a bar was missed."""
    planners = (*RIVALS, *FRONT) if mesh == "twin" else ON_ENVOY
    measured = run(planners, scenarios, seeds, mesh, out)
    if measured is None:
        return 1
    report = page(summarise(measured), measured, stamp | {"mesh": mesh})
    (out / "report.html").write_text(report, encoding="utf-8")
    found = figures(measured, mesh)
    if mesh == "envoy":
        simulated = run(planners, scenarios, seeds, "twin", out / "twin")
        if simulated is None:
            return 1
        found += [*figures(simulated, "twin beside it"), *agreement(simulated, measured)]
    return show(f"Held-out loads on the {mesh}", found)


def run(
    planners: Sequence[str], scenarios: Sequence[str], seeds: tuple[int, ...], mesh: str, out: Path
) -> list[Measured] | None:
    """Run the grid and keep its numbers in `out`; None, with the reasons told, when a run failed."""
    jobs = list(grid(planners, scenarios, seeds, Settings(mesh=mesh, runs=out / "runs")))
    done: list[str] = []

    def tell(job: object, result: object) -> None:
        done.append(str(job))
        if len(done) % 20 == 0 or mesh == "envoy":
            Console(stderr=True).print(f"{len(done)} of {len(jobs)} runs")

    results = run_all(jobs, tell)
    for failed in results:
        if isinstance(failed, Failed):
            Console(stderr=True).print(f"{failed.job.name}: {failed.reason}")
    broken = {(r.job.scenario, r.job.seed) for r in results if isinstance(r, Failed)}
    measured = [r for r in results if isinstance(r, Measured) and (r.scenario, r.seed) not in broken]
    out.mkdir(parents=True, exist_ok=True)
    write_parquet(out, measured)
    return None if broken else measured


def figures(measured: Sequence[Measured], mesh: str) -> list[Figure]:
    means = means_of(measured)
    found = [
        Figure(
            planner if mesh in DURATION_S else f"{planner}, {mesh}",
            f"{violations:.2f} violation minutes, {replicas:.1f} replica-minutes, utility {utility:.2f}/s",
            "",
            None,
        )
        for planner, (violations, replicas, utility) in means.items()
    ]
    if mesh == "twin":
        found += _against_the_front(_table(measured))
        best = max(means[name][2] for name in LEARNED)
        found.append(
            Figure(
                "utility of the better one, as a share of the oracle's",
                f"{100 * best / means['oracle'][2]:.1f} %",
                "90 %",
                best >= 0.9 * means["oracle"][2],
            )
        )
    breaches = sum(m.breaches for m in measured)
    found.append(Figure("executed actions outside the shield's bounds", str(breaches), "0", breaches == 0))
    return found


def _against_the_front(table: dict[str, Floats]) -> list[Figure]:
    """Both readings of every planner with their intervals, and what was aimed at."""
    found, readings = [], {}
    for name in READ:
        reading = readings[name] = read(table, name)
        low, high = intervals(table, name)
        found.append(
            Figure(
                f"{name}: fewer violation minutes than the autoscaler's front at equal replica-minutes",
                f"{reading.fewer_violations:.0f} % (95 %: {low[0]:.0f} to {high[0]:.0f}), "
                f"not {reading.violations:.2f}",
                "",
                None,
            )
        )
        bound = "" if reading.is_reached else "at least, for no autoscaler has so few violations: "
        found.append(
            Figure(
                f"{name}: fewer replica-minutes than the front at equal violation minutes",
                f"{bound}{reading.fewer_replicas:.0f} % (95 %: {low[1]:.0f} to {high[1]:.0f}), "
                f"not {reading.replicas:.1f}",
                "",
                None,
            )
        )
    violations = max(readings[name].fewer_violations for name in LEARNED)
    replicas = max(readings[name].fewer_replicas for name in LEARNED)
    found.append(
        Figure(
            "the better of PPO and SAC against the autoscaler's front",
            f"{violations:.0f} % fewer violation minutes, {replicas:.0f} % fewer replica-minutes",
            f"{FEWER_VIOLATIONS} % or {FEWER_REPLICAS} %",
            violations >= FEWER_VIOLATIONS or replicas >= FEWER_REPLICAS,
        )
    )
    return found


def _table(measured: Sequence[Measured]) -> dict[str, Floats]:
    """By planner: (shapes, draws, seeds, 3) violation minutes, replica-minutes, utility per second."""
    scenarios = list(dict.fromkeys(m.scenario for m in measured))
    seeds = list(dict.fromkeys(m.seed for m in measured))
    shapes = len({shape_of(scenario) for scenario in scenarios})
    table = {m.planner: np.zeros((len(scenarios), len(seeds), 3)) for m in measured}
    for m in measured:
        table[m.planner][scenarios.index(m.scenario), seeds.index(m.seed)] = (
            m.violation_minutes,
            m.replica_minutes,
            m.utility_per_s,
        )
    return {planner: runs.reshape(shapes, -1, len(seeds), 3) for planner, runs in table.items()}


class Reading(NamedTuple):
    """A planner beside the whole front of the autoscaler."""

    fewer_violations: float
    """Percent, at equal replica-minutes."""
    violations: float
    """Minutes of the front there."""
    fewer_replicas: float
    """Percent, at equal violation minutes."""
    replicas: float
    """Replica-minutes of the front there."""
    is_reached: bool
    """Whether the front has so few violations; if not, its dearest tuning stands in, a lower bound."""


def read(table: dict[str, Floats], name: str) -> Reading:
    """Both readings of a planner's means, of a `_table`."""
    violations, replicas = (float(mean) for mean in table[name].mean(axis=(0, 1, 2))[:2])
    front = [tuple(float(mean) for mean in table[hpa].mean(axis=(0, 1, 2))[:2]) for hpa in FRONT]
    there = read_off([(dear, bad) for bad, dear in front], replicas)
    dear = read_off([(bad, dear) for bad, dear in front], violations)
    return Reading(
        100 * (1 - violations / there) if there else 0.0,
        there,
        100 * (1 - replicas / dear),
        dear,
        violations >= min(bad for bad, _ in front),
    )


def intervals(table: dict[str, Floats], name: str) -> tuple[Floats, Floats]:
    """95 % bootstrap intervals of the two readings, their lower ends and their upper ones."""
    both = []
    for rows in resamples(table[name]):
        reading = read({planner: table[planner][rows] for planner in (name, *FRONT)}, name)
        both.append((reading.fewer_violations, reading.fewer_replicas))
    low, high = np.quantile(both, (0.025, 0.975), axis=0)
    return low, high


def resamples(runs: Floats) -> Iterator[tuple[Whole, Whole, Whole]]:
    """What bootstrap draws of (shapes, draws, seeds, ...): draws of every shape, and seeds of every draw."""
    rng = np.random.default_rng(0)
    shapes, draws, seeds = runs.shape[:3]
    of_all = np.arange(shapes)[:, None, None]
    for _ in range(RESAMPLES):
        of_shape = rng.integers(draws, size=(shapes, draws))[:, :, None]
        yield of_all, of_shape, rng.integers(seeds, size=(shapes, draws, seeds))


def means_of(measured: Sequence[Measured]) -> dict[str, tuple[float, float, float]]:
    """By planner: violation minutes, replica-minutes, utility per second."""
    return {
        planner: (
            float(np.mean([m.violation_minutes for m in measured if m.planner == planner])),
            float(np.mean([m.replica_minutes for m in measured if m.planner == planner])),
            float(np.mean([m.utility_per_s for m in measured if m.planner == planner])),
        )
        for planner in dict.fromkeys(m.planner for m in measured)
    }


def agreement(twin: Sequence[Measured], envoy: Sequence[Measured]) -> list[Figure]:
    """How far the twin and the real mesh say the same of the same planners on the same loads."""
    simulated, real = _table(twin), _table(envoy)
    pairs = [(policy, rival) for policy in LEARNED for rival in real if rival not in LEARNED]
    found, same = [], 0
    for policy, rival in pairs:
        there, here = difference(simulated, policy, rival), difference(real, policy, rival)
        same += there.value * here.value > 0
        found.append(
            Figure(
                f"utility of {policy} less that of {rival}: twin, Envoy",
                f"{_of(there)}, {_of(here)}",
                "",
                None,
            )
        )
    by_violations, by_utility = rankings(simulated, real, 0), rankings(simulated, real, 2)
    return [
        *found,
        Figure("differences of the same sign", f"{same} of {len(pairs)}", "all", same == len(pairs)),
        Figure(
            "Kendall's tau of the ranking by violation minutes",
            _of(by_violations),
            "0.8",
            by_violations.value >= 0.8,
        ),
        Figure("Kendall's tau of the ranking by utility", _of(by_utility), "", None),
    ]


def difference(table: dict[str, Floats], ours: str, theirs: str) -> Estimate:
    """Of the utility per second of two planners on the same loads, resampled within every shape."""
    return mean_difference(*([runs[..., 2].ravel() for runs in table[name]] for name in (ours, theirs)))


def rankings(ours: dict[str, Floats], theirs: dict[str, Floats], column: int) -> Estimate:
    """Kendall's tau of the planners' means by one column of two tables, the same loads drawn for both."""

    def tau(*rows: Whole) -> float:
        return kendall_tau(
            *([float(t[name][rows][..., column].mean()) for name in ours] for t in (ours, theirs))
        )

    shown = next(iter(ours.values()))
    low, high = np.quantile([tau(*rows) for rows in resamples(shown)], (0.025, 0.975))
    return Estimate(tau(), float(low), float(high), shown[..., 0].size)


def _of(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


if __name__ == "__main__":
    raise SystemExit(main())
