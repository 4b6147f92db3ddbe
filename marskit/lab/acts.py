"""What a person does to the mesh, the load and the loop; every method returns when it took effect."""

from collections.abc import Mapping

from marskit.domain.actions import (
    Action,
    Scale,
    SetOutlierDetection,
    SetRetries,
    SetTimeout,
    ShiftTraffic,
    describe,
)
from marskit.domain.commands import (
    Act,
    Approve,
    Inject,
    Reject,
    Replan,
    SetLoadFactor,
    SetMode,
    SetPace,
    SetPlanner,
    SetScenario,
    Undo,
)
from marskit.domain.config import OutlierDetection, Retries, RouteSetting
from marskit.domain.events import RunEnded
from marskit.domain.faults import (
    ClearFaults,
    Delay,
    Fault,
    HangReplica,
    InjectErrors,
    KillReplica,
    SlowDown,
    describe_fault,
    why_unfit,
)
from marskit.domain.loop_events import ApprovalAwaited, CycleCompleted, ExecuteEnded
from marskit.domain.records import Execution, Mode
from marskit.domain.state import CycleInProgress
from marskit.lab.driven import Driven
from marskit.lab.inputs import LabError, as_mode
from marskit.lab.records import WhatIf, what_if
from marskit.plugins.base import Planner
from marskit.plugins.by_value import planner_name


class Acts(Driven):
    """The person's part of a lab."""

    _by_phases = False
    """Whether the loop was last let go by a single phase."""
    _pace: float | None = None
    """The pace that a person wants."""

    def act(self, action: Action) -> Execution:
        """Execute an action as a person; the shield applies.

        >>> import marskit as mk
        >>> with mk.Lab("twin", planner="static") as lab:
        ...     cycle = lab.step()
        ...     done = lab.scale("payments", 3)
        ...     undone = lab.undo()
        >>> print(done.command)
        kubectl scale deployment/payments -n marskit-demo --replicas=3 --current-replicas=2
        >>> undone.undoes == done.id
        True

        Raises:
            CommandError: It cannot be executed; one sentence says why.
        """
        self._tell(Act(action), describe(action).capitalize())
        return self.state.executions[-1]

    def what_if(self, action: Action) -> WhatIf:
        """What an action would do now: the diff, the command, its inverse, the shield's changes.

        >>> import marskit as mk
        >>> with mk.Lab("twin") as lab:
        ...     cycle = lab.step()
        ...     what = lab.what_if(mk.Scale("orders", 3))
        >>> [line for line in what.dry_run.diff.splitlines() if line.startswith("+ ")]
        ['+  replicas: 3']

        Raises:
            CommandError: It would be refused; the sentence is that of `act`.
        """
        self.ready()
        dry_run = self._watch.result(self._runtime.preview(action), self._timeout_s, "The dry run")
        return what_if(dry_run, self.state)

    def scale(self, workload: str, replicas: int) -> Execution:
        """Set the number of a workload's replicas; see `act`."""
        self.ready()
        self._require_workload(workload)
        return self.act(Scale(workload, replicas))

    def shift(self, route: str, weights_percent: Mapping[str, int], *, index: int | None = None) -> Execution:
        """Set the weights of a route; see `act`.

        Args:
            route: The VirtualService, or the service that it routes to.
            weights_percent: The weight of every subset; they add up to 100.
            index: Position of the route in the VirtualService; by default, of the one with these subsets.
        """
        found = self._route(route, index, frozenset(weights_percent))
        return self.act(ShiftTraffic(found.virtual_service, found.index, tuple(weights_percent.items())))

    def set_timeout(self, route: str, timeout_ms: int | None, *, index: int | None = None) -> Execution:
        """Set a route's timeout, or remove it with None; see `shift` and `act`."""
        found = self._route(route, index)
        return self.act(SetTimeout(found.virtual_service, found.index, timeout_ms))

    def set_retries(
        self, route: str, retries: Retries | int | None, *, index: int | None = None
    ) -> Execution:
        """Set how often a route retries, or remove its policy with None; see `shift` and `act`."""
        found = self._route(route, index)
        policy = Retries(retries) if isinstance(retries, int) else retries
        return self.act(SetRetries(found.virtual_service, found.index, policy))

    def set_outlier_detection(self, rule: str, detection: OutlierDetection | None) -> Execution:
        """Set when a DestinationRule ejects a replica, or remove that with None; see `act`.

        Args:
            rule: The DestinationRule, or the service that it is for.
            detection: The setting.
        """
        self.ready()
        outliers = self.state.configuration.outliers if self.state.configuration else ()
        named = [each.destination_rule for each in outliers if rule in (each.destination_rule, each.service)]
        if len(named) != 1:
            known = ", ".join(each.destination_rule for each in outliers) or "none"
            raise LabError(f"{rule!r} is not one DestinationRule; choose one of {known}.")
        return self.act(SetOutlierDetection(named[0], detection))

    def undo(self, execution: Execution | int | None = None) -> Execution:
        """Execute the recorded inverse of an execution; by default, of the newest one not yet undone.

        Raises:
            CommandError: There is nothing to undo, or it fails.
        """
        number = execution.id if isinstance(execution, Execution) else execution
        self._tell(Undo(number), "The undo")
        return self.state.executions[-1]

    def approve(self) -> None:
        """Approve the plan that awaits approval, and wait until it is executed.

        Raises:
            LabError: No plan awaits approval.
            CommandError: Another plan has replaced it.
        """
        self._decide(approved=True)

    def reject(self) -> None:
        """Drop the plan that awaits approval; see `approve`."""
        self._decide(approved=False)

    def replan(self) -> None:
        """Plan again for the present, in place of the plan that awaits approval.

        The new plan awaits approval, or the cycle ends if there is nothing to do any more.
        """
        self._awaiting()
        before = self._watch.count(ApprovalAwaited, CycleCompleted)
        self._tell(Replan(), "The new plan")
        self._wait(lambda _: self._watch.count(ApprovalAwaited, CycleCompleted) > before, "The new plan")

    def mode(self, mode: Mode | str) -> None:
        """Change what the loop may do by itself: `auto`, `recommend`, `approve` or `freeze`."""
        self._tell(SetMode(as_mode(mode)), "The change of the mode")

    def planner(self, planner: str | type[Planner]) -> None:
        """Let another planner decide from the next Plan phase on: a name, `FILE.py:CLASS` or a class.

        Raises:
            CommandError: It cannot be used; the present one stays.
        """
        self._tell(SetPlanner(planner_name(planner)), "The change of the planner")

    def pace(self, pace: float | None) -> None:
        """Let the twin's time pass at another pace; None is as fast as possible.

        Raises:
            CommandError: The mesh runs in real time, or the pace is out of bounds.
        """
        self._tell(SetPace(pace), "The change of the pace")
        self._pace = pace

    def load(self, factor: float) -> None:
        """Multiply the scenario's rate by a factor; 1 is normal."""
        self._tell(SetLoadFactor(factor), "The change of the load")

    def scenario(self, name: str) -> None:
        """Start another load scenario from its beginning."""
        self._tell(SetScenario(name), "The change of the scenario")

    def kill(self, workload: str) -> None:
        """Kill one replica of a workload at once, as `kill -9` or a lost node would."""
        self._inject(KillReplica(workload))

    def hang(self, workload: str) -> None:
        """Stop one replica of a workload: it takes requests and never answers."""
        self._inject(HangReplica(workload))

    def slow(self, workload: str, factor: float = 3.0) -> None:
        """Multiply the service time of every replica of a workload.

        >>> import marskit as mk
        >>> with mk.Lab("twin") as lab:
        ...     lab.slow("payments", 2)
        ...     faults = lab.state.faults
        ...     lab.clear()
        ...     lab.state.faults
        ()
        >>> faults
        (SlowDown(workload='payments', factor=2),)
        """
        self._inject(SlowDown(workload, factor))

    def errors(self, workload: str, percent: float) -> None:
        """Make a share of a workload's responses fail."""
        self._inject(InjectErrors(workload, percent))

    def delay(self, workload: str, delay_ms: int) -> None:
        """Add a fixed time to every request to a workload."""
        self._inject(Delay(workload, delay_ms))

    def clear(self) -> None:
        """Remove every fault, and let stopped replicas continue."""
        self._inject(ClearFaults())

    def _inject(self, fault: Fault) -> None:
        self.ready()
        if (why := why_unfit(fault, self._workloads())) is not None:
            raise LabError(f"{why[0].upper()}{why[1:]}.")
        self._tell(Inject(fault), describe_fault(fault).capitalize())

    def _awaiting(self) -> CycleInProgress:
        self.ready()
        cycle = self.state.cycle
        if cycle is None or not cycle.awaiting_approval:
            raise LabError("No plan awaits approval.")
        return cycle

    def _decide(self, *, approved: bool) -> None:
        cycle = self._awaiting()
        ends = (ExecuteEnded, RunEnded) if self._by_phases else (CycleCompleted, RunEnded)
        before = self._watch.count(*ends)
        decision = Approve if approved else Reject
        self._tell(decision(cycle.id, cycle.revision), "The decision")
        self._wait(
            lambda state: self._watch.count(*ends) > before and self._rests(state),
            "The execution of the plan",
        )

    def _workloads(self) -> tuple[str, ...]:
        started = self.state.started
        return tuple(workload.name for workload in started.topology.workloads) if started else ()

    def _require_workload(self, workload: str) -> None:
        if workload not in (known := self._workloads()):
            raise LabError(f"{workload!r} is not a workload; choose one of {', '.join(sorted(known))}.")

    def _route(self, route: str, index: int | None, subsets: frozenset[str] = frozenset()) -> RouteSetting:
        """The one route of that VirtualService, or to that service, with that position or those subsets."""
        self.ready()
        configuration = self.state.configuration
        routes = configuration.routes if configuration else ()
        found = [each for each in routes if each.virtual_service == route]
        found = found or [each for each in routes if any(d.service == route for d in each.destinations)]
        if not found:
            known = ", ".join(dict.fromkeys(each.virtual_service for each in routes)) or "none"
            raise LabError(
                f"{route!r} is not a VirtualService, nor a service behind one; choose one of {known}."
            )
        if index is not None:
            found = [each for each in found if each.index == index]
        elif len(found) > 1 and subsets:
            # Only among several: of a single one, the controller says what is wrong with the weights.
            found = [each for each in found if subsets == {d.subset for d in each.destinations}]
        if len(found) != 1:
            named = [each for each in routes if each.virtual_service == route] or list(routes)
            raise LabError(
                f"{route!r} has no single such route; give index, of {', '.join(r.label for r in named)}."
            )
        return found[0]
