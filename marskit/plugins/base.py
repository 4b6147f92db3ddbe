"""What a person writes to plan: a subclass of `Planner`, exported as `marskit.Planner`."""

from collections.abc import Sequence
from typing import ClassVar

from marskit.domain.actions import Action
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.plan import Plan
from marskit.planning import PlanningView

Answer = Plan | Action | Sequence[Action] | None
"""What `Planner.plan` may return."""


class Planner:
    """Decides what to do about a diagnosis. Write `plan`; everything else has a default.

    A planner is made without arguments. Whatever it keeps in attributes is there at the next call.
    """

    name: ClassVar[str] = ""
    """What messages call it; by default the name of the class."""
    summary: ClassVar[str] = ""
    """One sentence on how it decides; by default the first line of the class's docstring."""
    _explained = ""

    def __init_subclass__(cls) -> None:
        """Give the class a name and a summary unless it has its own."""
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            cls.name = cls.__name__
        if "summary" not in cls.__dict__:
            lines = (cls.__doc__ or "").strip().splitlines()
            cls.summary = lines[0] if lines else "A planner without a description."

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Answer:
        """Return None, an action, a list of actions or a whole `Plan`."""
        raise NotImplementedError(f"{type(self).__name__} has no method plan")

    def analyse(self, diagnosis: Diagnosis, view: PlanningView) -> Diagnosis | None:
        """Return another diagnosis than the one that Analyse came to; None leaves it."""
        return None

    def reset(self, seed: int) -> None:
        """Prepare for a run; every source of chance is to be seeded with `seed`.

        It is called once after the planner was made: a run never gets a planner that was used before.
        """

    def explain(self, reason: str) -> None:
        """Give the reason for what `plan` is about to return; it is shown and recorded with the plan."""
        self._explained = reason
