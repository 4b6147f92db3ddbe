"""A planner of somebody else that runs in the program's own process, because a person asked for that."""

from marskit.agents.sources import Source
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.plan import Plan
from marskit.planning import News, PlannerFailed, PlanningView
from marskit.plugins.answer import WrongAnswer, diagnosis_of, plan_of
from marskit.plugins.base import Planner
from marskit.plugins.load import CannotLoad, defined, load_class, make, own_folder, raised


class TrustedPlanner:
    """Meets `marskit.planning.GuestPlanner` without a process: nothing ends it when it hangs.

    What it answers is checked as that of any other planner is.
    """

    in_thread = True

    def __init__(self, source: Source, name: str, seed: int) -> None:
        """Load it.

        Raises:
            PlannerFailed: It cannot be loaded; one sentence says why.
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
        """Begin anew with a planner that knows nothing.

        Raises:
            PlannerFailed: It failed at that.
        """
        if seed != self._seed:
            try:
                self._planner = make(self._cls, seed, self._own)
            except CannotLoad as error:
                raise self._failed(str(error)) from error
        self._seed = seed

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """What the planner plans.

        Raises:
            PlannerFailed: It gave no plan.
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
        """What the planner makes of the diagnosis.

        Raises:
            PlannerFailed: It gave no answer.
        """
        self._seed = None
        try:
            return diagnosis_of(self._planner.analyse(diagnosis, view)) or diagnosis
        except WrongAnswer as wrong:
            raise self._failed(f"{wrong}{defined(self._cls.analyse)}") from wrong
        except BaseException as error:
            raise self._failed(raised(error, self._own)) from error

    def take_news(self) -> tuple[News, ...]:
        """Nothing happens to it that its answers do not say."""
        return ()

    def close(self) -> None:
        """There is nothing to end."""

    def _failed(self, sentence: str) -> PlannerFailed:
        return PlannerFailed(f"The planner {self._title} {sentence.rstrip('.')}.")
