"""Every question by name, with its parameters and the meaning of its columns."""

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
    """The parameters of a question."""

    runs: tuple[str, ...] | None = None
    """Only these runs; None for all."""
    by: str | None = None
    of: str | None = None
    """None for the first option of the question, as with `by`."""
    run: str = ""
    cycle: int = 0
    """The cycle of `run` for `similar`."""


@dataclass(frozen=True, slots=True)
class Question:
    """One named question."""

    summary: str
    """One line of help."""
    columns: Mapping[str, str]
    """The meaning of each column of the answer."""
    answer: Callable[[Tables, Asked], pl.LazyFrame]
    by: tuple[str, ...] = ()
    """The options for grouping rows."""
    of: tuple[str, ...] = ()
    """The options for the kind of subject."""
    about_a_cycle: bool = field(default=False)


QUESTIONS: Mapping[str, Question] = {
    "slo": Question(
        "how well each service met its SLO, by run, over scenario time or overall",
        slo_compliance.COLUMNS,
        lambda tables, asked: slo_compliance.slo_compliance(tables, by=asked.by or "run", runs=asked.runs),  # type: ignore[arg-type] # one of KEYS
        by=tuple(slo_compliance.KEYS),
    ),
    "effects": Question(
        "effect of each kind of action on p95, errors and utility, against matched controls",
        action_effects.EFFECT_COLUMNS,
        lambda tables, asked: action_effects.action_effects(tables, runs=asked.runs),
    ),
    "actions": Question(
        "every action with the means before and after it, and the change of its controls",
        action_effects.EACH_COLUMNS,
        lambda tables, asked: action_effects.actions_seen(tables, runs=asked.runs),
    ),
    "symptoms": Question(
        "symptoms that precede actions, and how much more often than in general",
        symptom_before_action.COLUMNS,
        lambda tables, asked: symptom_before_action.symptom_before_action(tables, runs=asked.runs),
    ),
    "baselines": Question(
        "usual values of each metric, by hour of the scenario or by load",
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
        "past situations similar to one cycle, with the actions taken and the outcome",
        similar_situations.COLUMNS,
        lambda tables, asked: similar_situations.similar_situations(
            tables, asked.run, asked.cycle, runs=asked.runs
        ),
        about_a_cycle=True,
    ),
    "policies": Question(
        "results of each planner on runs with the same arrivals",
        compare_policies.COLUMNS,
        lambda tables, asked: compare_policies.compare_policies(tables, runs=asked.runs),
    ),
    "sim-error": Question(
        "error of the twin compared with the real mesh on the same arrivals",
        sim_vs_real.COLUMNS,
        lambda tables, asked: sim_vs_real.sim_vs_real(tables, runs=asked.runs),
    ),
}
