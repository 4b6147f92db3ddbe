"""Runs a user's planner in the program's own process, for `--trust-planner`."""

from marskit.agents.sources import Source
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.plan import Plan
from marskit.planning import GuestPlanner, News, PlannerFailed, PlanningView
from marskit.plugins.answer import WrongAnswer, diagnosis_of, plan_of
from marskit.plugins.base import Planner
from marskit.plugins.load import CannotLoad, defined, load_class, make, own_folder, raised


class TrustedPlanner(GuestPlanner):
    """Implements `marskit.planning.GuestPlanner` without a process: nothing ends a planner that hangs.

    Its answers are checked like those of any other planner.
    """

    def __init__(self, source: Source, name: str, seed: int) -> None:
        """Load the planner.

        Args:
            source: Where the class is.
            name: The name by which the planner was chosen.
            seed: Seed of its `reset`.

        Raises:
            PlannerFailed: The planner cannot be loaded; one sentence says why.
        """
        self.name = name
        self._title = source.name
        try:
            self._cls = load_class(source)
            self._own = own_folder(source)
            self._planner = make(self._cls, seed, self._own)
        except CannotLoad as error:
            raise self._failed(f"cannot be loaded: {error}") from error
        self._seed: int | None = seed
        self._title = self._planner.name
        self.summary = self._planner.summary
        self.analyses = self._cls.analyse is not Planner.analyse

    def reset(self, seed: int) -> None:
        """Replace the planner by a new one.

        Args:
            seed: Seed of the new planner's `reset`.

        Raises:
            PlannerFailed: The planner cannot be made or reset.
        """
        if seed != self._seed:
            try:
                self._planner = make(self._cls, seed, self._own)
            except CannotLoad as error:
                raise self._failed(str(error)) from error
        self._seed = seed

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """Ask the planner for a plan.

        Raises:
            PlannerFailed: The planner returned no usable plan; one sentence says why.
        """
        self._seed = None
        try:
            self._planner._explained = ""
            return plan_of(self._planner.plan(diagnosis, view), self._planner, self.name)
        except WrongAnswer as wrong:
            raise self._failed(f"{wrong}{defined(self._cls.plan)}") from wrong
        except BaseException as error:
            raise self._failed(raised(error, self._own)) from error

    def analyse(self, diagnosis: Diagnosis, view: PlanningView) -> Diagnosis:
        """Ask the planner for its own diagnosis; the given one if it has none.

        Raises:
            PlannerFailed: The planner returned no usable diagnosis; one sentence says why.
        """
        self._seed = None
        try:
            return diagnosis_of(self._planner.analyse(diagnosis, view)) or diagnosis
        except WrongAnswer as wrong:
            raise self._failed(f"{wrong}{defined(self._cls.analyse)}") from wrong
        except BaseException as error:
            raise self._failed(raised(error, self._own)) from error

    def take_news(self) -> tuple[News, ...]:
        """Return nothing: every event shows in the answers."""
        return ()

    def close(self) -> None:
        """Do nothing, because there is no process."""

    def _failed(self, sentence: str) -> PlannerFailed:
        return PlannerFailed(f"The planner {self._title} {sentence.rstrip('.')}.")
