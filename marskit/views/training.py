"""A training: how far it is, how well the policy does beside the tuned rules, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marskit import text
from marskit.domain.training import Evaluated, Stage, TrainingState
from marskit.views.document import Cell
from marskit.views.tone import Tone

COLUMNS = ("", "time", "steps", "violated", "HPA*", "demand*", "replicas", "utility/s", "reward")
"""Of the rows that `row` makes; the first names the row."""
EXPLANATION = (
    "Periods that violate the objective, on loads it is never trained on, and those of the tuned "
    "rules with as many replicas (*)."
)
_TONES = {Stage.IDLE: Tone.DIM, Stage.DONE: Tone.OK, Stage.FAILED: Tone.BAD, Stage.STOPPING: Tone.WARN}
_TOLD_AT_SHARE = 0.01
"""Before that, the time left would be a guess."""


@dataclass(frozen=True, slots=True)
class TrainingView:
    """Everything that a pane shows of one training."""

    stage: Stage = Stage.IDLE
    sentence: str = ""
    tone: Tone = Tone.DIM
    share: float = 0.0
    """How much of the budget is spent, from 0 to 1."""
    elapsed_s: float = 0.0
    left_s: float | None = None
    """Seconds until it ends by itself; None when that is not known, or it is over."""
    steps: int = 0
    curve: tuple[Evaluated, ...] = ()
    """Every evaluation, oldest first."""
    span_s: float = 1.0
    """How many seconds the curve is to have room for."""
    rows: tuple[tuple[Cell, ...], ...] = ()
    """The newest evaluation and the best one, under `COLUMNS`."""
    saved: str = ""
    """The policy file, once there is one."""


def training_view(state: TrainingState) -> TrainingView:
    """The numbers of a training, ready to be drawn."""
    tick, done = state.tick, state.stage is Stage.DONE
    share = 1.0 if done else tick.share
    total_s = tick.seconds / tick.share if tick.share > _TOLD_AT_SHARE else None
    left_s = total_s - tick.seconds if total_s is not None and state.stage is Stage.LEARNING else None
    latest, best = (state.evaluations[-1] if state.evaluations else None), state.best
    rows = [row("now", latest)] if latest else []
    rows += [row("best", best)] if best else []
    return TrainingView(
        stage=state.stage,
        sentence=_sentence(state),
        tone=_TONES.get(state.stage, Tone.ACCENT),
        share=share,
        elapsed_s=tick.seconds,
        left_s=left_s,
        steps=tick.steps,
        curve=state.evaluations,
        span_s=max(1.0, tick.seconds if total_s is None or not state.is_busy else total_s),
        rows=tuple(rows),
        saved=state.saved.saved if state.saved else "",
    )


def row(name: str, told: Evaluated) -> tuple[Cell, ...]:
    """One evaluation under `COLUMNS`, its violations in the tone of how they compare."""
    return (
        Cell(name, Tone.DIM),
        Cell(text.duration(told.seconds)),
        Cell(f"{told.steps:,}"),
        Cell(f"{told.violated_percent:.2f} %", tone_of(told)),
        Cell(f"{told.hpa_violated_percent:.2f} %"),
        Cell(f"{told.demand_violated_percent:.2f} %"),
        Cell(f"{told.replicas:.2f}"),
        Cell(f"{told.utility_per_s:.2f}"),
        Cell(f"{told.reward:.4f}"),
    )


def tone_of(told: Evaluated) -> Tone:
    """Well when both tuned rules are beaten, watchful when one is."""
    beaten = _beaten(told)
    return Tone.OK if len(beaten) == 2 else Tone.WARN if beaten else Tone.BAD


def left(view: TrainingView) -> str:
    """The time left, or nothing where it is not known."""
    return "" if view.left_s is None else f"{text.duration(view.left_s)} left"


def card_rows(card: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What the training card says of the saved policy."""
    scores = card["evaluation"]
    low, high = scores["violated_percent_95"]
    return (
        ("violated periods", f"{scores['violated_percent']} % (95 %: {low} to {high})"),
        (
            "with as many replicas",
            f"tuned HPA {scores['tuned_hpa_violated_percent_at_equal_replicas']} %, tuned demand rule "
            f"{scores['tuned_demand_violated_percent_at_equal_replicas']} %",
        ),
        ("replicas", f"{scores['replicas']}"),
        ("trained", f"{card['steps']:,} steps in {card['seconds']} s, seed {card['seed']}"),
    )


def _sentence(state: TrainingState) -> str:
    match state.stage:
        case Stage.IDLE:
            return "Nothing is being trained."
        case Stage.LOADING:
            return "Loading learner and twin; the first time, compiling takes a minute."
        case Stage.STOPPING:
            return "Stopping: the best policy so far is being saved."
        case Stage.FAILED:
            return state.reason
        case Stage.LEARNING:
            return f"The best so far {_verdict(state.best)}." if state.best else "Learning begins."
        case Stage.DONE:
            where = state.saved.saved if state.saved else ""
            return f"Saved as {where}: the best policy {_verdict(state.best)}." if state.best else where


def _verdict(best: Evaluated | None) -> str:
    beaten = _beaten(best) if best else ()
    if len(beaten) == 2:
        return "violates less than both tuned rules with as many replicas"
    if beaten:
        return f"violates less than the tuned {beaten[0]}, but no less than the other rule"
    return "does not violate less than the tuned rules with as many replicas"


def _beaten(told: Evaluated) -> tuple[str, ...]:
    rules = (("HPA", told.hpa_violated_percent), ("demand rule", told.demand_violated_percent))
    return tuple(name for name, percent in rules if told.violated_percent < percent)
