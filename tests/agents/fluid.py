"""A mesh of water: deterministic queues in virtual time, enough to close the loop without a process."""

from collections.abc import Callable
from dataclasses import replace

from marskit.domain.actions import Action, Scale
from marskit.domain.capabilities import Capabilities
from marskit.domain.config import Configuration
from marskit.domain.faults import Fault
from marskit.domain.metrics import EdgeSample, Histogram, MeshSample, WorkloadSample
from marskit.domain.topology import EdgeId, Topology
from marskit.mesh.port import ActionError, ActionPreview, Applied, MeshEvent, WriteOutcome
from tests.fakes import CAPABILITIES
from tests.mapek.mesh import INTO_ORDERS, TO_FOOD, TO_MUSIC, TO_PAYMENTS, TOPOLOGY, configuration

SERVED_PER_S = {"orders": 100.0, "payments": 30.0, "food": 60.0, "music": 60.0}
"""By one replica."""
SERVICE_MS = 30.0
QUEUE_LIMIT = 60.0
"""Per replica; what does not fit is answered 503 at once."""
START_S = 1.0
"""Real seconds until a new replica is ready."""


class FluidMesh:
    """Orders calls payments for every request and food and music for half of them each."""

    name = "fluid"
    topology: Topology = TOPOLOGY
    capabilities: Capabilities = CAPABILITIES

    def __init__(self, arrivals_per_s: Callable[[float], float]) -> None:
        self.configuration: Configuration = configuration()
        self.now_s = 0.0
        self._arrivals_per_s = arrivals_per_s
        self._last_s = 0.0
        self._ready = dict(self.configuration.replicas)
        self._starting: list[tuple[float, str, int]] = []
        self._backlog = dict.fromkeys(self._ready, 0.0)

    async def start(self, report: Callable[[MeshEvent], None]) -> str:
        return "http://fluid"

    async def stop(self) -> None:
        pass

    async def inject(self, fault: Fault) -> None:
        raise ActionError("water does not break")

    async def sample(self) -> MeshSample:
        duration_s, self._last_s = self.now_s - self._last_s, self.now_s
        for at_s, name, replicas in self._starting:
            if at_s <= self.now_s:
                self._ready[name] = replicas
        self._starting = [start for start in self._starting if start[0] > self.now_s]
        requests = self._arrivals_per_s(self.now_s) * duration_s
        payments, payments_ms, payments_state = self._flow(TO_PAYMENTS, requests, duration_s, 0.0)
        food, food_ms, food_state = self._flow(TO_FOOD, requests / 2, duration_s, 0.0)
        music, music_ms, music_state = self._flow(TO_MUSIC, requests / 2, duration_s, 0.0)
        inner_ms = payments_ms + max(food_ms, music_ms)
        orders, _, orders_state = self._flow(INTO_ORDERS, requests, duration_s, inner_ms)
        lost = payments.failures + food.failures + music.failures
        orders = replace(orders, failures=min(orders.requests, orders.failures + lost))
        return MeshSample(
            self.now_s,
            duration_s,
            (orders, payments, food, music),
            (orders_state, payments_state, food_state, music_state),
        )

    def _flow(
        self, edge: EdgeId, requests: float, duration_s: float, inner_ms: float
    ) -> tuple[EdgeSample, float, WorkloadSample]:
        """What passes one workload in a stretch of time, its latency, and the state it leaves."""
        name = edge.workload
        capacity = SERVED_PER_S[name] * self._ready[name]
        waiting = self._backlog[name] + requests - capacity * duration_s
        self._backlog[name] = max(0.0, min(QUEUE_LIMIT * self._ready[name], waiting))
        shed = max(0.0, waiting - self._backlog[name])
        latency_ms = SERVICE_MS + 1000.0 * self._backlog[name] / capacity + inner_ms
        count, failures = round(requests), round(shed)
        sample = EdgeSample(edge, count, failures, Histogram(((latency_ms, 1.0, count - failures),)))
        busy = min(1.0, (requests + self._backlog[name]) / (capacity * duration_s))
        desired = self.configuration.replicas_of(name)
        state = WorkloadSample(name, desired, self._ready[name], busy, self._backlog[name])
        return sample, latency_ms, state

    def preview(self, action: Action) -> ActionPreview:
        if not isinstance(action, Scale):
            raise ActionError("water only scales")
        now = self.configuration.replicas_of(action.workload)
        diff = "" if now == action.replicas else f"-{now}\n+{action.replicas}\n"
        return ActionPreview(f"scale {action.workload}", diff, Scale(action.workload, now), "scale back")

    async def execute(self, action: Action) -> WriteOutcome:
        assert isinstance(action, Scale)
        name, replicas = action.workload, action.replicas
        self.configuration = replace(
            self.configuration,
            replicas=tuple((n, replicas if n == name else count) for n, count in self.configuration.replicas),
        )
        if replicas < self._ready[name]:
            self._ready[name] = replicas
        else:
            self._starting.append((self.now_s + START_S, name, replicas))
        return Applied(1, 1.0, None)
