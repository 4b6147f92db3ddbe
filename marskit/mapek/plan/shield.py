"""The shield: what no planner may do, in the twin, locally and on a cluster alike."""

from collections.abc import Callable, Sequence

from marskit.domain.actions import Action, ShiftTraffic, target
from marskit.domain.records import Execution, ShieldChange
from marskit.mapek.plan import shield_rules as rules
from marskit.mapek.plan.shield_rules import Context, ShieldLimits, Verdict
from marskit.planning import PlanningView

__all__ = ["Shield", "ShieldLimits"]

Rule = Callable[[Action, Context], Verdict | None]

# What an action names is checked before its value, its value before its moment, and last what it would do.
_RULES: tuple[tuple[str, Rule], ...] = (
    ("duplicate", rules.duplicate),
    ("unknown target", rules.unknown_target),
    ("bounds", rules.bounds),
    ("step", rules.step),
    ("weight step", rules.weight_step),
    ("no change", rules.no_change),
    ("cool-down", rules.cool_down),
    ("ready", rules.ready),
    ("canary", rules.canary),
    ("utilisation", rules.utilisation),
)


class Shield:
    """Lets through what is safe, makes smaller what is too much, and drops the rest, saying why."""

    def __init__(self, limits: ShieldLimits) -> None:
        self._limits = limits

    def check(
        self, proposed: Sequence[Action], view: PlanningView, executions: Sequence[Execution]
    ) -> tuple[tuple[Action, ...], tuple[ShieldChange, ...]]:
        """What of the proposed actions may be executed now, and what was changed about them.

        Args:
            proposed: What a planner or a person wants, in order; the first allowed on a target counts.
            view: The mesh as it stands.
            executions: Earlier executions of the run, for the cool-downs.
        """
        allowed: list[Action] = []
        changes: list[ShieldChange] = []
        for action in proposed:
            context = Context(
                limits=self._limits,
                view=view,
                executions=tuple(executions),
                taken=frozenset(target(a) for a in allowed),
                shifts=tuple(a for a in proposed if isinstance(a, ShiftTraffic)),
            )
            left, made = _judge(action, context)
            changes += made
            if left is not None:
                allowed.append(left)
        return tuple(allowed), tuple(changes)


def _judge(action: Action, context: Context) -> tuple[Action | None, list[ShieldChange]]:
    """What all rules together leave of one action."""
    changes: list[ShieldChange] = []
    for name, rule in _RULES:
        verdict = rule(action, context)
        if verdict is not None:
            changes.append(ShieldChange(name, action, verdict.allowed, verdict.sentence))
            if verdict.allowed is None:
                return None, changes
            action = verdict.allowed
    return action, changes
