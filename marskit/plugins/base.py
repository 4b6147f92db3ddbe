"""The base class of a user's own planner, exported as `marskit.Planner`."""

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

    The constructor takes no arguments. Attributes keep their values from one call to the next.
    """

    name: ClassVar[str] = ""
    """The name used in messages; by default the name of the class."""
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
        """Return None, an action, a list of actions or a whole `Plan`.

        Args:
            diagnosis: The conclusion of Analyse in this cycle.
            view: Everything else that a planner may read; it is read-only.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method plan")

    def analyse(self, diagnosis: Diagnosis, view: PlanningView) -> Diagnosis | None:
        """Return a diagnosis to use in place of the one from Analyse, or None to keep that one.

        Args:
            diagnosis: The conclusion of Analyse in this cycle.
            view: Everything else that a planner may read; it is read-only.
        """
        return None

    def reset(self, seed: int) -> None:
        """Prepare for a run: seed every source of randomness with `seed`.

        It is called once, right after the constructor: every run makes a new planner.
        """

    def explain(self, reason: str) -> None:
        """Set the reason for what `plan` is about to return; it is shown and recorded with the plan."""
        self._explained = reason
