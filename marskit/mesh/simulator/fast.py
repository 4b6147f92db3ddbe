"""The fast engine behind the common interface: a fluid mesh, and the requests that it would have served.

Queues are computed as a fluid; every arriving request is then sent through that state, so that counts are
whole numbers and quantiles have the noise of their sample size, as on a real mesh.
"""

from collections import defaultdict
from dataclasses import dataclass
from math import inf
from random import Random

import numpy as np

from marskit.domain.goals import Goals
from marskit.domain.metrics import EdgeSample, ReplicaSample, WorkloadSample
from marskit.domain.topology import GATEWAY
from marskit.mesh.simulator import arrays
from marskit.mesh.simulator.engine import Arrivals
from marskit.mesh.simulator.fluid import Fluid
from marskit.mesh.simulator.kernel import Flow
from marskit.mesh.simulator.latency import draw_s
from marskit.mesh.simulator.model import Balancer, Call, TwinModel, back_off_s
from marskit.mesh.simulator.passed import Passed, edge_sample

TICK_S = 0.1
_NO_GOALS = Goals(())
_EPSILON_S = 1e-9
_HUNG = "hung"
"""The failure of a try that nobody answers and nobody gives up."""


@dataclass(slots=True)
class _Station:
    """The state of a station as requests of one stretch find it."""

    refused: float
    """Share of requests that find no room."""
    errors: float
    is_gone: bool
    """Whether no replica is ready."""
    hung: float
    """Share of requests that a stopped replica gets."""
    cumulants: tuple[float, float, float]
    reset: float
    """Share of requests whose replica was killed while serving them."""


class FastTwin:
    """One mesh in virtual time by the fast model; see `Engine`."""

    def __init__(self, model: TwinModel, arrivals: Arrivals, *, seed: int) -> None:
        self._model = model
        self._calls = model.calls_by_source()
        self._arrivals = arrivals
        self._random = Random(f"{seed}/fast")
        self._fluid = Fluid(model, _NO_GOALS, 1, tick_s=TICK_S)
        self._place = {station.workload: w for w, station in enumerate(model.stations)}
        self._now_s = 0.0
        self._killed: dict[int, float] = {}
        self._ended = [0] * len(model.stations)
        self._delay_s: dict[str, float] = {}
        self._hung = [0] * len(model.stations)
        """Stopped replicas, which the fluid does without."""
        self._sent = [[0, 0] for _ in model.stations]
        """Tries sent to running and to stopped replicas since the last reading."""
        self._stuck: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
        """When the calls began that stopped replicas have not answered and nobody has given up."""
        self._passed: defaultdict[tuple[str, str, str], Passed] = defaultdict(Passed)
        self._busy = np.zeros(len(model.stations))
        self._read_s = 0.0
        self._measured_s = 0.0

    @property
    def model(self) -> TwinModel:
        """What is simulated."""
        return self._model

    def advance(self, until_s: float) -> None:
        """Simulate all whole ticks before then."""
        ticks = int((until_s - self._now_s) / TICK_S + _EPSILON_S)
        if ticks < 1:
            return
        end_s = self._now_s + ticks * TICK_S
        begin, end = (np.array([self._arrivals.rate_per_s(at)]) for at in (self._now_s, end_s))
        flow = self._fluid.advance(begin, end, ticks)
        self._busy += flow.busy[:, 0] * ticks * TICK_S
        self._measured_s += ticks * TICK_S
        self._now_s = end_s
        stations = [self._station(flow, w) for w in range(len(self._model.stations))]
        self._killed.clear()
        for _ in self._arrivals.until(end_s):
            self._enter(stations)

    def read(self) -> tuple[tuple[EdgeSample, ...], tuple[WorkloadSample, ...]]:
        """The traffic since the last reading, and the present state."""
        elapsed_s = max(self._now_s - self._read_s, TICK_S)
        self._read_s = self._now_s
        edges = tuple(self._edge(call, workload, elapsed_s) for call, workload in self._model.edges())
        self._passed = defaultdict(Passed)
        state, busy_s, self._busy = self._fluid.state, self._busy, np.zeros(len(self._model.stations))
        measured_s, self._measured_s = self._measured_s, 0.0
        workloads = []
        for w, station in enumerate(self._model.stations):
            ready = int(state.ready[w, 0])
            hung = self._hung[w]
            busy = min(1.0, float(busy_s[w]) / measured_s) if measured_s > 0 and ready else None
            queued = max(0.0, float(state.inside[w, 0]) - ready * station.workers * (busy or 0.0))
            workloads.append(
                WorkloadSample(
                    station.workload,
                    int(self._fluid.desired[w, 0]) + hung,
                    ready + hung,
                    busy,
                    round(queued, 1),
                    self._ended[w],
                    self._replicas(w, ready, float(state.inside[w, 0])),
                )
            )
        self._ended = [0] * len(self._ended)
        self._sent = [[0, 0] for _ in self._sent]
        return edges, tuple(workloads)

    def scale(self, workload: str, replicas: int) -> None:
        """Set the desired replicas."""
        w = self._place[workload]
        # The youngest are removed first, and the oldest are the stopped ones.
        self._hung[w] = min(self._hung[w], replicas)
        self._fluid.scale(w, 0, replicas - self._hung[w])

    def unready_for_s(self, workload: str) -> float:
        """0 if all its replicas are ready, else a tick."""
        w = self._place[workload]
        return TICK_S if self._fluid.desired[w, 0] > self._fluid.state.ready[w, 0] else 0.0

    def change(self, model: TwinModel) -> None:
        """Continue with other weights, timeouts or retries."""
        self._model = model
        self._calls = model.calls_by_source()
        self._fluid.structure = arrays.structure(model, _NO_GOALS)
        self._fluid.weights[:, 0] = arrays.weights(model)

    def kill(self, workload: str) -> None:
        """End one ready replica with its requests; another starts in its place."""
        w, state = self._place[workload], self._fluid.state
        if self._hung[w]:
            self._hung[w] -= 1
            self._ended[w] += 1
            self._fluid.scale(w, 0, int(self._fluid.desired[w, 0]) + 1)
            if not self._hung[w]:
                self._let_go(workload, answered=False)
            return
        ready = int(state.ready[w, 0])
        if ready == 0:
            return
        self._killed[w] = self._killed.get(w, 0.0) + float(state.inside[w, 0]) / ready
        self._ended[w] += 1
        state.inside[w, 0] *= (ready - 1) / ready
        state.ready[w, 0] -= 1
        self._fluid.desired[w, 0] -= 1
        self._fluid.scale(w, 0, int(self._fluid.desired[w, 0]) + 1)

    def hang(self, workload: str) -> bool:
        """Stop one ready replica; what it was working on is lost to it, too."""
        w, state = self._place[workload], self._fluid.state
        ready = int(state.ready[w, 0])
        if ready == 0:
            return False
        state.inside[w, 0] *= (ready - 1) / ready
        state.ready[w, 0] -= 1
        self._fluid.desired[w, 0] -= 1
        self._hung[w] += 1
        return True

    def resume(self, workload: str) -> None:
        """Let the stopped replicas continue; they answer at once what is still wanted."""
        w, state = self._place[workload], self._fluid.state
        state.ready[w, 0] += self._hung[w]
        self._fluid.desired[w, 0] += self._hung[w]
        self._hung[w] = 0
        self._let_go(workload, answered=True)

    def _let_go(self, workload: str, *, answered: bool) -> None:
        for key in [key for key in self._stuck if key[2] == workload]:
            for begun_s in self._stuck.pop(key):
                if answered:
                    self._passed[key].latencies_s.append(self._now_s - begun_s)
                else:
                    self._passed[key].fail("UC")

    def slow_down(self, workload: str, factor: float) -> None:
        """Multiply the service times from now on."""
        self._fluid.state.slowdown[self._place[workload], 0] = factor

    def delay(self, workload: str, delay_s: float) -> None:
        """Delay the first try of every call."""
        self._delay_s[workload] = delay_s

    def fail(self, workload: str, percent: float) -> None:
        """Make that share of the responses errors."""
        self._fluid.state.errors[self._place[workload], 0] = percent / 100.0

    def _replicas(self, w: int, running: int, inside: float) -> tuple[ReplicaSample, ...]:
        """The traffic of single replicas while some are stopped; the others share theirs."""
        name, hung = self._model.stations[w].workload, self._hung[w]
        if not hung:
            return ()
        stuck = sum(len(calls) for key, calls in self._stuck.items() if key[2] == name)
        shares = [
            *(
                (sent, 0, waiting)
                for sent, waiting in zip(_even(self._sent[w][1], hung), _even(stuck, hung), strict=True)
            ),
            *((sent, sent, round(inside / running)) for sent in _even(self._sent[w][0], running)),
        ]
        return tuple(
            ReplicaSample(f"{name}-{number}", waiting, sent, answered)
            for number, (sent, answered, waiting) in enumerate(shares, 1)
        )

    def _station(self, flow: Flow, w: int) -> _Station:
        came = max(float(flow.arrivals[w, 0]), _EPSILON_S)
        k1, k2, k3 = (float(k) for k in flow.sojourn[w, :, 0])
        return _Station(
            refused=min(1.0, float(flow.refused[w, 0]) / came),
            errors=float(self._fluid.state.errors[w, 0]),
            is_gone=self._fluid.state.ready[w, 0] == 0 and not self._hung[w],
            hung=self._hung_share(w),
            cumulants=(k1, k2, k3),
            reset=min(1.0, self._killed.get(w, 0.0) / came),
        )

    def _hung_share(self, w: int) -> float:
        """By then, the balancer knows the stopped replicas as the fullest and takes one only for another."""
        hung, ready = self._hung[w], int(self._fluid.state.ready[w, 0])
        share = hung / (hung + ready) if hung else 0.0
        return share**2 if self._model.stations[w].balancer is Balancer.LEAST_REQUEST else share

    def _enter(self, stations: list[_Station]) -> None:
        calls = self._calls[GATEWAY]
        shares = [call.per_request for call in calls]
        call = calls[0] if len(calls) == 1 else self._random.choices(calls, shares)[0]
        self._ask(call, stations)

    def _ask(self, call: Call, stations: list[_Station]) -> tuple[bool, float]:
        """One call with all its tries: whether it succeeded, and its latency in seconds."""
        random = self._random
        workload = call.drawn(random.random())
        held_s = self._delay_s.get(workload, 0.0)
        succeeded, took_s = self._tries(call, workload, held_s, stations)
        return succeeded, held_s + took_s

    def _tries(
        self, call: Call, workload: str, held_s: float, stations: list[_Station]
    ) -> tuple[bool, float]:
        """The same without the initial delay, which counts as latency but not for timeouts."""
        random = self._random
        key = (call.source, call.service, workload)
        passed = self._passed[key]
        rule, waited_s, retry = call.retries, 0.0, 0
        limit_s, try_limit_s = (call.timeout_ms or inf) / 1000.0, (call.try_limit_ms or inf) / 1000.0
        while True:
            failure, took_s = self._try(workload, stations)
            took_s += call.hop_ms / 1000.0
            if took_s > try_limit_s:
                failure, took_s = "UT", try_limit_s
            waited_s += took_s
            if waited_s > limit_s:
                passed.timeouts += 1
                passed.fail("UT")
                return False, limit_s
            if waited_s == inf:
                self._stuck[key].append(self._now_s - held_s)
                return False, inf
            if not failure:
                passed.latencies_s.append(held_s + waited_s)
                return True, waited_s
            passed.timeouts += failure == "UT"
            repeats = failure in rule.repeats()
            if not repeats or retry == rule.attempts:
                passed.fail(failure, *(("URX",) if repeats else ()))
                return False, waited_s
            retry += 1
            passed.retries += 1
            waited_s += back_off_s(retry, random.random())
            if waited_s > limit_s:
                passed.fail("UT")
                return False, limit_s

    def _try(self, workload: str, stations: list[_Station]) -> tuple[str, float]:
        """One try at a workload: the failure, if any, and its duration in seconds."""
        random, here = self._random, stations[self._place[workload]]
        if here.is_gone:
            return "UH", 0.0
        is_hung = bool(here.hung) and random.random() < here.hung
        self._sent[self._place[workload]][is_hung] += 1
        if is_hung:
            return _HUNG, inf
        luck = random.random()
        if luck < here.refused:
            return "503", 0.0
        took_s = max(0.0, draw_s(random.gauss(0.0, 1.0), *here.cumulants))
        if random.random() < here.reset:
            return "UC", 0.5 * took_s
        if random.random() < here.errors:
            return "500", took_s
        wanted = random.random()
        for call in self._calls[workload]:
            if wanted < call.per_request:
                succeeded, more_s = self._ask(call, stations)
                took_s += more_s
                if not succeeded:
                    return (_HUNG if took_s == inf else "502"), took_s
        return "", took_s

    def _edge(self, call: Call, workload: str, elapsed_s: float) -> EdgeSample:
        passed = self._passed.get((call.source, call.service, workload), Passed())
        # Little's law: requests under way are those that arrived within one latency.
        mean_ms = edge_sample(call, workload, passed, 0).successes_ms.mean_ms() or 0.0
        in_flight = round(passed.requests / elapsed_s * mean_ms / 1000.0)
        stuck = len(self._stuck[call.source, call.service, workload])
        return edge_sample(call, workload, passed, in_flight + stuck)


def _even(count: int, parts: int) -> list[int]:
    """The count in so many nearly equal parts."""
    return [(count + n) // parts for n in range(parts)]
