"""The twin in the middle of a recorded run: with its configuration, requests and faults."""

from collections.abc import Callable, Sequence

from marskit.branching.past import BranchPoint
from marskit.calibration.rerun import Change, apply_change, started_as
from marskit.domain.actions import Action, Scale, SetOutlierDetection, SetRetries, SetTimeout, ShiftTraffic
from marskit.domain.config import Configuration, RouteSetting
from marskit.domain.metrics import EdgeSample, WorkloadSample
from marskit.load.simulated import SimulatedLoad
from marskit.mesh.manifests.edit import apply_action
from marskit.mesh.manifests.graph import configuration
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.port import ActionError
from marskit.mesh.simulator.adapter import TwinMesh
from marskit.mesh.simulator.card import Card
from marskit.mesh.simulator.compile import twin_model
from marskit.mesh.simulator.engine import Arrivals, Engine
from marskit.mesh.simulator.model import TwinModel
from marskit.mesh.simulator.starts import slowness
from marskit.replay.branched import ReplayError
from marskit.timing.clock import Clock

_READ_S = 0.1
"""Seconds by which replicas may be observed later than they start."""
MakeEngine = Callable[[TwinModel, Arrivals, int], Engine]


def configured(config: MeshConfig, wanted: Configuration) -> MeshConfig:
    """The manifests with all changes that actions had made by then.

    Raises:
        ReplayError: The manifests differ from the run's.
    """
    try:
        for action in _edits(configuration(config), wanted):
            config = apply_action(config, action)
    except (ActionError, KeyError) as error:
        raise ReplayError(f"The manifests differ from the recorded run's: {error}.") from error
    if configuration(config) != wanted:
        raise ReplayError("The manifests differ from the recorded run's, or have changed since.")
    return config


def warm_twin(
    past: BranchPoint,
    config: MeshConfig,
    card: Card | None,
    load: SimulatedLoad,
    engine: MakeEngine,
    clock: Clock,
) -> TwinMesh:
    """The mesh of `config` in its state at the clock's time in the recorded run; `load` was resumed."""
    model = started_as(twin_model(config, card), past.warm_state.configuration or configuration(config))
    offset_s = past.warm_s
    twin = engine(model, _Shifted(load, offset_s), past.started.seed)
    broken: set[str] = set()
    for fault in past.warm_state.faults:
        apply_change(twin, fault, broken)
    recalled = _Recalled(twin, offset_s, [_as_slow(past, model, *change) for change in past.changes], broken)
    recalled.advance(clock.now())
    return TwinMesh(config, clock=clock, engine=lambda _: recalled, card=card, answered=load.answered)


def _as_slow(past: BranchPoint, model: TwinModel, at_s: float, change: Change) -> tuple[float, Change]:
    """When to apply the change: replicas that took longer than the twin's are started at the branch."""
    seen = past.state.observation
    if not isinstance(change, Scale) or seen is None:
        return at_s, change
    missing = {w.workload: w.replicas_missing or 0 for w in seen.workloads}
    slower = slowness(model.crowding, max(0, sum(missing.values()) - 1))
    is_late = at_s + model.station(change.workload).start_s * slower + _READ_S < seen.at_s
    return (past.at_s if missing[change.workload] > 0 and is_late else at_s), change


class _Shifted:
    """The arrivals for an engine whose second 0 is `offset_s` on the clock."""

    def __init__(self, arrivals: Arrivals, offset_s: float) -> None:
        self._arrivals = arrivals
        self._offset_s = offset_s

    def rate_per_s(self, at_s: float) -> float:
        """As the arrivals have it."""
        return self._arrivals.rate_per_s(at_s + self._offset_s)

    def until(self, at_s: float) -> Sequence[float]:
        """As the arrivals have it."""
        return [due_s - self._offset_s for due_s in self._arrivals.until(at_s + self._offset_s)]


class _Recalled:
    """An engine that repeats recorded changes at their times; see `Engine`."""

    def __init__(
        self, twin: Engine, offset_s: float, changes: Sequence[tuple[float, Change]], broken: set[str]
    ) -> None:
        self._twin = twin
        self._offset_s = offset_s
        self._changes = sorted(changes, key=lambda change: change[0])
        self._broken = broken

    @property
    def model(self) -> TwinModel:
        """The simulated model."""
        return self._twin.model

    def advance(self, until_s: float) -> None:
        """Simulate until then, with the recorded changes."""
        while self._changes and self._changes[0][0] <= until_s:
            at_s, change = self._changes.pop(0)
            self._twin.advance(max(0.0, at_s - self._offset_s))
            apply_change(self._twin, change, self._broken)
        self._twin.advance(until_s - self._offset_s)

    def read(self) -> tuple[tuple[EdgeSample, ...], tuple[WorkloadSample, ...]]:
        """Delegates to the engine, like the other methods."""
        return self._twin.read()

    def scale(self, workload: str, replicas: int) -> None:
        """Set the desired replicas."""
        self._twin.scale(workload, replicas)

    def unready_for_s(self, workload: str) -> float:
        """0 if all its replicas are ready, else the seconds until the next check."""
        return self._twin.unready_for_s(workload)

    def change(self, model: TwinModel) -> None:
        """Continue with other weights, timeouts or retries."""
        self._twin.change(model)

    def kill(self, workload: str) -> None:
        """End one ready replica."""
        self._twin.kill(workload)

    def hang(self, workload: str) -> bool:
        """Stop one ready replica."""
        return self._twin.hang(workload)

    def resume(self, workload: str) -> None:
        """Let stopped replicas continue."""
        self._twin.resume(workload)

    def slow_down(self, workload: str, factor: float) -> None:
        """Multiply the service times."""
        self._twin.slow_down(workload, factor)

    def delay(self, workload: str, delay_s: float) -> None:
        """Delay the first try of every call."""
        self._twin.delay(workload, delay_s)

    def fail(self, workload: str, percent: float) -> None:
        """Make that share of the responses errors."""
        self._twin.fail(workload, percent)


def _edits(now: Configuration, wanted: Configuration) -> list[Action]:
    """The actions that turn one configuration into the other."""
    actions: list[Action] = [
        Scale(workload, replicas)
        for workload, replicas in wanted.replicas
        if now.replicas_of(workload) != replicas
    ]
    for route in wanted.routes:
        actions += _route_edits(now.route(route.virtual_service, route.index), route)
    current = {outlier.destination_rule: outlier.outlier_detection for outlier in now.outliers}
    actions += [
        SetOutlierDetection(outlier.destination_rule, outlier.outlier_detection)
        for outlier in wanted.outliers
        if current[outlier.destination_rule] != outlier.outlier_detection
    ]
    return actions


def _route_edits(now: RouteSetting, wanted: RouteSetting) -> list[Action]:
    name = wanted.virtual_service, wanted.index
    actions: list[Action] = []
    if now.destinations != wanted.destinations:
        weights = tuple((each.subset or each.service, each.weight_percent) for each in wanted.destinations)
        actions.append(ShiftTraffic(*name, weights))
    if now.timeout_ms != wanted.timeout_ms:
        actions.append(SetTimeout(*name, wanted.timeout_ms))
    if now.retries != wanted.retries:
        actions.append(SetRetries(*name, wanted.retries))
    return actions
