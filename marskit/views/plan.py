"""One plan in full: its reason, the observation, predictions for each alternative, the shield's changes."""

from collections.abc import Sequence

from marskit import text
from marskit.domain.actions import Action, describe
from marskit.domain.goals import Goals
from marskit.domain.plan import Draft, Plan, Prediction
from marskit.domain.state import CycleInProgress, State
from marskit.views.brief import brief
from marskit.views.document import Block, Cell, Code, Heading, Language, Sentence, Table
from marskit.views.similar import similar_sentence
from marskit.views.tone import Tone
from marskit.views.verdict import age_of

_WIDEST = 26
"""Maximum width of a row's name, in characters; it leaves room for the numbers to compare."""


def plan_blocks(state: State, drafts: Sequence[Draft] = ()) -> list[Block]:
    """The plan of the cycle under way; empty before there is one.

    Args:
        state: The state of the run.
        drafts: What its actions would do, to be shown with it.
    """
    cycle = state.cycle
    if cycle is None or cycle.plan is None:
        return []
    plan = cycle.plan
    blocks: list[Block] = [Sentence(plan.reason, Tone.STRONG, "►", Tone.DIM)]
    if plan.proposed:
        does = Sentence(_actions(plan.actions).capitalize(), Tone.STRONG, "►", Tone.ACCENT)
        blocks = [does, Sentence(plan.reason, Tone.PLAIN, " ")]
    seen = f"observed {age_of(state, cycle.observation).words or 'now'}" if cycle.observation else "observed"
    blocks += _alternatives(cycle, plan, state.started.goals if state.started else Goals(()), seen)
    for draft in drafts:
        blocks += [Heading(describe(draft.action)), Code(draft.command, Language.COMMAND)]
        blocks += [Code(draft.diff, Language.DIFF)] if draft.diff else []
    blocks += _shielded(plan)
    blocks += _similar(plan)
    blocks += _considered(plan)
    return blocks


def _shielded(plan: Plan) -> list[Block]:
    if not plan.shield:
        return []
    blocks: list[Block] = [Heading("changed by the shield")]
    for change in plan.shield:
        allowed = "dropped" if change.allowed is None else describe(change.allowed)
        blocks += [
            Sentence(f"{describe(change.proposed)} → {allowed}", Tone.WARN, "⊘"),
            Sentence(f"{change.rule}: {change.sentence}", Tone.DIM, " "),
        ]
    return blocks


def _alternatives(cycle: CycleInProgress, plan: Plan, goals: Goals, seen: str) -> list[Block]:
    """The observation, and predictions for the plan, for doing nothing and for the alternatives."""
    reference = plan.prediction or plan.nothing
    if reference is None:
        return []
    expected: dict[tuple[Action, ...], Prediction | None] = {plan.actions: plan.prediction, (): plan.nothing}
    for candidate in plan.candidates:
        expected.setdefault(candidate.actions, candidate.prediction)
    scores = {c.actions: c.score for c in plan.candidates if c.score is not None}
    slo = goals.slo(reference.service)
    limit_ms = slo.latency_ms if slo else None
    rows = [_seen(cycle, seen, reference.service, limit_ms)]
    for actions, prediction in expected.items():
        taken = actions == plan.actions
        tone = Tone.STRONG if taken else Tone.PLAIN
        score = scores.get(actions)
        rows.append(
            (
                Cell(f"{'◉' if taken else '○'} {_name(actions)}", tone),
                *_numbers(prediction, limit_ms, tone),
                Cell(text.NOTHING if score is None else f"{score:.3g}", tone),
            )
        )
    columns: tuple[str, ...] = (
        f"predicted for {reference.service}",
        "p95",
        "slow",
        "failed",
        "replicas",
        "utility/s",
        "score",
    )
    if not scores:
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    seconds = text.duration(reference.horizon_s)
    return [
        Heading(f"the twin's prediction for {seconds}, at {text.rate(reference.requests_per_s)}"),
        Table(columns, tuple(rows)),
    ]


def _seen(cycle: CycleInProgress, when: str, name: str, limit_ms: float | None) -> tuple[Cell, ...]:
    """The row to compare with: the mesh as the planner saw it."""
    seen, diagnosis = cycle.observation, cycle.diagnosis
    service = next((row for row in seen.services if row.service == name), None) if seen else None
    latency = service.latency if service else None
    p95_ms = latency.p95_ms if latency else None
    replicas = text.total(row.replicas_ready for row in seen.workloads) if seen else None
    return (
        Cell(f"· {when}", Tone.DIM),
        Cell(
            text.quantile(p95_ms, trusted=latency is not None and latency.p95_is_trusted),
            _over(p95_ms, limit_ms, Tone.DIM),
        ),
        Cell(text.percent(service.slow_percent if service else None), Tone.DIM),
        Cell(text.percent(service.error_percent if service else None), Tone.DIM),
        Cell(text.whole(replicas), Tone.DIM),
        Cell(
            text.signed(diagnosis.utility.total) if diagnosis and not diagnosis.unknown else text.NOTHING,
            Tone.DIM,
        ),
        Cell("", Tone.DIM),
    )


def _numbers(prediction: Prediction | None, limit_ms: float | None, tone: Tone) -> tuple[Cell, ...]:
    if prediction is None:
        return tuple(Cell(text.NOTHING, Tone.DIM) for _ in range(5))
    return (
        Cell(text.ms(prediction.latency_p95_ms), _over(prediction.latency_p95_ms, limit_ms, tone)),
        Cell(text.percent(prediction.slow_percent), tone),
        Cell(text.percent(prediction.error_percent), tone),
        Cell(str(prediction.replicas), tone),
        Cell(text.signed(prediction.utility_per_s), tone),
    )


def _over(p95_ms: float | None, limit_ms: float | None, tone: Tone) -> Tone:
    return Tone.BAD if p95_ms is not None and limit_ms is not None and p95_ms > limit_ms else tone


def _name(actions: tuple[Action, ...]) -> str:
    """As many of the actions as fit, and the number of the others."""
    if not actions:
        return "do nothing"
    words = [brief(action) for action in actions]
    kept = len(words)
    while kept > 1 and len(" ".join(words[:kept])) > _WIDEST:
        kept -= 1
    more = f" +{len(words) - kept}" if kept < len(words) else ""
    return f"{' '.join(words[:kept])}{more}"


def _considered(plan: Plan) -> list[Block]:
    if not plan.candidates:
        return []
    chosen = set(plan.proposed)
    blocks: list[Block] = [Heading(f"considered by {plan.planner}")]
    for candidate in plan.candidates:
        taken = set(candidate.actions) == chosen
        score = "" if candidate.score is None else f" (score {candidate.score:.3g})"
        words = f"{_actions(candidate.actions)}{score}: {candidate.reason}"
        blocks.append(Sentence(words, Tone.PLAIN if taken else Tone.DIM, "◉" if taken else "○"))
    return blocks


def _similar(plan: Plan) -> list[Block]:
    if not plan.similar:
        return []
    blocks: list[Block] = [Heading("similar situations in earlier runs, closest first")]
    for similar in plan.similar:
        tone = Tone.WARN if similar.violation_minutes_after else Tone.OK
        blocks.append(Sentence(similar_sentence(similar), Tone.PLAIN, "≈", tone))
    return blocks


def _actions(actions: tuple[Action, ...]) -> str:
    return "; ".join(describe(action) for action in actions) or "do nothing"
