"""The result of each phase in full: the document behind one box of the rail."""

from typing import assert_never

from marskit import text
from marskit.domain.actions import describe
from marskit.domain.diagnosis import Evidence, Suspect, Symptom
from marskit.domain.records import Phase
from marskit.domain.state import State
from marskit.views.current import effect_of, executions_of
from marskit.views.cycles import knowledge_document
from marskit.views.document import Block, Cell, Document, Sentence, Table
from marskit.views.executions import execution_document
from marskit.views.loop import DECISIONS
from marskit.views.observation import observation_document
from marskit.views.plan import plan_blocks
from marskit.views.summary import progress_view
from marskit.views.tone import SYMBOLS, Tone, of_severity, of_verdict

MEANINGS = {
    Phase.MONITOR: "Monitor reads the mesh over one window: requests, latencies, errors, replicas and load.",
    Phase.ANALYSE: "Analyse checks the observation against the SLOs and locates the cause of violations.",
    Phase.PLAN: "Plan compares possible actions; the shield then removes or limits unsafe ones.",
    Phase.EXECUTE: "Execute applies the actions to the mesh and records how to undo each one.",
    Phase.KNOWLEDGE: "Knowledge records the whole cycle and the measured effects of earlier actions.",
}
"""Each phase in one sentence, for the help screen and for phases that have not run yet."""


def phase_document(state: State, phase: Phase) -> Document:
    """Everything that one phase of the cycle under way reports."""
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
        Sentence("This phase has not run yet.", Tone.DIM),
    )


def progress_document(state: State) -> Document:
    """The progress of the mesh's start, or why it failed."""
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
    return tuple(steps) or (Sentence("Waiting for the mesh to report.", Tone.DIM),)


def _analyse(state: State) -> list[Block]:
    diagnosis = state.cycle.diagnosis if state.cycle else None
    if diagnosis is None:
        return []
    verdict = of_verdict(diagnosis.slo_met)
    blocks: list[Block] = [Sentence(diagnosis.sentence, Tone.STRONG, SYMBOLS[verdict], verdict)]
    if diagnosis.slos:
        blocks.append(
            Table(
                ("objective", "p95", "limit", "availability", "n"),
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
    if diagnosis.unknown:
        return blocks
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
        Sentence(f"Utility {text.signed(utility.total)} per second: {sums or 'no terms'}.", Tone.DIM)
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
    sentence = Sentence(symptom.sentence, Tone.PLAIN, SYMBOLS.get(tone, "·"), tone)
    numbers = " · ".join(_evidence(evidence) for evidence in symptom.evidence)
    return [sentence, Sentence(f"{symptom.kind}: {numbers}", Tone.DIM, " ")] if numbers else [sentence]


def _evidence(evidence: Evidence) -> str:
    value, threshold = (text.measured(evidence.metric, v) for v in (evidence.value, evidence.threshold))
    compared = f"{text.measure_name(evidence.metric)} {value}, threshold {threshold}"
    return f"{compared} (n {evidence.n}, {text.duration(evidence.window_s)})"


def _execute(state: State) -> list[Block]:
    cycle = state.cycle
    if cycle is None or cycle.phase not in (Phase.EXECUTE, Phase.KNOWLEDGE):
        return []
    blocks: list[Block] = []
    if cycle.awaiting_approval and cycle.plan is not None:
        blocks.append(Sentence("The plan needs your approval.", Tone.WARN, "▲", hints=DECISIONS))
        blocks += [Sentence(describe(action), Tone.STRONG, "►", Tone.ACCENT) for action in cycle.plan.actions]
    for execution in executions_of(state):
        blocks += execution_document(execution, effect_of(state, execution.id))
    return blocks or [Sentence("No action in this cycle.", Tone.DIM)]
