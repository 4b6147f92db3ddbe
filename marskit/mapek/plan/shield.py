"""The shield: limits for every planner, in the twin, on Envoy and on a cluster alike."""

from collections.abc import Callable, Sequence

from marskit.domain.actions import Action, ShiftTraffic, target
from marskit.domain.plan import ShieldChange
from marskit.domain.records import Execution
from marskit.mapek.plan import shield_rules as rules
from marskit.mapek.plan.shield_rules import Context, RuleVerdict, ShieldLimits
from marskit.planning import PlanningView

__all__ = ["Shield", "ShieldLimits"]

ShieldRule = Callable[[Action, Context], RuleVerdict | None]

# The rules check an action's target first, then its value, then its timing, and last its consequences.
_RULES: tuple[tuple[str, ShieldRule], ...] = (
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
    """Passes safe actions, limits excessive ones and drops the rest, with a reason for each change."""

    def __init__(self, limits: ShieldLimits) -> None:
        self._limits = limits

    def check(
        self, proposed: Sequence[Action], view: PlanningView, executions: Sequence[Execution]
    ) -> tuple[tuple[Action, ...], tuple[ShieldChange, ...]]:
        """The proposed actions that may be executed now, and the changes made to them.

        Args:
            proposed: A planner's or a person's actions, in order; the first one allowed on a target counts.
            view: The mesh at present.
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
    """The action that remains after all rules, and the changes."""
    changes: list[ShieldChange] = []
    for name, rule in _RULES:
        verdict = rule(action, context)
        if verdict is not None:
            changes.append(ShieldChange(name, action, verdict.allowed, verdict.sentence))
            if verdict.allowed is None:
                return None, changes
            action = verdict.allowed
    return action, changes
