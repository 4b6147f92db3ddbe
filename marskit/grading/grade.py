"""Grades planners: runs them and their rivals on identical arrivals, and makes a card of each."""

import hashlib
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import marskit
from marskit.agents.sources import source_of
from marskit.assembly.settings import ENGINES, Settings
from marskit.compare.jobs import Failed, Job, Measured, grid
from marskit.compare.summary import BOUND, Summary, summarise
from marskit.compare.tuning import TUNED, choose, tuning_jobs
from marskit.grading.card import CardConduct, Row, Score, ScoreCard
from marskit.grading.child import GradeError, Ran, Told, grading
from marskit.grading.run_cache import RunCache, run_or_recall
from marskit.grading.secret import seal, without
from marskit.load.scenario import find_scenario
from marskit.plugins.base import Planner
from marskit.plugins.by_value import planner_name
from marskit.statistics import Values, mean_difference
from marskit.system.worker import completed

STATIC = "static"
RIVALS = (STATIC, "threshold", "demand", BOUND)
SCENARIOS = ("spike", "ramp", "flash-crowd")
SEEDS = (0, 1, 2)
_OFTEN = 10
"""Every so many runs, a line tells how far it is."""

Tell = Callable[[str, int], None]
"""Takes the name of a planner, one run of which has ended, and the number of all runs."""


def grade(
    planner: str | type[Planner],
    *,
    scenarios: Sequence[str] = SCENARIOS,
    seeds: Sequence[int] = SEEDS,
    secret_seeds: str | Path | None = None,
    engine: str = ENGINES[0],
    cached: bool = True,
    tell: bool = True,
) -> ScoreCard:
    """Grade one planner against static, threshold, demand, the tuned HPA and the oracle.

    It runs in processes of its own. An interrupt (Ctrl-C) ends all runs.

    Args:
        planner: A name, `FILE.py:CLASS`, `FILE.py` with one planner in it, or a class.
        scenarios: Names of shipped scenarios, or files.
        seeds: One run of every planner on every scenario for each.
        secret_seeds: File with more seeds, one a line, which the card does not name.
        engine: The twin's engine, `requests` or `fast`.
        cached: Whether runs of rivals are taken from the user's cache, and kept there.
        tell: Whether progress is told on standard error.

    Raises:
        UserError: Something other than the planner cannot be used.
    """
    arguments = [
        planner_name(planner),
        f"--scenarios={','.join(scenarios)}",
        f"--seeds={','.join(str(seed) for seed in seeds)}",
        f"--engine={engine}",
        *([f"--secret-seeds={secret_seeds}"] if secret_seeds is not None else []),
        *([] if cached else ["--no-cache"]),
    ]
    cards: list[ScoreCard] = []
    ended = 0

    def note(told: Told) -> None:
        nonlocal ended
        match told:
            case ScoreCard():
                cards.append(told)
            case Ran(_, of):
                ended += 1
                if tell and (ended % _OFTEN == 0 or ended == of):
                    print(f"{ended} of {of} runs", file=sys.stderr, flush=True)

    completed(partial(grading, arguments, note), "marskit-grade")
    if not cards:
        raise GradeError("The grading ended without a card.")
    return cards[0]


def grade_all(
    planners: Sequence[str],
    *,
    scenarios: Sequence[str] = SCENARIOS,
    seeds: Sequence[int] = SEEDS,
    secret_seeds: Sequence[int] = (),
    engine: str = ENGINES[0],
    cached: bool = True,
    tell: Tell = lambda planner, of: None,
) -> tuple[ScoreCard, ...]:
    """A card for each planner, whatever it does; the rivals run once.

    Raises:
        UserError: Something other than a planner cannot be used, or a rival could not be measured.
    """
    secret = tuple(secret_seeds)
    if set(secret) & set(seeds):
        raise GradeError("A secret seed is among the seeds that the card names; use others.")
    every = (*seeds, *secret)
    named = (("planner", planners), ("scenario", scenarios), ("seed", [str(seed) for seed in seeds]))
    for kind, names in named:
        if len(set(names)) < len(names) or not (names or (kind == "seed" and secret)):
            raise GradeError(f"Name every {kind} once, and at least one; found {', '.join(names) or 'none'}.")
    if engine not in ENGINES:
        raise GradeError(f"The engine is {engine!r}; choose one of {', '.join(ENGINES)}.")
    for scenario in scenarios:
        find_scenario(scenario)
    hashes = {name: _hash(name) for name in planners}
    cache = RunCache.of_user() if cached else None
    with TemporaryDirectory(prefix="marskit-grade-") as folder:
        # As in a comparison: without rollback, and without predictions, which nobody reads.
        usual = Settings(
            mesh="twin", engine=engine, preview=False, guard=False, baselines=False, runs=Path(folder)
        )
        tuning = tuning_jobs(scenarios, every, usual, Path(folder))
        others = tuple(name for name in planners if name not in (*RIVALS, TUNED))
        jobs = tuple(grid((*RIVALS, *others), scenarios, every, usual))
        of = len(tuning) + len(jobs) + len(scenarios) * len(every)

        def told(job: Job, result: Measured | Failed) -> None:
            tell(job.planner, of)

        search = choose(_all_measured(run_or_recall(tuning, told, cache), secret))
        tuned = tuple(grid((TUNED,), scenarios, every, usual, {TUNED: search.chosen.planner}))
        results = run_or_recall((*jobs, *tuned), told, cache)
    rivals = _all_measured([r for r in results if _planner(r) not in others], secret)
    make = partial(
        _card,
        rivals=rivals,
        hashes=hashes,
        blank=ScoreCard(
            planner="",
            failure="",
            rows=(),
            score=None,
            conduct=None,
            scenarios=tuple(scenarios),
            seeds=tuple(seeds),
            secret=seal(secret) if secret else None,
            engine=engine,
            sha256=None,
            tuned=search.chosen.planner,
            versions=(("marskit", marskit.__version__), ("Python", platform.python_version())),
            caveat="",
        ),
        secret=secret,
    )
    return tuple(make(name, [r for r in results if _planner(r) == name]) for name in planners)


def _planner(result: Measured | Failed) -> str:
    return result.planner if isinstance(result, Measured) else result.job.planner


def _hash(name: str) -> str | None:
    source = source_of(name)
    if source is None or source.file is None:
        return None
    try:
        return hashlib.sha256(source.file.read_bytes()).hexdigest()
    except OSError:
        return None  # Loading it fails too, and the card then says why.


def _all_measured(results: Sequence[Measured | Failed], secret: tuple[int, ...]) -> list[Measured]:
    for each in results:
        if isinstance(each, Failed):
            reason = without(each.reason, secret)
            raise GradeError(f"{each.job.planner} on {each.job.scenario} could not be measured: {reason}")
    return [each for each in results if isinstance(each, Measured)]


def _card(
    name: str,
    own: Sequence[Measured | Failed],
    *,
    rivals: Sequence[Measured],
    hashes: dict[str, str | None],
    blank: ScoreCard,
    secret: tuple[int, ...],
) -> ScoreCard:
    failed = next((each for each in own if isinstance(each, Failed)), None)
    measured = [each for each in own if isinstance(each, Measured)]
    runs = rivals if failed is not None or name in (*RIVALS, TUNED) else (*measured, *rivals)
    # The graded planner comes first, also where it is a rival itself.
    ordered = sorted(runs, key=lambda run: run.planner != name)
    summary = summarise(ordered)
    made = replace(
        blank,
        planner=name,
        sha256=hashes[name],
        rows=_rows(summary),
        caveat=summary.caveat,
        conduct=_conduct(measured, secret) if measured else None,
    )
    if failed is not None:
        return replace(made, failure=without(failed.reason, secret))
    return replace(made, score=_score(name, ordered, summary))


def _rows(summary: Summary) -> tuple[Row, ...]:
    return tuple(
        Row(p.planner, p.violation_minutes, p.replica_minutes, p.failed_requests, p.actions, p.utility_per_s)
        for p in summary.planners
    )


def _score(name: str, runs: Sequence[Measured], summary: Summary) -> Score:
    by_key = {(run.planner, run.scenario, run.seed): run for run in runs}

    def strata(planner: str, value: Callable[[Measured], float]) -> list[Values]:
        return [
            np.array([value(by_key[planner, s, seed]) for seed in summary.seeds], np.float64)
            for s in summary.scenarios
        ]

    def utility(run: Measured) -> float:
        return run.utility_per_s

    static = strata(STATIC, utility)
    whole = mean_difference(strata(BOUND, utility), static).value
    way = mean_difference(strata(name, utility), static).value
    return Score(
        share_percent=100.0 * way / whole if whole > 0.0 else None,
        violations_against=mean_difference(
            strata(name, lambda run: run.violation_minutes), strata(TUNED, lambda run: run.violation_minutes)
        ),
        utility_against=mean_difference(strata(name, utility), strata(TUNED, utility)),
    )


def _conduct(measured: Sequence[Measured], secret: tuple[int, ...]) -> CardConduct:
    seen = [run.conduct for run in measured]
    times_ms = [ms for each in seen for ms in each.plans_ms]
    median_ms, p95_ms = np.quantile(times_ms, [0.5, 0.95]) if times_ms else (None, None)
    return CardConduct(
        decisions=sum(len(run.points) for run in measured),
        without_plan=sum(each.without_plan for each in seen),
        raised=sum(each.raised for each in seen),
        late=sum(each.late for each in seen),
        killed=sum(each.killed for each in seen),
        not_asked=sum(each.not_asked for each in seen),
        clamped=sum(run.clamped for run in measured),
        median_ms=None if median_ms is None else float(median_ms),
        p95_ms=None if p95_ms is None else float(p95_ms),
        complaint=without(next((each.complaint for each in seen if each.complaint), ""), secret),
        reproducible=all(run.reproducible for run in measured),
    )
