"""The state of a mesh in the request-level engine: processes, tries under way, and the proxy's view."""

from collections import deque
from collections.abc import Callable, Iterable
from math import exp, log, sqrt
from random import Random

from marskit.domain.config import HOST_SELECTION_ATTEMPTS
from marskit.domain.metrics import ReplicaSample, WorkloadSample
from marskit.mesh.simulator.model import Balancer, Call, Distribution, Station
from marskit.mesh.simulator.passed import Passed


class Replica:
    """One process: workers that serve and a queue that waits."""

    __slots__ = (
        "active",
        "answered",
        "busy_s",
        "name",
        "queue",
        "read_busy_s",
        "read_s",
        "sent",
        "serving",
        "stuck",
    )

    def __init__(self, name: str, callers: int) -> None:
        self.name = name
        self.serving = 0
        self.queue: deque[Try] = deque()
        self.active = [0] * callers
        """Tries that the proxy has sent and that are not answered, those waiting downstream included, by
        `Edge.slot`: Envoy counts them per cluster, and every caller has its own."""
        self.busy_s = 0.0
        """All ends of service less all beginnings; see `busy_until`."""
        self.read_s: float | None = None
        """Time of the last reading; None before the first."""
        self.read_busy_s = 0.0
        self.stuck: list[tuple[Callable[[float, Try], None], Try]] | None = None
        """What it has to do once it continues; None unless it is stopped."""
        self.sent = 0
        """Tries sent to it since the last reading."""
        self.answered = 0
        """Tries that it answered since the last reading."""

    def stop(self) -> None:
        """Let it take requests and do nothing."""
        self.stuck = []

    def resume(self) -> "list[tuple[Callable[[float, Try], None], Try]]":
        """Let it continue; returns what it has to do."""
        stuck, self.stuck = self.stuck or [], None
        # A stopped process cannot be read, so the next reading is its first.
        self.read_s = None
        return stuck

    def busy_until(self, now_s: float) -> float:
        """Worker-seconds served so far."""
        return self.busy_s + self.serving * now_s

    def take_traffic(self) -> ReplicaSample:
        """Its requests since the last reading."""
        sample = ReplicaSample(self.name, sum(self.active), self.sent, self.answered)
        self.sent = self.answered = 0
        return sample

    def read(self, now_s: float, workers: int) -> float | None:
        """The share of its workers that was busy since its last reading; None at the first one.

        Like a real mesh, which sees only differences between two readings: a new process counts from the
        second.
        """
        busy_s, since_s = self.busy_until(now_s), self.read_s
        spent_s, self.read_busy_s, self.read_s = busy_s - self.read_busy_s, busy_s, now_s
        if since_s is None or now_s <= since_s:
            return None
        return min(1.0, max(0.0, spent_s / ((now_s - since_s) * workers)))


class Deadlines:
    """Tries in the order of their timeouts: all have the same length, so one alarm is enough."""

    __slots__ = ("after_s", "is_armed", "waiting")

    def __init__(self, after_s: float) -> None:
        self.after_s = after_s
        self.waiting: deque[tuple[float, Try]] = deque()
        self.is_armed = False


class Workload:
    """A station with its replicas and its own randomness."""

    def __init__(self, station: Station, seed: int) -> None:
        self.station = station
        self.workers = station.workers
        self.callers = 0
        """Number of edges that lead here."""
        self.ready: list[Replica] = []
        self._number = 0
        self.ended = 0
        """Ready replicas that were killed since the last reading."""
        self.desired = station.replicas
        self.slowdown = 1.0
        self.errors = 0.0
        self.delay_s = 0.0
        self.links: tuple[Link, ...] = ()
        """The calls it makes, in order."""
        self.service_s = _service_s(station, Random(f"{seed}/{station.workload}/service"))
        self.error_luck = Random(f"{seed}/{station.workload}/errors").random
        self.call_luck = Random(f"{seed}/{station.workload}/calls").random

    def read(self, now_s: float) -> WorkloadSample:
        """Its present state, with its utilisation since the last reading."""
        ended, self.ended = self.ended, 0
        running = [each for each in self.ready if each.stuck is None]
        shares = [share for each in running if (share := each.read(now_s, self.workers)) is not None]
        return WorkloadSample(
            self.station.workload,
            self.desired,
            len(self.ready),
            sum(shares) / len(shares) if shares else None,
            float(sum(len(replica.queue) for replica in running)),
            ended,
            tuple(each.take_traffic() for each in self.ready),
        )

    def add_replica(self) -> None:
        """Add a ready replica."""
        self._number += 1
        self.ready.append(Replica(f"{self.station.workload}-{self._number}", self.callers))


class Edge:
    """One edge to one workload: the counters of its proxy, and its choice among replicas."""

    __slots__ = ("_draw", "_luck", "_turn", "back_off", "here", "in_flight", "passed", "slot")

    def __init__(self, name: str, here: Workload, seed: int) -> None:
        self.here = here
        self.slot = here.callers
        here.callers += 1
        for replica in here.ready:
            replica.active.append(0)
        self.back_off = Random(f"{seed}/{name}/back-off").random
        self.in_flight = 0
        """Tries, like Envoy's `upstream_rq_active`: a call that waits for a retry does not count."""
        self.passed = Passed()
        self._luck = Random(f"{seed}/{name}/balancer").random
        self._turn = 0
        self._draw = {
            Balancer.LEAST_REQUEST: self._least,
            Balancer.ROUND_ROBIN: self._next,
            Balancer.RANDOM: self._any,
        }[here.station.balancer]

    def choose(self, tried: tuple[Replica, ...]) -> Replica:
        """The replica for the next try; Envoy takes one tried before only if it draws no other."""
        chosen = self._draw()
        if tried:
            for _ in range(HOST_SELECTION_ATTEMPTS):
                if chosen not in tried:
                    break
                chosen = self._draw()
        return chosen

    def _least(self) -> Replica:
        # Envoy draws with replacement, so both may be the same.
        ready, luck, slot = self.here.ready, self._luck, self.slot
        n = len(ready)
        chosen, other = ready[int(luck() * n)], ready[int(luck() * n)]
        return other if other.active[slot] < chosen.active[slot] else chosen

    def _next(self) -> Replica:
        self._turn += 1
        return self.here.ready[self._turn % len(self.here.ready)]

    def _any(self) -> Replica:
        return self.here.ready[int(self._luck() * len(self.here.ready))]


class Link:
    """A call with its present route; calls under way keep the route that they began with, as in Envoy."""

    __slots__ = (
        "_edges",
        "_luck",
        "_only",
        "attempts",
        "call",
        "deadlines",
        "half_hop_s",
        "repeats",
        "share",
        "try_deadlines",
    )

    def __init__(
        self,
        call: Call,
        edges: dict[str, Edge],
        luck: Callable[[], float],
        deadlines: Callable[[float], Deadlines],
        try_deadlines: Callable[[float], Deadlines],
    ) -> None:
        """Take the edges by workload, and the deadlines of calls and of tries."""
        self.call = call
        self.share = call.per_request
        self.half_hop_s = call.hop_ms / 2000.0
        self.attempts = call.retries.attempts
        self.repeats = call.retries.repeats()
        timeout_ms, try_limit_ms = call.timeout_ms, call.try_limit_ms
        self.deadlines = deadlines(timeout_ms / 1000.0) if timeout_ms else None
        self.try_deadlines = try_deadlines(try_limit_ms / 1000.0) if try_limit_ms else None
        self._edges = edges
        self._luck = luck
        self._only = next(iter(edges.values())) if len(edges) == 1 else None

    def draw(self) -> Edge:
        """The edge that the next call takes, with all its tries."""
        return self._only or self._edges[self.call.drawn(self._luck())]


class Try:
    """One attempt of a call at one replica; a call is its latest try."""

    __slots__ = (
        "begun_s",
        "edge",
        "failure",
        "is_over",
        "link",
        "parent",
        "replica",
        "step",
        "successor",
        "tried",
        "wanted",
    )
    failure: str
    """Why it failed, empty if it did not; set with the response."""
    step: int
    """Index of its workload's next call; set once it was served."""
    wanted: float
    """Calls made by a smaller share of requests are skipped; set once it was served."""

    def __init__(
        self, link: Link, edge: Edge, begun_s: float, parent: "Try | None", tried: tuple[Replica, ...]
    ) -> None:
        self.link = link
        self.edge = edge
        self.begun_s = begun_s
        """When the call began."""
        self.parent = parent
        """The try whose process made the call; None for the gateway."""
        self.tried = tried
        """The replicas of earlier tries."""
        self.replica = NOWHERE
        self.is_over = False
        """Whether the caller has stopped waiting, whatever the replica does."""
        self.successor: Try | None = None


NOWHERE = Replica("", 0)
"""The place of a try that has not been sent."""


def under_way(subjects: Iterable[object], replicas: Iterable[Replica]) -> dict[Try, None]:
    """All tries with pending events or stuck in a replica, in an order that depends only on the seed.

    `subjects` is those of the events.
    """
    found: dict[Try, None] = {}

    def add(each: Try | None) -> None:
        while each is not None and each not in found:
            found[each] = None
            each = each.parent

    stuck = [each for replica in replicas for _, each in replica.stuck or ()]
    for subject in (*subjects, *stuck):
        if isinstance(subject, Try):
            add(subject)
            # A queue exists only behind requests that are being served.
            for waiting in subject.replica.queue:
                add(waiting)
    return found


def _service_s(station: Station, random: Random) -> Callable[[], float]:
    """Draws service times in seconds."""
    mean_s = station.service_ms / 1000.0
    match station.distribution:
        case Distribution.CONSTANT:
            return lambda: mean_s
        case Distribution.EXPONENTIAL:
            return lambda: random.expovariate(1.0) * mean_s
        case Distribution.LOGNORMAL:
            variance = log(1.0 + station.service_cv**2)
            mu, sigma, gauss = -variance / 2.0, sqrt(variance), random.gauss
            return lambda: mean_s * exp(gauss(mu, sigma))
