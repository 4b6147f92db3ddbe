"""Asks planners so that they can neither block the loop nor end the run."""

import asyncio
from collections.abc import Callable
from typing import TypeGuard, TypeVar

from marskit.controller.notices import Notices, describe
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.plan import Plan
from marskit.planning import GuestPlanner, Planner, PlannerFailed, PlanningView, Threaded
from marskit.system.blame import blamed
from marskit.system.daemon_executor import DaemonExecutor

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Run blocking work in a thread, so that the event loop continues; virtual time stands still."""
    return await asyncio.get_running_loop().run_in_executor(DaemonExecutor("marskit-planner"), work)


def analyses(planner: Planner) -> TypeGuard[GuestPlanner]:
    """Whether the planner has an Analyse of its own."""
    return isinstance(planner, GuestPlanner) and planner.analyses


class Asking:
    """Asks the planner in force."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    async def plan(self, planner: Planner, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """The planner's plan, unchecked.

        Raises:
            PlannerFailed: It returned no plan.
        """
        return await self._ask(planner, lambda: planner.plan(diagnosis, view))

    async def analyse(self, planner: GuestPlanner, diagnosis: Diagnosis, view: PlanningView) -> Diagnosis:
        """The planner's own diagnosis; the given one if it fails."""
        try:
            found = await self._ask(planner, lambda: planner.analyse(diagnosis, view))
        except PlannerFailed as failed:
            self._notices.once("planner's analysis", str(failed))
            return diagnosis
        self._notices.worked("planner's analysis")
        return found

    async def reset(self, planner: Planner, seed: int) -> None:
        """Reset the planner.

        Raises:
            PlannerFailed: The reset failed.
        """
        await self._ask(planner, lambda: planner.reset(seed))

    def reset_now(self, planner: Planner, seed: int) -> None:
        """Reset the planner without yielding to the event loop.

        Raises:
            PlannerFailed: The reset failed.
        """
        _guarded(planner, lambda: planner.reset(seed))

    async def close(self, planner: Planner) -> None:
        """End the planner's process, if it has one."""
        if isinstance(planner, GuestPlanner):
            await in_thread(planner.close)

    async def _ask(self, planner: Planner, question: Callable[[], T]) -> T:
        try:
            if isinstance(planner, Threaded):
                return await in_thread(lambda: _guarded(planner, question))
            return _guarded(planner, question)
        finally:
            if isinstance(planner, GuestPlanner):
                for news in planner.take_news():
                    self._notices.tell(news.subject, news.sentence, news.severity)


def _guarded(planner: Planner, question: Callable[[], T]) -> T:
    try:
        return question()
    except PlannerFailed:
        raise
    except BaseException as error:
        # Also SystemExit and KeyboardInterrupt: a planner's code raised them.
        raise PlannerFailed(_sentence(planner, error)) from error


def _sentence(planner: Planner, error: BaseException) -> str:
    said = describe(error).rstrip(".")
    kind = type(error).__name__
    what = kind if said == kind else f"{kind}: {said}"
    return f"The planner {planner.name} failed with {what} ({blamed(error)})."
