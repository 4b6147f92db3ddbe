"""A training: its progress, the policy's results beside the tuned rules, and the outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marskit import text
from marskit.domain.training import Evaluated, Stage, TrainingState
from marskit.views.document import Cell
from marskit.views.plots import Curve, PlotView, Upright, nice_max
from marskit.views.tone import Fact, Part, Tone

COLUMNS = ("", "time", "steps", "violated", "HPA*", "demand*", "replicas", "utility/s", "reward")
"""Column heads for `row`; the first column names the row."""
FORM_TITLE, CURVE_TITLE, PROGRESS_TITLE = "train a policy in the twin", "learning curve", "progress"
DECIDES = "it decides now"
USES = "uses it now"
"""What a person can do with a policy that does not decide yet."""
START, STOP, USE = "start", "stop and keep the best", "use this policy"
"""What a person can do with a training."""
TOO_SHORT = "Choose at least 1 second of training."
EXPLANATION = (
    "Share of periods that violate the SLO, on loads kept out of training; * marks the tuned rules, "
    "held to as many replicas as the policy."
)
_TONES = {Stage.IDLE: Tone.DIM, Stage.DONE: Tone.OK, Stage.FAILED: Tone.BAD, Stage.STOPPING: Tone.WARN}
_SYMBOLS = {
    Stage.DONE: "✔",
    Stage.FAILED: "✖",
    Stage.STOPPING: "◌",
    Stage.LOADING: "◌",
    Stage.LEARNING: "►",
}
_BARS = {Stage.DONE: Tone.OK, Stage.FAILED: Tone.BAD}
_ESTIMATE_FROM_SHARE = 0.01
"""Share of the budget, from 0 to 1, before which the remaining time would be a guess."""


@dataclass(frozen=True, slots=True)
class TrainingView:
    """Everything that a pane shows about one training."""

    stage: Stage = Stage.IDLE
    sentence: str = ""
    tone: Tone = Tone.DIM
    symbol: str = "○"
    facts: tuple[str, ...] = ()
    """`43 %`, the steps, the time so far and the time left, beside the bar."""
    bar_tone: Tone = Tone.ACCENT
    share: float = 0.0
    """Share of the budget spent, from 0 to 1."""
    elapsed_s: float = 0.0
    left_s: float | None = None
    """Seconds until the training ends by itself; None if unknown or over."""
    steps: int = 0
    curve: tuple[Evaluated, ...] = ()
    """Every evaluation, oldest first."""
    span_s: float = 1.0
    """Length of the curve's time axis, in seconds."""
    rows: tuple[tuple[Cell, ...], ...] = ()
    """The newest evaluation and the best one, under `COLUMNS`."""
    saved: str = ""
    """Path of the policy file, once it exists."""


def training_view(state: TrainingState) -> TrainingView:
    """The numbers of a training, ready to draw."""
    tick, done = state.tick, state.stage is Stage.DONE
    share = 1.0 if done else tick.share
    total_s = tick.seconds / tick.share if tick.share > _ESTIMATE_FROM_SHARE else None
    left_s = total_s - tick.seconds if total_s is not None and state.stage is Stage.LEARNING else None
    latest, best = (state.evaluations[-1] if state.evaluations else None), state.best
    rows = [row("now", latest)] if latest else []
    rows += [row("best", best)] if best else []
    return TrainingView(
        stage=state.stage,
        sentence=_sentence(state),
        tone=_TONES.get(state.stage, Tone.ACCENT),
        symbol=_SYMBOLS.get(state.stage, "○"),
        facts=tuple(fact for fact in _facts(state, share, left_s) if fact),
        bar_tone=_BARS.get(state.stage, Tone.ACCENT),
        share=share,
        elapsed_s=tick.seconds,
        left_s=left_s,
        steps=tick.steps,
        curve=state.evaluations,
        span_s=max(1.0, tick.seconds if total_s is None or not state.is_busy else total_s),
        rows=tuple(rows),
        saved=state.saved.saved if state.saved else "",
    )


def row(name: str, evaluated: Evaluated) -> tuple[Cell, ...]:
    """One evaluation under `COLUMNS`; the tone of its violations compares them with the rules'."""
    return (
        Cell(name, Tone.DIM),
        Cell(text.duration(evaluated.seconds)),
        Cell(f"{evaluated.steps:,}"),
        Cell(f"{evaluated.violated_percent:.2f} %", tone_of(evaluated)),
        Cell(f"{evaluated.hpa_violated_percent:.2f} %"),
        Cell(f"{evaluated.demand_violated_percent:.2f} %"),
        Cell(f"{evaluated.replicas:.2f}"),
        Cell(f"{evaluated.utility_per_s:.2f}"),
        Cell(f"{evaluated.reward:.4f}"),
    )


def tone_of(evaluated: Evaluated) -> Tone:
    """OK if the policy beats both tuned rules, a warning if it beats one."""
    beaten = _beaten(evaluated)
    return Tone.OK if len(beaten) == 2 else Tone.WARN if beaten else Tone.BAD


def learning_plot(view: TrainingView) -> PlotView | None:
    """Violated periods of the policy over time, beside the tuned rules; None before the first evaluation."""
    if not view.curve:
        return None
    best = max(view.curve, key=lambda each: each.reward)
    rules = (
        ("policy", Tone.P95, [each.violated_percent for each in view.curve]),
        ("HPA*", Tone.SLO, [each.hpa_violated_percent for each in view.curve]),
        ("demand*", Tone.PERSON, [each.demand_violated_percent for each in view.curve]),
    )
    seconds = [each.seconds for each in view.curve]
    top = nice_max([value for _, _, values in rules for value in values if value > 0], 1.0)
    return PlotView(
        "violated periods",
        # The policy is drawn over the others.
        tuple(
            Curve(name, tuple(zip(seconds, values, strict=True)), tone)
            for name, tone, values in reversed(rules)
        ),
        0.0,
        view.span_s,
        top,
        f"{top:g} %",
        since=text.duration(0.0),
        until=text.duration(view.span_s),
        uprights=(Upright(best.seconds, Tone.OK, "▲", "best"),),
        legend=tuple(
            Fact(Part(name, tone), Part(f"{values[-1]:.2f} %", Tone.STRONG)) for name, tone, values in rules
        ),
        short_title="violated",
    )


def left(view: TrainingView) -> str:
    """The remaining time, or an empty string if unknown."""
    return _left(view.left_s)


def card_rows(card: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The training card of the saved policy, as named rows."""
    scores = card["evaluation"]
    low, high = scores["violated_percent_95"]
    return (
        ("violated periods", f"{scores['violated_percent']} % (95 %: {low} to {high})"),
        (
            "at equal replicas",
            f"tuned HPA {scores['tuned_hpa_violated_percent_at_equal_replicas']} %, tuned demand rule "
            f"{scores['tuned_demand_violated_percent_at_equal_replicas']} %",
        ),
        ("replicas", f"{scores['replicas']}"),
        ("trained", f"{card['steps']:,} steps in {card['seconds']} s, seed {card['seed']}"),
    )


def _facts(state: TrainingState, share: float, left_s: float | None) -> tuple[str, ...]:
    return (
        text.share(share),
        f"{state.tick.steps:,} steps",
        text.clock(state.tick.seconds),
        _left(left_s),
    )


def _left(left_s: float | None) -> str:
    return "" if left_s is None else f"{text.duration(left_s)} left"


def _sentence(state: TrainingState) -> str:
    match state.stage:
        case Stage.IDLE:
            return "No training is running."
        case Stage.LOADING:
            return "Loading the learner and the twin; the first time, compilation takes about a minute."
        case Stage.STOPPING:
            return "Stopping and saving the best policy so far."
        case Stage.FAILED:
            return state.reason
        case Stage.LEARNING:
            return f"The best so far {_verdict(state.best)}." if state.best else "Learning has begun."
        case Stage.DONE:
            where = state.saved.saved if state.saved else ""
            return f"Saved as {where}: the best policy {_verdict(state.best)}." if state.best else where


def _verdict(best: Evaluated | None) -> str:
    beaten = _beaten(best) if best else ()
    if len(beaten) == 2:
        return "violates less than both tuned rules at equal replicas"
    if beaten:
        return f"violates less than the tuned {beaten[0]}, but not less than the other rule"
    return "does not violate less than the tuned rules at equal replicas"


def _beaten(evaluated: Evaluated) -> tuple[str, ...]:
    rules = (("HPA", evaluated.hpa_violated_percent), ("demand rule", evaluated.demand_violated_percent))
    return tuple(name for name, percent in rules if evaluated.violated_percent < percent)
