"""Execute: carries out one action, after recording how to repeat and undo it."""

from dataclasses import replace
from typing import assert_never

from marskit.domain.actions import Action
from marskit.domain.records import ALREADY_SO, Execution, Origin, Outcome
from marskit.mesh.port import ActionError, ActionPreview, Applied, Mesh, MeshError, Rejected, Unknown
from marskit.timing.clock import Clock

_MISFIT = ActionPreview("", "", None, None)
"""Of an action that does not fit the mesh: no command could carry it out."""


async def execute(mesh: Mesh, action: Action, *, id: int, origin: Origin, clock: Clock) -> Execution:
    """Write the action to the mesh; its inverse is computed first, while the old state is still known."""
    at_s = clock.now()
    try:
        preview = mesh.preview(action)
    except ActionError as error:
        return _record(action, _MISFIT, id, origin, at_s, Outcome.REJECTED, str(error))
    if not preview.diff:
        return _record(action, preview, id, origin, at_s, Outcome.WITHHELD, ALREADY_SO)
    try:
        outcome = await mesh.execute(action)
    except (MeshError, OSError) as error:
        outcome = Unknown(str(error))
    match outcome:
        case Applied(generation, pushed_after_ms, effective_after_ms):
            reason = _when(effective_after_ms)
            return replace(
                _record(action, preview, id, origin, at_s, Outcome.APPLIED, reason),
                generation=generation,
                pushed_after_ms=pushed_after_ms,
                effective_after_ms=effective_after_ms,
            )
        case Rejected(reason):
            return _record(action, preview, id, origin, at_s, Outcome.REJECTED, reason)
        case Unknown(reason):
            return _record(action, preview, id, origin, at_s, Outcome.UNKNOWN, reason)
        case _:
            assert_never(outcome)


def withhold(mesh: Mesh, action: Action, *, id: int, origin: Origin, at_s: float, reason: str) -> Execution:
    """The execution that the action would have been, with nothing written."""
    try:
        preview = mesh.preview(action)
    except ActionError as error:
        return _record(action, _MISFIT, id, origin, at_s, Outcome.REJECTED, str(error))
    return _record(action, preview, id, origin, at_s, Outcome.WITHHELD, reason)


def _when(effective_after_ms: float | None) -> str:
    if effective_after_ms is None:
        return "pushed, not effective yet"
    return f"effective after {effective_after_ms:.0f} ms"


def _record(
    action: Action,
    preview: ActionPreview,
    id: int,
    origin: Origin,
    at_s: float,
    outcome: Outcome,
    reason: str,
) -> Execution:
    return Execution(
        id=id,
        origin=origin,
        action=action,
        command=preview.command,
        diff=preview.diff,
        inverse=preview.inverse,
        inverse_command=preview.inverse_command,
        outcome=outcome,
        reason=reason,
        at_s=at_s,
    )
