"""What each phase saw and said, in full: the document behind one box of the rail."""

from typing import assert_never

from marskit import text
from marskit.domain.actions import describe
from marskit.domain.records import Evidence, Phase, Suspect, Symptom
from marskit.domain.state import State
from marskit.views.current import effect_of, executions_of
from marskit.views.cycles import knowledge_document
from marskit.views.document import Block, Cell, Document, Sentence, Table
from marskit.views.executions import execution_document
from marskit.views.observation import observation_document
from marskit.views.plan import plan_blocks
from marskit.views.summary import progress_view
from marskit.views.tone import SYMBOLS, Tone, of_severity, of_verdict

MEANINGS = {
    Phase.MONITOR: "Monitor reads the mesh over one window: requests, latencies, errors, replicas and load.",
    Phase.ANALYSE: "Analyse holds what was seen against the objectives and finds what is wrong, and where.",
    Phase.PLAN: "Plan weighs what could be done; the shield then keeps what is safe.",
    Phase.EXECUTE: "Execute writes the actions to the mesh and records how to take each one back.",
    Phase.KNOWLEDGE: "Knowledge keeps the whole cycle and says what earlier actions turned out to do.",
}
"""Each phase in one sentence, for the help screen and for phases that have not come yet."""


def phase_document(state: State, phase: Phase) -> Document:
    """All that the cycle under way has to say about one phase."""
    match phase:
        case Phase.MONITOR:
            seen = state.cycle.observation if state.cycle else None
            blocks = list(observation_document(seen)) if seen else []
        case Phase.ANALYSE:
            blocks = _analyse(state)
        case Phase.PLAN:
            blocks = plan_blocks(state)
        case Phase.EXECUTE:
            blocks = _execute(state)
        case Phase.KNOWLEDGE:
            blocks = list(knowledge_document(state))
        case _:
            assert_never(phase)
    return tuple(blocks) or (
        Sentence(MEANINGS[phase], Tone.DIM),
        Sentence("It has not come to that yet.", Tone.DIM),
    )


def progress_document(state: State) -> Document:
    """How the mesh comes up, or why it did not."""
    steps: list[Block] = [
        Sentence(
            f"{step.step}  {step.detail}".rstrip(),
            Tone.PLAIN if step.done else Tone.STRONG,
            "✔" if step.done else "◌",
            Tone.OK if step.done else Tone.ACCENT,
        )
        for step in progress_view(state)
    ]
    if state.ended is not None and state.ended.reason:
        return (Sentence(state.ended.reason, Tone.BAD, SYMBOLS[Tone.BAD]), *steps)
    return tuple(steps) or (Sentence("The first sign of the mesh is awaited.", Tone.DIM),)


def _analyse(state: State) -> list[Block]:
    diagnosis = state.cycle.diagnosis if state.cycle else None
    if diagnosis is None:
        return []
    verdict = of_verdict(diagnosis.slo_met)
    blocks: list[Block] = [Sentence(diagnosis.sentence, Tone.STRONG, SYMBOLS[verdict], verdict)]
    if diagnosis.slos:
        blocks.append(
            Table(
                ("objective", "p95", "limit", "available", "n"),
                tuple(
                    (
                        Cell(f"{SYMBOLS[of_verdict(slo.met)]} {slo.service}", of_verdict(slo.met)),
                        Cell(text.quantile(slo.latency_p95_ms, trusted=slo.latency_met is not None)),
                        Cell(text.ms(slo.latency_ms), Tone.DIM),
                        Cell(text.percent(slo.availability_percent)),
                        Cell(str(slo.latency_n), Tone.DIM),
                    )
                    for slo in diagnosis.slos
                ),
            )
        )
    for rank, suspect in enumerate(diagnosis.suspects, 1):
        blocks += _suspect(rank, suspect)
    for symptom in diagnosis.symptoms:
        blocks += _symptom(symptom)
    utility = diagnosis.utility
    terms = (
        ("served within SLO", utility.served_within_slo),
        ("violated", -utility.violated),
        ("failed", -utility.failed),
        ("replicas", -utility.replica_cost),
        ("actions", -utility.action_churn),
    )
    sums = ", ".join(f"{text.signed(value)} {name}" for name, value in terms if text.signed(value) != "0")
    blocks.append(
        Sentence(f"Utility {text.signed(utility.total)} a second: {sums or 'nothing at all'}.", Tone.DIM)
    )
    return blocks


def _suspect(rank: int, suspect: Suspect) -> list[Block]:
    tone = Tone.BAD if suspect.is_fault else Tone.WARN
    numbers = " · ".join(_evidence(evidence) for evidence in suspect.evidence)
    return [
        Sentence(suspect.sentence, Tone.PLAIN, str(rank), tone),
        Sentence(f"suspect, {suspect.ailment}, score {suspect.score:.2f}: {numbers}", Tone.DIM, " "),
    ]


def _symptom(symptom: Symptom) -> list[Block]:
    tone = of_severity(symptom.severity)
    said = Sentence(symptom.sentence, Tone.PLAIN, SYMBOLS.get(tone, "·"), tone)
    numbers = " · ".join(_evidence(evidence) for evidence in symptom.evidence)
    return [said, Sentence(f"{symptom.kind}: {numbers}", Tone.DIM, " ")] if numbers else [said]


def _evidence(evidence: Evidence) -> str:
    value, threshold = (text.measured(evidence.metric, v) for v in (evidence.value, evidence.threshold))
    held = f"{evidence.metric} {value} against {threshold}"
    return f"{held} (n {evidence.n}, {text.duration(evidence.window_s)})"


def _execute(state: State) -> list[Block]:
    cycle = state.cycle
    if cycle is None or cycle.phase not in (Phase.EXECUTE, Phase.KNOWLEDGE):
        return []
    blocks: list[Block] = []
    if cycle.awaiting_approval and cycle.plan is not None:
        blocks.append(Sentence("The plan waits for you: a approves it, r rejects it.", Tone.WARN, "▲"))
        blocks += [Sentence(describe(action), Tone.STRONG, "►", Tone.ACCENT) for action in cycle.plan.actions]
    for execution in executions_of(state):
        blocks += execution_document(execution, effect_of(state, execution.id))
    return blocks or [Sentence("Nothing to execute in this cycle.", Tone.DIM)]
