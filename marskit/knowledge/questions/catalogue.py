"""Every question by name, with what it can be told and what its answer's columns mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import polars as pl

from marskit.knowledge.questions import (
    action_effects,
    anomaly_baselines,
    compare_policies,
    sim_vs_real,
    similar_situations,
    slo_compliance,
    symptom_before_action,
)
from marskit.knowledge.questions.source import Tables


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question is told."""

    runs: tuple[str, ...] | None = None
    """Only these runs; None for all."""
    by: str | None = None
    of: str | None = None
    """None for the first that the question allows, as with `by`."""
    run: str = ""
    cycle: int = 0
    """The cycle of `run` that `similar` is about."""


@dataclass(frozen=True, slots=True)
class Question:
    """One named question."""

    summary: str
    """One line."""
    columns: Mapping[str, str]
    """What each column of the answer means."""
    answer: Callable[[Tables, Asked], pl.LazyFrame]
    by: tuple[str, ...] = ()
    """What its rows may be told apart by."""
    of: tuple[str, ...] = ()
    """What it may be about."""
    about_a_cycle: bool = field(default=False)


QUESTIONS: Mapping[str, Question] = {
    "slo": Question(
        "how well each service kept its objective, by run, over scenario time or altogether",
        slo_compliance.COLUMNS,
        lambda tables, asked: slo_compliance.slo_compliance(tables, by=asked.by or "run", runs=asked.runs),  # type: ignore[arg-type] # one of KEYS
        by=tuple(slo_compliance.KEYS),
    ),
    "effects": Question(
        "what each kind of action did to p95, errors and utility, against matched controls",
        action_effects.EFFECT_COLUMNS,
        lambda tables, asked: action_effects.action_effects(tables, runs=asked.runs),
    ),
    "actions": Question(
        "every action with what was seen before and after it, and how its controls changed meanwhile",
        action_effects.EACH_COLUMNS,
        lambda tables, asked: action_effects.actions_seen(tables, runs=asked.runs),
    ),
    "symptoms": Question(
        "which symptom stood before which action, and how much more often than at any time",
        symptom_before_action.COLUMNS,
        lambda tables, asked: symptom_before_action.symptom_before_action(tables, runs=asked.runs),
    ),
    "baselines": Question(
        "what is usual for each metric, by hour of the scenario or by load",
        anomaly_baselines.COLUMNS,
        lambda tables, asked: anomaly_baselines.anomaly_baselines(
            tables,
            of=asked.of or "services",  # type: ignore[arg-type] # one of METRICS
            by=asked.by or "hour",  # type: ignore[arg-type] # one of KEYS
            runs=asked.runs,
        ),
        by=tuple(anomaly_baselines.KEYS),
        of=tuple(anomaly_baselines.METRICS),
    ),
    "similar": Question(
        "past situations like that of one cycle, what was done then and how it ended",
        similar_situations.COLUMNS,
        lambda tables, asked: similar_situations.similar_situations(
            tables, asked.run, asked.cycle, runs=asked.runs
        ),
        about_a_cycle=True,
    ),
    "policies": Question(
        "how well each planner did on runs that had the same arrivals",
        compare_policies.COLUMNS,
        lambda tables, asked: compare_policies.compare_policies(tables, runs=asked.runs),
    ),
    "sim-error": Question(
        "how far the twin is from the real mesh where both had the same arrivals",
        sim_vs_real.COLUMNS,
        lambda tables, asked: sim_vs_real.sim_vs_real(tables, runs=asked.runs),
    ),
}
