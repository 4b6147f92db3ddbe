"""The request-level engine: every request, try, queue and replica by itself, event after event.

It has the semantics of one Envoy in front of our services and no approximation, so it is what the fast engine
is judged by. It is some hundred times slower.
"""

import heapq
from collections import defaultdict, deque
from collections.abc import Callable
from itertools import count
from math import inf, log, sqrt
from random import Random

from marskit.domain.metrics import EdgeSample, WorkloadSample
from marskit.domain.topology import GATEWAY
from marskit.mesh.simulator.engine import Arrivals
from marskit.mesh.simulator.model import Balancer, Call, Distribution, Station, TwinModel
from marskit.mesh.simulator.passed import Passed, edge_sample

BACK_OFF_S = 0.025
"""Envoy's base interval: a retry waits a random time up to it, to twice it the second time, and so on."""
Done = Callable[[str], None]
"""Told why a call failed, or nothing when it succeeded."""


class _Replica:
    """One process: workers that serve and a queue that waits."""

    __slots__ = ("active", "busy_s", "changed_s", "is_dead", "queue", "ready_s", "serving", "tries")

    def __init__(self, ready_s: float) -> None:
        self.serving = 0
        self.queue: deque[_Try] = deque()
        self.active = 0
        """Requests that the proxy has sent and that are not answered, those waiting downstream included."""
        self.tries: set[_Try] = set()
        self.is_dead = False
        self.ready_s = ready_s
        self.busy_s = 0.0
        self.changed_s = ready_s

    def account(self, now_s: float) -> None:
        """Count the time since the last change as busy."""
        self.busy_s += self.serving * (now_s - self.changed_s)
        self.changed_s = now_s


class _Try:
    """One attempt of a call at one replica."""

    __slots__ = ("is_over", "pending", "replica")

    def __init__(self, pending: "_Pending", replica: _Replica) -> None:
        self.pending = pending
        self.replica = replica
        self.is_over = False
        """The caller waits no longer, whatever the replica does."""


class _Pending:
    """One call, with all its tries."""

    __slots__ = ("begun_s", "call", "done", "is_over", "last", "left", "tries", "w")

    def __init__(self, call: Call, w: int, begun_s: float, done: Done) -> None:
        self.call = call
        self.w = w
        self.begun_s = begun_s
        self.done = done
        self.left = call.retries.attempts
        self.tries = 0
        self.last: _Try | None = None
        self.is_over = False


class _Workload:
    """A station with its replicas and its own randomness."""

    def __init__(self, station: Station, seed: int) -> None:
        self.station = station
        self.ready = [_Replica(0.0) for _ in range(station.replicas)]
        self.starting: list[float] = []
        """When those that still start will be ready."""
        self.desired = station.replicas
        self.slowdown = 1.0
        self.errors = 0.0
        self.turn = 0
        self.service = Random(f"{seed}/{station.workload}/service")
        self.luck = Random(f"{seed}/{station.workload}/luck")

    def service_s(self) -> float:
        """How long the next request takes to serve."""
        mean_s = self.station.service_ms / 1000.0 * self.slowdown
        match self.station.distribution:
            case Distribution.CONSTANT:
                return mean_s
            case Distribution.EXPONENTIAL:
                return self.service.expovariate(1.0) * mean_s
            case Distribution.LOGNORMAL:
                variance = log(1.0 + self.station.service_cv**2)
                return mean_s * self.service.lognormvariate(-variance / 2.0, sqrt(variance))

    def choose(self, avoid: _Replica | None) -> _Replica | None:
        """The replica that the proxy sends the next try to; None when none is ready."""
        ready = self.ready
        if not ready:
            return None
        luck, n = self.luck.random, len(ready)
        for _ in range(3):
            match self.station.balancer:
                case Balancer.ROUND_ROBIN:
                    self.turn += 1
                    chosen = ready[self.turn % n]
                case Balancer.RANDOM:
                    chosen = ready[int(luck() * n)]
                case Balancer.LEAST_REQUEST:
                    # Envoy draws with replacement, so both may be the same.
                    chosen, other = ready[int(luck() * n)], ready[int(luck() * n)]
                    if other.active < chosen.active:
                        chosen = other
            if chosen is not avoid:
                break
        return chosen


class RequestTwin:
    """One mesh in virtual time, request by request; see `Engine`."""

    def __init__(self, model: TwinModel, arrivals: Arrivals, *, seed: int) -> None:
        self._model = model
        self._arrivals = arrivals
        self._workloads = [_Workload(station, seed) for station in model.stations]
        self._place = {station.workload: w for w, station in enumerate(model.stations)}
        self._routing = Random(f"{seed}/routing")
        self._waits = Random(f"{seed}/back-off")
        self._now_s = 0.0
        self._read_s = 0.0
        self._events: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._order = count()
        self._passed: defaultdict[tuple[str, str, str], Passed] = defaultdict(Passed)
        self._in_flight: dict[tuple[str, str, str], int] = {}
        self._calls = model.calls_by_source()

    @property
    def model(self) -> TwinModel:
        """What is simulated."""
        return self._model

    def advance(self, until_s: float) -> None:
        """Let everything happen that happens before then."""
        events = self._events
        for at_s in (*self._arrivals.until(until_s), inf):
            while events and events[0][0] < min(at_s, until_s):
                self._now_s, _, act, arguments = heapq.heappop(events)
                act(*arguments)
            if at_s < until_s:
                self._now_s = at_s
                self._ask(self._entrance(), _nothing)
        self._now_s = until_s

    def read(self) -> tuple[tuple[EdgeSample, ...], tuple[WorkloadSample, ...]]:
        """What passed since the last reading, and the state now."""
        edges = tuple(
            edge_sample(call, workload, self._passed.get(key, Passed()), self._in_flight.get(key, 0))
            for call, workload in self._model.edges()
            for key in ((call.source, call.service, workload),)
        )
        workloads = tuple(self._state(workload) for workload in self._workloads)
        self._passed = defaultdict(Passed)
        self._read_s = self._now_s
        return edges, workloads

    def scale(self, workload: str, replicas: int) -> None:
        """Set how many replicas there are to be; those that still start go before those that serve."""
        here = self._workloads[self._place[workload]]
        for _ in range(replicas - here.desired):
            self._start(here)
        for _ in range(here.desired - replicas):
            if here.starting:
                here.starting.pop()
            elif here.ready:
                here.ready.pop()
        here.desired = replicas

    def change(self, model: TwinModel) -> None:
        """Go on with other weights, timeouts or retries."""
        self._model = model
        self._calls = model.calls_by_source()

    def kill(self, workload: str) -> None:
        """End one ready replica with what is in it; another is started in its place."""
        here = self._workloads[self._place[workload]]
        if not here.ready:
            return
        victim = here.ready.pop(0)
        victim.is_dead = True
        victim.queue.clear()
        # In the order they began, for the same seed to give the same readings.
        for each in sorted(victim.tries, key=lambda each: each.pending.begun_s):
            self._answer(each, "UC")
        self._start(here)

    def slow_down(self, workload: str, factor: float) -> None:
        """Multiply the service times that begin from now on."""
        self._workloads[self._place[workload]].slowdown = factor

    def fail(self, workload: str, percent: float) -> None:
        """Let that share of the answers be errors."""
        self._workloads[self._place[workload]].errors = percent / 100.0

    def _at(self, at_s: float, act: Callable[..., None], *arguments: object) -> None:
        heapq.heappush(self._events, (at_s, next(self._order), act, arguments))

    def _entrance(self) -> Call:
        calls = self._calls[GATEWAY]
        if len(calls) == 1:
            return calls[0]
        return self._routing.choices(calls, [call.per_request for call in calls])[0]

    def _start(self, here: _Workload) -> None:
        ready_s = self._now_s + here.station.start_s
        here.starting.append(ready_s)
        self._at(ready_s, self._become_ready, here, ready_s)

    def _become_ready(self, here: _Workload, ready_s: float) -> None:
        if ready_s in here.starting:
            here.starting.remove(ready_s)
            here.ready.append(_Replica(ready_s))

    def _ask(self, call: Call, done: Done) -> None:
        workload = call.drawn(self._routing.random() if len(call.splits) > 1 else 0.0)
        pending = _Pending(call, self._place[workload], self._now_s, done)
        key = (call.source, call.service, workload)
        self._in_flight[key] = self._in_flight.get(key, 0) + 1
        if call.timeout_ms is not None:
            self._at(self._now_s + call.timeout_ms / 1000.0, self._run_out, pending)
        self._send(pending)

    def _send(self, pending: _Pending) -> None:
        if pending.is_over:
            return
        replica = self._workloads[pending.w].choose(pending.last.replica if pending.last else None)
        if replica is None:
            self._conclude(pending, "UH")
            return
        pending.tries += 1
        each = pending.last = _Try(pending, replica)
        replica.active += 1
        replica.tries.add(each)
        per_try_ms = pending.call.retries.per_try_timeout_ms
        if per_try_ms is not None:
            self._at(self._now_s + per_try_ms / 1000.0, self._give_up, each)
        self._at(self._now_s + pending.call.hop_ms / 2000.0, self._arrive, each)

    def _arrive(self, each: _Try) -> None:
        replica, here = each.replica, self._workloads[each.pending.w]
        if replica.is_dead:
            self._answer(each, "UC")
        elif replica.serving < here.station.workers:
            self._serve(each)
        elif len(replica.queue) < here.station.queue_limit:
            replica.queue.append(each)
        else:
            self._answer(each, "UO")

    def _serve(self, each: _Try) -> None:
        replica = each.replica
        replica.account(self._now_s)
        replica.serving += 1
        self._at(self._now_s + self._workloads[each.pending.w].service_s(), self._served, each)

    def _served(self, each: _Try) -> None:
        replica, here = each.replica, self._workloads[each.pending.w]
        if replica.is_dead:
            return
        replica.account(self._now_s)
        replica.serving -= 1
        if replica.queue:
            self._serve(replica.queue.popleft())
        if here.errors and here.luck.random() < here.errors:
            self._answer(each, "5xx")
            return
        calls = self._calls[here.station.workload]
        wanted = here.luck.random() if calls else 0.0
        self._go_on(each, tuple(call for call in calls if wanted < call.per_request))

    def _go_on(self, each: _Try, calls: tuple[Call, ...]) -> None:
        """Make the calls one after the other; the first that fails is the end."""
        if not calls:
            self._answer(each, "")
            return

        def done(failure: str) -> None:
            if failure:
                self._answer(each, "5xx")
            else:
                self._go_on(each, calls[1:])

        self._ask(calls[0], done)

    def _answer(self, each: _Try, failure: str) -> None:
        if each.is_over:
            return
        self._at(self._now_s + each.pending.call.hop_ms / 2000.0, self._answered, each, failure)

    def _answered(self, each: _Try, failure: str) -> None:
        if not each.is_over:
            self._leave(each)
            self._judge(each.pending, failure)

    def _leave(self, each: _Try) -> None:
        each.is_over = True
        each.replica.active -= 1
        each.replica.tries.discard(each)

    def _give_up(self, each: _Try) -> None:
        """The try has run out of its own time; what the replica does with it does not matter any more."""
        if not each.is_over:
            self._leave(each)
            self._judge(each.pending, "UT")

    def _run_out(self, pending: _Pending) -> None:
        """The call has run out of time."""
        if not pending.is_over:
            if pending.last is not None and not pending.last.is_over:
                self._leave(pending.last)
            self._conclude(pending, "UT")

    def _judge(self, pending: _Pending, failure: str) -> None:
        """Try again what may be tried again."""
        rule = pending.call.retries
        again = {"": False, "UO": rule.on_overload, "5xx": rule.on_error}.get(failure, rule.on_timeout)
        if again and pending.left:
            pending.left -= 1
            self._passed_by(pending).retries += 1
            longest_s = BACK_OFF_S * 2 ** (pending.tries - 1)
            self._at(self._now_s + self._waits.random() * longest_s, self._send, pending)
        else:
            self._conclude(pending, failure)

    def _conclude(self, pending: _Pending, failure: str) -> None:
        pending.is_over = True
        key = self._key(pending)
        self._in_flight[key] -= 1
        self._passed_by(pending).add(failure, self._now_s - pending.begun_s)
        pending.done(failure)

    def _key(self, pending: _Pending) -> tuple[str, str, str]:
        call = pending.call
        return call.source, call.service, self._workloads[pending.w].station.workload

    def _passed_by(self, pending: _Pending) -> Passed:
        return self._passed[self._key(pending)]

    def _state(self, here: _Workload) -> WorkloadSample:
        shares = []
        for replica in here.ready:
            replica.account(self._now_s)
            seen_s = self._now_s - max(self._read_s, replica.ready_s)
            if seen_s > 0:
                shares.append(min(1.0, replica.busy_s / (seen_s * here.station.workers)))
            replica.busy_s = 0.0
        return WorkloadSample(
            here.station.workload,
            here.desired,
            len(here.ready),
            sum(shares) / len(shares) if shares else None,
            float(sum(len(replica.queue) for replica in here.ready)),
        )


def _nothing(failure: str) -> None:
    """The gateway's users are told by the edge."""
