"""The review of a plan that awaits approval: how old it is, what it was made for, and what it would do."""

from dataclasses import dataclass

from marskit import text
from marskit.domain.state import CycleInProgress, State
from marskit.mapek.monitor.measures import entry_rate
from marskit.mapek.plan.outdated import load_moved
from marskit.views.controls import Hint, Move
from marskit.views.document import Block, Document, Sentence
from marskit.views.plan import plan_blocks
from marskit.views.tone import SYMBOLS, Tone, of_verdict

REVIEW = "review"
CLOSES = Hint(Move.CLOSE, "closes")
UNREAD_S = 0.5
"""Seconds for which a plan that replaced another cannot be decided on: the wish was for the other."""
REPLACED = "Another plan has just replaced that one: look at it first."


@dataclass(frozen=True, slots=True)
class MadeFor:
    """When a plan was made, for which load, and the load now."""

    words: str
    """`planned 45 s ago at 35 req/s, now 366`."""
    tone: Tone


def made_for(state: State) -> MadeFor | None:
    """The age of the plan that awaits approval; None if none does."""
    cycle = state.cycle
    if cycle is None or not cycle.awaiting_approval or cycle.plan is None or cycle.observation is None:
        return None
    was = entry_rate(cycle.observation)
    now = entry_rate(state.observation) if state.observation is not None else was
    age_s = max(0.0, state.now_s - cycle.observation.at_s)
    ago = "just now" if age_s < 1.0 else f"{text.duration(age_s)} ago"
    words = f"planned {ago} at {text.rate(was)}, now {text.number(now)}"
    return MadeFor(words, Tone.WARN if load_moved(was, now) else Tone.DIM)


def is_waiting(state: State) -> bool:
    """Whether there is a plan to review."""
    return made_for(state) is not None


def is_unread(state: State, shown_for_s: float) -> bool:
    """Whether the plan replaced another too recently for a person to have read it."""
    cycle = state.cycle
    waits = cycle is not None and cycle.awaiting_approval and cycle.revision > 1
    return waits and shown_for_s < UNREAD_S


def review_title(state: State) -> str:
    """The heading of the review: which plan it is."""
    cycle = state.cycle
    if cycle is None:
        return REVIEW
    return f"{REVIEW} · cycle {cycle.id}" + (f" · plan {cycle.revision}" if cycle.revision > 1 else "")


def review_document(state: State) -> Document:
    """Everything a person needs to decide on the plan that awaits approval; empty if none does."""
    cycle, made = state.cycle, made_for(state)
    if cycle is None or made is None:
        return ()
    blocks: list[Block] = [Sentence(made.words, made.tone, SYMBOLS[Tone.WARN], Tone.WARN)]
    if cycle.replaced_because:
        blocks.append(Sentence(f"replaces the plan before, because {cycle.replaced_because}", Tone.WARN, "⟳"))
    blocks += _present(cycle)
    return (*blocks, *plan_blocks(state, cycle.drafts))


def _present(cycle: CycleInProgress) -> list[Block]:
    """What the loop found while the plan waited, which the plan does not know."""
    if cycle.present is None or cycle.looked_at_s is None:
        return []
    if (planned_s := cycle.observation.at_s if cycle.observation else 0.0) >= cycle.looked_at_s:
        return []
    tone = of_verdict(cycle.present.slo_met)
    since = text.duration(cycle.looked_at_s - planned_s)
    return [Sentence(f"{since} later: {cycle.present.sentence}", Tone.PLAIN, SYMBOLS[tone], tone)]
