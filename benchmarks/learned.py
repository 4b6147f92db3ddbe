"""Planners on loads that no policy was trained or chosen on: six random shapes, several seeds each.

Run: `python -m benchmarks.learned` (the twin, about fifteen minutes), or with `--mesh envoy --seeds 2
--shapes 3` on the real mesh, the twin beside it (about half an hour). Report and numbers are left in the
folder `held-out`.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.report import Figure, show
from marskit.compare.files import write_parquet
from marskit.compare.jobs import Failed, Measured, grid
from marskit.compare.page import page
from marskit.compare.runner import run_all
from marskit.compare.statistics import kendall_tau
from marskit.compare.summary import summarise
from marskit.mesh.simulator.arrays import Floats
from marskit.settings import Settings
from marskit.training.evaluate import read_off

DRAWN_WITH = 20261128
"""Chosen after the shipped policies were trained."""
FRONT = tuple(f"hpa:{target}:{window_s}" for target in (50, 60, 70, 80) for window_s in (0, 60, 300))
RIVALS = ("static", "hpa", "demand", "lookahead", "ppo", "sac", "oracle")
ON_ENVOY = ("static", "hpa:60:0", "demand", "ppo", "sac")
DURATION_S = {"twin": 900, "envoy": 450}

SHAPES = {
    "steady": {"base_requests_per_s": (60, 120)},
    "ramp": {"base": (15, 40), "peak": (90, 150), "from_s": (40, 100), "until_s": (200, 400)},
    "diurnal": {"base": (15, 35), "peak": (90, 150), "period_s": (250, 450), "peak_at_s": (100, 200)},
    "spike": {
        "base": (25, 45),
        "peak": (100, 150),
        "from_s": (60, 120),
        "until_s": (220, 380),
        "edge_s": (5, 30),
    },
    "flash-crowd": {"base": (20, 40), "peak": (110, 160), "at_s": (60, 150), "decay_s": (60, 140)},
    "on-off": {
        "base": (20, 35),
        "peak": (90, 130),
        "period_s": (120, 220),
        "on_s": (40, 100),
        "from_s": (0, 60),
    },
}
_REQUESTS = """
[[request]]
name = "order"
method = "POST"
path = "/orders"
weight = 9
json = { item = "book", quantity = 1, amount = 10.0 }

[[request]]
name = "list orders"
method = "GET"
path = "/orders"
"""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mesh", choices=("twin", "envoy"), default="twin")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--shapes", type=int, default=len(SHAPES))
    parser.add_argument("--out", type=Path, default=Path("held-out"))
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scenarios = draw(Path(folder), tuple(SHAPES)[-parsed.shapes :], DURATION_S[parsed.mesh])
        return measure(scenarios, parsed.mesh, tuple(range(1, parsed.seeds + 1)), parsed.out)


def draw(folder: Path, shapes: Sequence[str], duration_s: int) -> list[str]:
    """A scenario of every shape; the paths of the files."""
    rng = np.random.default_rng(DRAWN_WITH)
    files = []
    for shape, ranges in SHAPES.items():
        drawn = {name: round(float(rng.uniform(*limits)), 1) for name, limits in ranges.items()}
        arrival = "\n".join(
            f"{f'{name}_requests_per_s' if name in ('base', 'peak') else name} = {value}"
            for name, value in drawn.items()
        )
        path = folder / f"{shape}.toml"
        path.write_text(
            f'title = "{shape}"\ndescription = "Held out."\nduration_s = {duration_s}\n'
            f'speed = 7.5\nusers = 40\n[arrival]\nkind = "{shape}"\n{arrival}\n{_REQUESTS}'
        )
        if shape in shapes:
            files.append(str(path))
    return files


def measure(scenarios: Sequence[str], mesh: str, seeds: tuple[int, ...], out: Path) -> int:
    planners = (*RIVALS, *FRONT) if mesh == "twin" else ON_ENVOY
    measured = run(planners, scenarios, seeds, mesh, out)
    if measured is None:
        return 1
    stamp = {"command": "python -m benchmarks.learned", "mesh": mesh, "drawn with": str(DRAWN_WITH)}
    (out / "report.html").write_text(page(summarise(measured), measured, stamp), encoding="utf-8")
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
        table = _table(measured)
        for name in ("demand", "lookahead", "ppo", "sac"):
            fewer, at_equal = _fewer(table, name)
            low, high = _interval(table, name)
            is_learned = name in ("ppo", "sac")
            found.append(
                Figure(
                    f"{name}: fewer violation minutes than the autoscaler's front at equal replica-minutes",
                    f"{fewer:.0f} % (95 %: {low:.0f} to {high:.0f}), not {at_equal:.2f} min",
                    "60 % by the better of PPO and SAC" if is_learned else "",
                    fewer >= 60 if is_learned else None,
                )
            )
        best = max(means["ppo"][2], means["sac"][2])
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


def _table(measured: Sequence[Measured]) -> dict[str, Floats]:
    """By planner: (shapes, seeds, 2) violation minutes and replica-minutes."""
    shapes = list(dict.fromkeys(m.scenario for m in measured))
    seeds = list(dict.fromkeys(m.seed for m in measured))
    table = {m.planner: np.zeros((len(shapes), len(seeds), 2)) for m in measured}
    for m in measured:
        at = shapes.index(m.scenario), seeds.index(m.seed)
        table[m.planner][at] = m.violation_minutes, m.replica_minutes
    return table


def _fewer(table: dict[str, Floats], name: str) -> tuple[float, float]:
    """By how many percent violations are fewer than the front's at as many replica-minutes, and those."""
    means = {planner: runs.mean(axis=(0, 1)) for planner, runs in table.items()}
    front = [(float(means[hpa][1]), float(means[hpa][0])) for hpa in ("hpa", *FRONT)]
    at_equal = read_off(front, float(means[name][1]))
    return (100 * (1 - float(means[name][0]) / at_equal) if at_equal else 0.0), at_equal


def _interval(table: dict[str, Floats], name: str) -> tuple[float, float]:
    """A 95 % bootstrap interval of the former over the seeds of each shape, the same for all planners."""
    rng = np.random.default_rng(0)
    shapes, seeds, _ = next(iter(table.values())).shape
    rows = np.arange(shapes)[:, None]
    fewer = []
    for _ in range(1000):
        drawn = rng.integers(seeds, size=(shapes, seeds))
        fewer.append(_fewer({planner: runs[rows, drawn] for planner, runs in table.items()}, name)[0])
    low, high = np.quantile(fewer, (0.025, 0.975))
    return float(low), float(high)


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
    simulated, real = means_of(twin), means_of(envoy)
    names = list(real)
    tau = kendall_tau([simulated[n][0] for n in names], [real[n][0] for n in names])
    by_utility = kendall_tau([simulated[n][2] for n in names], [real[n][2] for n in names])
    signs = {
        f"{policy} against {rival}": (
            simulated[policy][2] - simulated[rival][2],
            real[policy][2] - real[rival][2],
        )
        for policy in ("ppo", "sac")
        for rival in names
        if rival not in ("ppo", "sac")
    }
    same = [name for name, (there, here) in signs.items() if there * here > 0]
    found = [
        Figure(f"utility of {name}", f"{there:+.2f}/s on the twin, {here:+.2f}/s on the real mesh", "", None)
        for name, (there, here) in signs.items()
    ]
    return [
        *found,
        Figure(
            "differences of the same sign",
            f"{len(same)} of {len(signs)}",
            "all",
            len(same) == len(signs),
        ),
        Figure("Kendall's tau of the ranking by violation minutes", f"{tau:.2f}", "0.8", tau >= 0.8),
        Figure("Kendall's tau of the ranking by utility", f"{by_utility:.2f}", "", None),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
