"""An engine of water: queues without chance, just enough to see what the adapter makes of an engine."""

from dataclasses import replace

from marskit.domain.metrics import EdgeSample, Histogram, WorkloadSample
from marskit.domain.topology import GATEWAY, EdgeId
from marskit.mesh.simulator.engine import Arrivals
from marskit.mesh.simulator.model import TwinModel

TICK_S = 0.05


class FluidEngine:
    """All requests of a tick wait as long as what is left in the queue at its end takes."""

    def __init__(self, model: TwinModel, arrivals: Arrivals) -> None:
        self.model = model
        self.now_s = 0.0
        self._arrivals = arrivals
        self._desired = {station.workload: station.replicas for station in model.stations}
        self._ready = dict(self._desired)
        self._starting: list[tuple[float, str]] = []
        self._queued = dict.fromkeys(self._desired, 0.0)
        self._busy_s = dict.fromkeys(self._desired, 0.0)
        self._slow = dict.fromkeys(self._desired, 1.0)
        self._errors = dict.fromkeys(self._desired, 0.0)
        self._passed: dict[EdgeId, EdgeSample] = {}
        self._owed: dict[tuple[EdgeId, str], float] = {}
        self._read_at_s = 0.0

    def advance(self, until_s: float) -> None:
        while self.now_s < until_s:
            # Ticks end where they would without a reading in between, or readings would change what happens.
            tick_s = min(until_s, (int(self.now_s / TICK_S + 1e-6) + 1) * TICK_S) - self.now_s
            self.now_s += tick_s
            for at_s, workload in self._starting:
                if at_s <= self.now_s:
                    self._ready[workload] = min(self._desired[workload], self._ready[workload] + 1)
            self._starting = [start for start in self._starting if start[0] > self.now_s]
            self._flow(GATEWAY, float(len(self._arrivals.until(self.now_s))), tick_s)

    def read(self) -> tuple[tuple[EdgeSample, ...], tuple[WorkloadSample, ...]]:
        passed_s, self._read_at_s = self.now_s - self._read_at_s, self.now_s
        ids = [EdgeId(call.source, call.service, workload) for call, workload in self.model.edges()]
        edges = tuple(self._passed.get(edge, EdgeSample(edge)) for edge in ids)
        workloads = tuple(
            WorkloadSample(
                station.workload,
                self._desired[station.workload],
                self._ready[station.workload],
                min(1.0, self._busy_s[station.workload] / passed_s) if passed_s else None,
                self._queued[station.workload],
            )
            for station in self.model.stations
        )
        self._passed.clear()
        self._busy_s = dict.fromkeys(self._busy_s, 0.0)
        return edges, workloads

    def scale(self, workload: str, replicas: int) -> None:
        ready_at_s = self.now_s + self.model.station(workload).start_s
        self._starting += [(ready_at_s, workload)] * (replicas - self._desired[workload])
        self._desired[workload] = replicas
        self._ready[workload] = min(replicas, self._ready[workload])

    def change(self, model: TwinModel) -> None:
        assert model.stations == self.model.stations
        self.model = model

    def kill(self, workload: str) -> None:
        self._ready[workload] -= 1
        self._starting.append((self.now_s + self.model.station(workload).start_s, workload))

    def slow_down(self, workload: str, factor: float) -> None:
        self._slow[workload] = factor

    def fail(self, workload: str, percent: float) -> None:
        self._errors[workload] = percent

    def _flow(self, source: str, requests: float, tick_s: float) -> tuple[float, float]:
        """Let the calls of `source` be made; how long they take together, and the share that succeeds."""
        together_ms, good = 0.0, 1.0
        for call in self.model.calls_of(source):
            for workload, percent in call.splits:
                share = percent / 100 * call.per_request
                latency_ms, well = self._serve(workload, requests * share, tick_s)
                latency_ms += call.hop_ms
                self._note(EdgeId(source, call.service, workload), requests * share, latency_ms, well)
                together_ms += share * latency_ms
                good *= 1 - share * (1 - well)
        return together_ms, good

    def _serve(self, workload: str, requests: float, tick_s: float) -> tuple[float, float]:
        station, ready = self.model.station(workload), self._ready[workload]
        capacity_per_s = station.capacity_per_s * ready / self._slow[workload]
        if not capacity_per_s:
            return 0.0, 0.0
        waiting = self._queued[workload] + requests - capacity_per_s * tick_s
        left = max(0.0, min(waiting, float(station.queue_limit * ready)))
        served = self._queued[workload] + requests - max(waiting, 0.0)
        self._busy_s[workload] += served / capacity_per_s
        self._queued[workload] = left
        inner_ms, good = self._flow(workload, requests, tick_s)
        refused = max(0.0, waiting - left) / max(requests, 1e-9)
        good *= max(0.0, 1 - refused) * (1 - self._errors[workload] / 100)
        own_ms = station.service_ms * self._slow[workload] + 1000 * left / capacity_per_s
        return own_ms + inner_ms, good

    def _note(self, edge: EdgeId, requests: float, latency_ms: float, good: float) -> None:
        """Count whole requests and whole failures; what is left over is counted later."""
        count, failures = (
            self._whole(edge, "all", requests),
            self._whole(edge, "failed", requests * (1 - good)),
        )
        before = self._passed.get(edge, EdgeSample(edge))
        bins = (*before.successes_ms.bins, (latency_ms, 1.0, max(0, count - failures)))
        self._passed[edge] = replace(
            before,
            requests=before.requests + count,
            failures=before.failures + failures,
            successes_ms=Histogram(tuple(sorted(b for b in bins if b[2]))),
        )

    def _whole(self, edge: EdgeId, kind: str, more: float) -> int:
        self._owed[edge, kind] = self._owed.get((edge, kind), 0.0) + more
        count = int(self._owed[edge, kind] + 1e-9)
        self._owed[edge, kind] -= count
        return count
