"""What Knowledge recorded, as far as the state keeps it."""

from marskit import text
from marskit.domain.state import State
from marskit.views.document import Block, Cell, Document, Heading, Sentence, Table
from marskit.views.tone import SYMBOLS, Tone, of_verdict


def knowledge_document(state: State) -> Document:
    """The number of cycles recorded, the measured effects of earlier actions, and the latest cycles."""
    if not state.cycles:
        return ()
    last = state.cycles[-1]
    blocks: list[Block] = [
        Sentence(f"{text.plural(state.cycles_done, 'cycle')} recorded; last: {text.ms(last.cpu_ms)} CPU.")
    ]
    effects = [effect for cycle in reversed(state.cycles) for effect in cycle.effects][:8]
    if effects:
        blocks.append(Heading("measured effects of actions"))
    blocks += [Sentence(effect.sentence, Tone.PLAIN, "↳") for effect in effects]
    blocks.append(Heading("latest cycles"))
    blocks.append(
        Table(
            ("cycle", "at", "objectives", "p95", "actions", "utility/s"),
            tuple(
                (
                    Cell(str(cycle.id)),
                    Cell(text.clock(cycle.started_at_s), Tone.DIM),
                    Cell(_met(cycle.diagnosis.slo_met), of_verdict(cycle.diagnosis.slo_met)),
                    Cell(text.ms(cycle.diagnosis.slos[0].latency_p95_ms if cycle.diagnosis.slos else None)),
                    Cell(str(len(cycle.executions))),
                    Cell(
                        text.NOTHING
                        if cycle.diagnosis.unknown
                        else text.signed(cycle.diagnosis.utility.total)
                    ),
                )
                for cycle in reversed(state.cycles[-12:])
            ),
        )
    )
    return tuple(blocks)


def _met(met: bool | None) -> str:  # noqa: FBT001
    return f"{SYMBOLS[of_verdict(met)]} {'—' if met is None else 'met' if met else 'violated'}"
