"""The twin behind the mesh port: a mesh computed from its manifests up to the clock's time."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from marskit.domain.actions import Action, Scale, SetOutlierDetection, describe, target
from marskit.domain.capabilities import ActionKind, Capabilities
from marskit.domain.config import Configuration
from marskit.domain.diagnosis import Severity
from marskit.domain.events import ConfigurationChanged, MeshReady, Noticed, Progressed
from marskit.domain.faults import (
    ClearFaults,
    Delay,
    Fault,
    HangReplica,
    InjectErrors,
    KillReplica,
    SlowDown,
    why_unfit,
)
from marskit.domain.metrics import ConfigGeneration, MeshSample, WorkloadSample
from marskit.domain.topology import GATEWAY, Topology
from marskit.mesh.manifests.edit import apply_action, preview_action
from marskit.mesh.manifests.graph import configuration, topology
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.port import (
    SCALE_WAIT_S,
    ActionError,
    ActionPreview,
    Applied,
    MeshEvent,
    Rejected,
    WriteOutcome,
)
from marskit.mesh.simulator.card import Card
from marskit.mesh.simulator.compile import twin_model
from marskit.mesh.simulator.engine import Engine
from marskit.mesh.simulator.model import TwinModel
from marskit.timing.clock import Clock

CAPABILITIES = Capabilities(
    is_simulated=True,
    can_hold_time=True,
    sample_period_s=0.0,
    without_effect=(ActionKind.SET_OUTLIER_DETECTION,),
    knows_service_times=True,
)
PUSH_S = 0.009
"""Time from a write until requests are served by it, in seconds: `make bench`'s median on Envoy."""


class TwinMesh:
    """Uses no process and no port: each call first computes everything since the previous one."""

    def __init__(
        self,
        config: MeshConfig,
        *,
        clock: Clock,
        engine: Callable[[TwinModel], Engine],
        card: Card | None = None,
        answered: Callable[[int, int], None] = lambda requests, failures: None,
    ) -> None:
        """Take the manifests.

        Args:
            config: The mesh to simulate.
            clock: The time up to which the engine runs; unless it is virtual, this is as slow as a real mesh.
            engine: Makes the engine, at second 0 of the clock.
            card: Service times and hops fitted to recorded runs.
            answered: Receives, with every sample, the number of requests that the gateway answered and how
                many of them failed; a simulated load learns no more of its requests.

        Raises:
            ManifestError: The twin cannot simulate this mesh.
        """
        self._config = config
        self._configuration = configuration(config)
        self._clock = clock
        self._card = card
        self._engine = engine(twin_model(config, card))
        self._answered = answered
        self._report: Callable[[MeshEvent], None] = lambda event: None
        self._accepted = self._effective = 0
        self._broken: dict[str, None] = {}
        """Workloads with a slow-down, a delay, errors or a stopped replica, in order of injection."""
        self._workloads: tuple[WorkloadSample, ...] = ()
        self._sampled_at_s = 0.0
        self._told_of_ejection = False

    @property
    def name(self) -> str:
        """`twin`."""
        return "twin"

    @property
    def capabilities(self) -> Capabilities:
        """Everything but ejection, in time of its own."""
        return CAPABILITIES

    @cached_property
    def topology(self) -> Topology:
        """The graph from the manifests; actions do not change it."""
        return topology(self._config)

    @property
    def configuration(self) -> Configuration:
        """The present manifests, including all actions so far."""
        return self._configuration

    async def start(self, report: Callable[[MeshEvent], None]) -> str:
        """Report what is simulated; all replicas are ready at once."""
        self._report = report
        now_s = self._advance()
        model = self._engine.model
        report(Progressed(now_s, "manifests", f"{len(model.stations)} workloads, {len(model.calls)} calls"))
        for notice in self._config.notices:
            report(Noticed(now_s, Severity.INFO, "manifests", notice))
        _, self._workloads = self._engine.read()
        self._sampled_at_s = now_s
        url = f"twin:{self._config.namespace}"
        report(MeshReady(now_s, url))
        return url

    async def stop(self) -> None:
        """Does nothing: there is nothing to stop."""

    async def sample(self) -> MeshSample:
        """The traffic since the last call."""
        now_s = self._advance()
        edges, self._workloads = self._engine.read()
        entrance = [sample for sample in edges if sample.edge.source == GATEWAY]
        self._answered(sum(each.requests for each in entrance), sum(each.failures for each in entrance))
        duration_s, self._sampled_at_s = now_s - self._sampled_at_s, now_s
        generation = ConfigGeneration(self._accepted, self._effective, self._effective)
        return MeshSample(now_s, duration_s, edges, self._workloads, generation)

    def preview(self, action: Action) -> ActionPreview:
        """The action's effect on the manifests."""
        return preview_action(self._config, action)

    async def execute(self, action: Action) -> WriteOutcome:
        """Edit the manifests and apply the edit to the engine, in about the time that Envoy takes."""
        try:
            edited = apply_action(self._config, action)
        except ActionError as error:
            return Rejected(str(error))
        match action:
            case Scale(workload, replicas):
                more = replicas > self.configuration.replicas_of(workload)
                self._become(edited)
                return await self._scale(workload, replicas, more=more)
            case SetOutlierDetection():
                self._say_not_simulated()
                return await self._reroute(action)
            case _:
                return await self._reroute(action)

    async def inject(self, fault: Fault) -> None:
        """Inject a fault, or clear all of them."""
        now_s = self._advance()
        problem = why_unfit(fault, {workload.name for workload in self.topology.workloads})
        if problem is not None:
            raise ActionError(problem)
        if isinstance(fault, ClearFaults):
            for workload in self._broken:
                self._engine.resume(workload)
                self._engine.slow_down(workload, 1.0)
                self._engine.fail(workload, 0.0)
                self._engine.delay(workload, 0.0)
            self._broken.clear()
            return
        match fault:
            case KillReplica(workload):
                self._kill(workload, now_s)
            case HangReplica(workload):
                if not self._engine.hang(workload):
                    raise ActionError(f"{workload} has no ready replica left to hang")
                self._broken[workload] = None
            case SlowDown(workload, factor):
                self._engine.slow_down(workload, factor)
                self._broken[workload] = None
            case InjectErrors(workload, percent):
                self._engine.fail(workload, percent)
                self._broken[workload] = None
            case Delay(workload, delay_ms):
                self._engine.delay(workload, delay_ms / 1000.0)
                self._broken[workload] = None

    async def change_from_outside(self, action: Action) -> None:
        """Let somebody else change the mesh, as `kubectl` beside the loop would.

        Raises:
            ActionError: The action does not fit this mesh.
        """
        outcome = await self.execute(action)
        if isinstance(outcome, Rejected):
            raise ActionError(outcome.reason)
        sentence = f"somebody else changed it: {describe(action)}."
        now_s = self._clock.now()
        self._report(ConfigurationChanged(now_s, (target(action),), sentence, self.configuration))

    def _say_not_simulated(self) -> None:
        """Once a run: that an edit is taken and has no effect must not look like an effect of 0."""
        if not self._told_of_ejection:
            self._told_of_ejection = True
            sentence = "outlier detection is set in the manifests, but the twin does not simulate ejection"
            self._report(Noticed(self._clock.now(), Severity.WARNING, "twin", sentence))

    def _become(self, config: MeshConfig) -> None:
        self._config = config
        self._configuration = configuration(config)

    def _advance(self) -> float:
        now_s = self._clock.now()
        self._engine.advance(now_s)
        return now_s

    async def _scale(self, workload: str, replicas: int, *, more: bool) -> WriteOutcome:
        begun_s = self._advance()
        self._engine.scale(workload, replicas)
        generation = await self._pushed()
        if not more:
            return Applied(generation, PUSH_S * 1000, PUSH_S * 1000)
        end_s = begun_s + SCALE_WAIT_S
        self._advance()
        while (left_s := self._engine.unready_for_s(workload)) > 0.0:
            await self._clock.sleep(min(left_s, end_s - self._clock.now()))
            if self._advance() >= end_s:
                return Applied(generation, PUSH_S * 1000, None)
        return Applied(generation, PUSH_S * 1000, round((self._clock.now() - begun_s) * 1000, 1))

    async def _reroute(self, action: Action) -> WriteOutcome:
        generation = await self._pushed()
        # Edited again: a workload may have been scaled while the proxies were updated.
        self._become(apply_action(self._config, action))
        self._advance()
        calls = twin_model(self._config, self._card).calls
        self._engine.change(replace(self._engine.model, calls=calls))
        return Applied(generation, PUSH_S * 1000, PUSH_S * 1000)

    async def _pushed(self) -> int:
        """Wait as long as an update of the proxies takes; the number of the new configuration."""
        self._accepted += 1
        generation = self._accepted
        await self._clock.sleep(PUSH_S)
        self._effective = generation
        return generation

    def _kill(self, workload: str, now_s: float) -> None:
        if not any(sample.replicas_ready for sample in self._workloads if sample.workload == workload):
            raise ActionError(f"{workload} has no ready replica to kill")
        self._engine.kill(workload)
        sentence = f"a replica of {workload} was killed and is restarting"
        self._report(Noticed(now_s, Severity.WARNING, workload, sentence))
