"""How notebooks show the records of a run: as text, and as HTML with static pictures.

The records are plain data and know no screen, so IPython is told how to show them. Whatever a lab makes of
them has a `_repr_mimebundle_` of its own.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from marskit.domain.commands import DryRun
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.observation import Observation
from marskit.domain.plan import Candidate, Plan
from marskit.domain.records import Cycle, Effect, Execution, Phase
from marskit.domain.state import CycleInProgress, State
from marskit.lab.records import Cycles, WhatIf
from marskit.pictures.bundle import Bundle, of_document
from marskit.pictures.rail import rail_html
from marskit.pictures.series import series_svg
from marskit.pictures.topology import topology_svg
from marskit.replay.branched import Branched
from marskit.views.branch import branch_view
from marskit.views.cycles import knowledge_document
from marskit.views.document import Block, Code, Document, Heading, Language, Sentence
from marskit.views.executions import execution_document
from marskit.views.forms import dry_run_document
from marskit.views.loop import loop_view
from marskit.views.observation import observation_document
from marskit.views.phases import phase_document, progress_document
from marskit.views.series import series_view
from marskit.views.tone import Tone
from marskit.views.topology import topology_view


def state_bundle(state: State) -> Bundle:
    """The loop, the mesh and the curves of the users' service; before there is a mesh, how its start goes."""
    if state.gateway_url is None and state.observation is None:
        return of_document(progress_document(state))
    pictures = (
        rail_html(loop_view(state)),
        topology_svg(topology_view(state)),
        series_svg(series_view(state)),
    )
    return of_document(knowledge_document(state) or phase_document(state, Phase.KNOWLEDGE), *pictures)


def observation_bundle(seen: Observation) -> Bundle:
    """Monitor's observation."""
    return of_document(observation_document(seen))


def diagnosis_bundle(diagnosis: Diagnosis) -> Bundle:
    """Analyse's diagnosis."""
    return of_document(_phase(Phase.ANALYSE, diagnosis=diagnosis))


def plan_bundle(plan: Plan) -> Bundle:
    """A plan with its predictions and what the shield changed."""
    return of_document(_phase(Phase.PLAN, plan=plan))


def cycle_bundle(cycle: Cycle) -> Bundle:
    """A whole cycle, phase by phase."""
    state = _state_of(cycle)
    blocks: list[Block] = []
    for phase in Phase:
        if phase is not Phase.KNOWLEDGE:
            blocks += [Heading(phase.capitalize()), *phase_document(state, phase)]
    blocks += [Sentence(effect.sentence, Tone.PLAIN, "↳") for effect in cycle.effects]
    return of_document(tuple(blocks))


def cycles_bundle(cycles: Cycles) -> Bundle:
    """Several cycles, as a table."""
    return of_document(knowledge_document(State(cycles=tuple(cycles), cycles_done=len(cycles))) or _NONE)


def execution_bundle(execution: Execution) -> Bundle:
    """An execution: the command, the diff and the inverse."""
    return of_document(execution_document(execution))


def effect_bundle(effect: Effect) -> Bundle:
    """A measured effect."""
    return of_document((Sentence(effect.sentence, Tone.PLAIN, "↳"),))


def dry_run_bundle(dry_run: DryRun) -> Bundle:
    """What an action would do."""
    return of_document(_would(dry_run))


def what_if_bundle(what: WhatIf) -> Bundle:
    """The same with the twin's predictions."""
    action = (what.dry_run.action,)
    plan = Plan("", (Candidate(action, "", prediction=what.prediction),), (), "", (), nothing=what.nothing)
    predicted = _phase(Phase.PLAN, plan=plan)[1:-2] if what.nothing is not None else ()
    return of_document((*_would(what.dry_run), *predicted))


def branched_bundle(branched: Branched) -> Bundle:
    """A branch beside its run."""
    view = branch_view(branched)
    words = (Sentence(sentence, Tone.DIM) for sentence in view.words)
    return of_document((Heading(view.title), view.figures, *words))


_NONE: Document = (Sentence("No cycle yet.", Tone.DIM),)
_SHOWN: Mapping[type, Callable[[Any], Bundle]] = {
    State: state_bundle,
    Observation: observation_bundle,
    Diagnosis: diagnosis_bundle,
    Plan: plan_bundle,
    Cycle: cycle_bundle,
    Cycles: cycles_bundle,
    Execution: execution_bundle,
    Effect: effect_bundle,
    DryRun: dry_run_bundle,
    WhatIf: what_if_bundle,
    Branched: branched_bundle,
}


def bundle_of(shown: object) -> Bundle:
    """The record as a notebook shows it; raises `KeyError` for anything that is no record."""
    return _SHOWN[type(shown)](shown)


def register() -> None:
    """Tell the IPython of this program how to show the records; does nothing where there is none."""
    if "IPython" not in sys.modules:
        return
    shell = cast(Any, sys.modules["IPython"]).get_ipython()
    display = getattr(shell, "display_formatter", None)
    if display is None:
        return
    for kind, shown in _SHOWN.items():
        display.mimebundle_formatter.for_type(kind, shown)
        # IPython prefers its own text for what is a tuple.
        display.formatters["text/plain"].for_type(kind, partial(_print, shown))


def _print(shown: Callable[[Any], Bundle], record: object, printer: Any, cycle: object) -> None:
    printer.text(shown(record)["text/plain"])


def _phase(phase: Phase, *, diagnosis: Diagnosis | None = None, plan: Plan | None = None) -> Document:
    cycle = CycleInProgress(1, phase, phase_done=True, diagnosis=diagnosis, plan=plan)
    return phase_document(State(cycle=cycle), phase)


def _state_of(cycle: Cycle) -> State:
    """The state in which that cycle has just ended, as far as the cycle knows it."""
    here = CycleInProgress(
        cycle.id,
        Phase.KNOWLEDGE,
        phase_done=True,
        observation=cycle.observation,
        diagnosis=cycle.diagnosis,
        plan=cycle.plan,
    )
    return State(
        now_s=cycle.observation.at_s,
        gateway_url="",
        observation=cycle.observation,
        cycle=here,
        cycles=(cycle,),
        cycles_done=cycle.id,
        executions=cycle.executions,
        mode=cycle.mode,
        planner=cycle.planner,
    )


def _would(dry_run: DryRun) -> Document:
    if dry_run.inverse_command is None:
        return dry_run_document(dry_run)
    undo = Sentence("undo with", Tone.DIM), Code(dry_run.inverse_command, Language.COMMAND)
    return (*dry_run_document(dry_run), *undo)
