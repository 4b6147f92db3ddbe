"""The request-level engine: simulates every request, try, queue and replica, event by event.

It reproduces the semantics of one Envoy in front of our services without approximation, so it is the
reference for the fast engine. It is some hundred times slower.

An event is a tuple that the heap compares by time, and every try has one at a time. Deadlines of one length
are kept in their order, so that the many that are met cost no event.
"""

import heapq
from collections.abc import Callable
from itertools import accumulate, count
from math import inf
from random import Random
from typing import Any

from marskit.domain.metrics import EdgeSample, WorkloadSample
from marskit.domain.topology import GATEWAY
from marskit.mesh.simulator.engine import Arrivals
from marskit.mesh.simulator.model import TwinModel, back_off_s
from marskit.mesh.simulator.passed import Passed, edge_sample
from marskit.mesh.simulator.request_state import (
    NOWHERE,
    Deadlines,
    Edge,
    Link,
    Try,
    Workload,
    under_way,
)
from marskit.mesh.simulator.starts import Starts

_push, _pop = heapq.heappush, heapq.heappop
_BEYOND_S = 1e-9
Event = tuple[float, int, Callable[[float, Any], None], Any]
"""Time, order at that time, callback, and its argument."""


class RequestTwin:
    """One mesh in virtual time, request by request; see `Engine`."""

    def __init__(self, model: TwinModel, arrivals: Arrivals, *, seed: int) -> None:
        self._arrivals = arrivals
        self._seed = seed
        self._now_s = 0.0
        self._workloads = {station.workload: Workload(station, seed) for station in model.stations}
        self._starts = Starts(model.crowding)
        self._edges: dict[tuple[str, str, str], Edge] = {}
        self._splits: dict[tuple[str, str], Callable[[], float]] = {}
        self._doors = Random(f"{seed}/doors").random
        # A sentinel that never comes, so that there always is an event to look at.
        self._events: list[Event] = [(inf, -1, lambda now_s, nothing: None, None)]
        self._order = count()
        self._call_deadlines: dict[float, Deadlines] = {}
        self._try_deadlines: dict[float, Deadlines] = {}
        # Bound once instead of for every event.
        self._on_arrival, self._on_service, self._on_answer = self._arrive, self._served, self._answered
        self._on_response, self._on_failure = self._go_on, self._fail
        self.change(model)
        for here in self._workloads.values():
            for _ in range(here.desired):
                here.add_replica()

    @property
    def model(self) -> TwinModel:
        """What is simulated."""
        return self._model

    def advance(self, until_s: float) -> None:
        """Simulate all events before then."""
        events = self._events
        for at_s in (*self._arrivals.until(until_s), inf):
            end_s = min(at_s, until_s)
            while events[0][0] < end_s:
                now_s, _, act, subject = _pop(events)
                act(now_s, subject)
            if at_s < until_s:
                self._ask(at_s, self._door(), None)
        self._now_s = until_s

    def read(self) -> tuple[tuple[EdgeSample, ...], tuple[WorkloadSample, ...]]:
        """The traffic since the last reading, and the present state."""
        edges = []
        for call, workload in self._model.edges():
            edge = self._edges[call.source, call.service, workload]
            edges.append(edge_sample(call, workload, edge.passed, edge.in_flight))
            edge.passed = Passed()
        return tuple(edges), tuple(here.read(self._now_s) for here in self._workloads.values())

    def scale(self, workload: str, replicas: int) -> None:
        """Set the desired replicas; starting ones are removed before serving ones."""
        here = self._workloads[workload]
        for _ in range(replicas - here.desired):
            self._start(workload)
        for _ in range(here.desired - replicas):
            if self._starts.cancel(self._now_s, workload):
                self._await_the_next()
            elif here.ready:
                here.ready.pop()
        here.desired = replicas

    def unready_for_s(self, workload: str) -> float:
        """0 if all its replicas are ready, else the time until the mesh's next one is."""
        # Events at a moment are computed by an advance beyond it.
        return self._starts.next_s - self._now_s + _BEYOND_S if self._starts.of(workload) else 0.0

    def change(self, model: TwinModel) -> None:
        """Continue with other weights, timeouts or retries."""
        self._model = model
        for call, workload in model.edges():
            key = call.source, call.service, workload
            if key not in self._edges:
                self._edges[key] = Edge("/".join(key), self._workloads[workload], self._seed)
        links = {source: self._links(source) for source in (GATEWAY, *self._workloads)}
        for workload, here in self._workloads.items():
            here.links = links[workload]
        self._entrances = links[GATEWAY]
        self._entering = tuple(accumulate(link.share for link in self._entrances))

    def kill(self, workload: str) -> None:
        """End one ready replica with its requests and its calls; another starts in its place."""
        here = self._workloads[workload]
        if not here.ready:
            return
        victim = next((each for each in here.ready if each.stuck is not None), here.ready[0])
        here.ready.remove(victim)
        here.ended += 1
        replicas = [victim, *(each for other in self._workloads.values() for each in other.ready)]
        waiting = under_way((event[3] for event in self._events), replicas)
        victim.stuck = None
        answered = {id(subject) for _, _, act, subject in self._events if act is self._on_answer}
        inside = self._on_arrival, self._on_service
        self._events[:] = [e for e in self._events if e[2] not in inside or e[3].replica is not victim]
        heapq.heapify(self._events)
        for each in waiting:
            if not each.is_over:
                if each.parent is not None and each.parent.replica is victim:
                    self._hang_up(each)
                elif each.replica is victim and id(each) not in answered:
                    self._answer(self._now_s, each, "UC")
        self._start(workload)

    def hang(self, workload: str) -> bool:
        """Stop one ready replica: what reaches it waits until it continues."""
        victim = next((each for each in self._workloads[workload].ready if each.stuck is None), None)
        if victim is not None:
            victim.stop()
        return victim is not None

    def resume(self, workload: str) -> None:
        """Let the stopped replicas do at once what they would have done since."""
        for replica in self._workloads[workload].ready:
            for act, each in replica.resume():
                # A process that reads a request whose connection is closed does not serve it.
                if act is not self._on_arrival or not each.is_over:
                    self._at(self._now_s, act, each)

    def slow_down(self, workload: str, factor: float) -> None:
        """Multiply the service times that begin from now on."""
        self._workloads[workload].slowdown = factor

    def delay(self, workload: str, delay_s: float) -> None:
        """Delay the first try of every call."""
        self._workloads[workload].delay_s = delay_s

    def fail(self, workload: str, percent: float) -> None:
        """Make that share of the responses errors."""
        self._workloads[workload].errors = percent / 100.0

    def _links(self, source: str) -> tuple[Link, ...]:
        links = []
        for call in self._model.calls_of(source):
            name = call.source, call.service
            if name not in self._splits:
                self._splits[name] = Random(f"{self._seed}/{'/'.join(name)}/splits").random
            edges = {workload: self._edges[*name, workload] for workload, _ in call.splits}
            links.append(Link(call, edges, self._splits[name], self._for_calls, self._for_tries))
        return tuple(links)

    def _for_calls(self, after_s: float) -> Deadlines:
        return self._call_deadlines.setdefault(after_s, Deadlines(after_s))

    def _for_tries(self, after_s: float) -> Deadlines:
        return self._try_deadlines.setdefault(after_s, Deadlines(after_s))

    def _door(self) -> Link:
        if len(self._entrances) == 1:
            return self._entrances[0]
        at = self._doors() * self._entering[-1]
        return next(link for link, end in zip(self._entrances, self._entering, strict=True) if at < end)

    def _at(self, at_s: float, act: Callable[[float, Any], None], subject: object) -> None:
        _push(self._events, (at_s, next(self._order), act, subject))

    def _start(self, workload: str) -> None:
        self._starts.begin(self._now_s, workload, self._workloads[workload].station.start_s)
        self._await_the_next()

    def _await_the_next(self) -> None:
        if (next_s := self._starts.next_s) < inf:
            self._at(next_s, self._become_ready, None)

    def _become_ready(self, now_s: float, nothing: None) -> None:
        if now_s != self._starts.next_s:
            # Others have started or were cancelled since.
            return
        self._workloads[self._starts.take(now_s)].add_replica()
        self._await_the_next()

    def _ask(self, now_s: float, link: Link, parent: Try | None) -> None:
        """Begin a call."""
        each = Try(link, link.draw(), now_s, parent, ())
        delay_s = each.edge.here.delay_s
        if delay_s > 0.0:
            self._at(now_s + delay_s, self._begin, each)
        else:
            self._begin(now_s, each)

    def _begin(self, now_s: float, each: Try) -> None:
        """Start the call's timeout and its first try."""
        if each.is_over:
            # Its caller ended during the delay.
            return
        if each.link.deadlines is not None:
            self._watch(now_s, each.link.deadlines, each, self._calls_run_out)
        self._send(now_s, each)

    def _send(self, now_s: float, each: Try) -> None:
        if each.is_over:
            # Its call timed out, or its caller ended, while it waited for a retry.
            return
        edge, link = each.edge, each.link
        if not edge.here.ready:
            self._conclude(now_s, each, "UH")
            return
        each.replica = replica = edge.choose(each.tried)
        replica.active[edge.slot] += 1
        replica.sent += 1
        edge.in_flight += 1
        if link.try_deadlines is not None:
            self._watch(now_s, link.try_deadlines, each, self._tries_run_out)
        _push(self._events, (now_s + link.half_hop_s, next(self._order), self._on_arrival, each))

    def _arrive(self, now_s: float, each: Try) -> None:
        replica, here = each.replica, each.edge.here
        if replica.stuck is not None:
            replica.stuck.append((self._on_arrival, each))
        elif replica.serving < here.workers:
            replica.serving += 1
            replica.busy_s -= now_s
            end_s = now_s + here.service_s() * here.slowdown
            _push(self._events, (end_s, next(self._order), self._on_service, each))
        elif len(replica.queue) < here.station.queue_limit:
            replica.queue.append(each)
        else:
            self._answer(now_s, each, "503")

    def _served(self, now_s: float, each: Try) -> None:
        """A worker is done: it takes the next request from the queue, and this one continues without it."""
        replica, here = each.replica, each.edge.here
        if replica.stuck is not None:
            replica.stuck.append((self._on_service, each))
            return
        if replica.queue:
            end_s = now_s + here.service_s() * here.slowdown
            _push(self._events, (end_s, next(self._order), self._on_service, replica.queue.popleft()))
        else:
            replica.serving -= 1
            replica.busy_s += now_s
        if here.errors and here.error_luck() < here.errors:
            self._answer(now_s, each, "500")
        elif here.links:
            each.step = 0
            each.wanted = here.call_luck()
            self._go_on(now_s, each)
        else:
            self._answer(now_s, each, "")

    def _go_on(self, now_s: float, each: Try) -> None:
        """Make the request's next call; after the last one it is answered."""
        if each.replica.stuck is not None:
            each.replica.stuck.append((self._on_response, each))
            return
        links, step = each.edge.here.links, each.step
        while step < len(links):
            link = links[step]
            step += 1
            if each.wanted < link.share:
                each.step = step
                self._ask(now_s, link, each)
                return
        self._answer(now_s, each, "")

    def _answer(self, now_s: float, each: Try, failure: str) -> None:
        if each.replica.stuck is not None and not each.is_over:
            each.failure = failure
            each.replica.stuck.append((self._on_failure, each))
        elif not each.is_over:
            each.failure = failure
            _push(self._events, (now_s + each.link.half_hop_s, next(self._order), self._on_answer, each))

    def _fail(self, now_s: float, each: Try) -> None:
        """Send the error that the replica was stopped before it could send."""
        self._answer(now_s, each, each.failure)

    def _answered(self, now_s: float, each: Try) -> None:
        if each.is_over:
            return
        self._leave(each)
        each.replica.answered += each.failure != "UC"
        if each.failure:
            self._judge(now_s, each, each.failure)
            return
        each.edge.passed.latencies_s.append(now_s - each.begun_s)
        if each.parent is not None:
            self._go_on(now_s, each.parent)

    def _leave(self, each: Try) -> None:
        each.is_over = True
        each.replica.active[each.edge.slot] -= 1
        each.edge.in_flight -= 1

    def _judge(self, now_s: float, each: Try, failure: str) -> None:
        """Retry what may be retried."""
        link, retry = each.link, len(each.tried) + 1
        if failure not in link.repeats:
            self._conclude(now_s, each, failure)
        elif retry > link.attempts:
            self._conclude(now_s, each, failure, "URX")
        else:
            edge = each.edge
            edge.passed.retries += 1
            each.successor = Try(link, edge, each.begun_s, each.parent, (*each.tried, each.replica))
            self._at(now_s + back_off_s(retry, edge.back_off()), self._send, each.successor)

    def _conclude(self, now_s: float, each: Try, *reasons: str) -> None:
        """The call has failed, and so has the request that needed it."""
        each.is_over = True
        each.edge.passed.fail(*reasons)
        if each.parent is not None:
            self._answer(now_s, each.parent, "502")

    def _watch(
        self, now_s: float, deadlines: Deadlines, each: Try, act: Callable[[float, Deadlines], None]
    ) -> None:
        deadlines.waiting.append((now_s + deadlines.after_s, each))
        if not deadlines.is_armed:
            deadlines.is_armed = True
            self._at(now_s + deadlines.after_s, act, deadlines)

    def _calls_run_out(self, now_s: float, deadlines: Deadlines) -> None:
        """End whole calls that timed out, whichever try is under way."""
        waiting = deadlines.waiting
        while waiting:
            at_s, each = waiting[0]
            while each.successor is not None:
                each = each.successor
            if not each.is_over:
                if at_s > now_s:
                    self._at(at_s, self._calls_run_out, deadlines)
                    return
                # Envoy counts the tries that it ends; between two tries there is none.
                if each.replica is not NOWHERE:
                    self._leave(each)
                    each.edge.passed.timeouts += 1
                self._conclude(now_s, each, "UT")
            waiting.popleft()
        deadlines.is_armed = False

    def _tries_run_out(self, now_s: float, deadlines: Deadlines) -> None:
        """End single tries that timed out; their replicas' work no longer matters."""
        waiting = deadlines.waiting
        while waiting:
            at_s, each = waiting[0]
            if not each.is_over:
                if at_s > now_s:
                    self._at(at_s, self._tries_run_out, deadlines)
                    return
                self._leave(each)
                each.edge.passed.timeouts += 1
                self._judge(now_s, each, "UT")
            waiting.popleft()
        deadlines.is_armed = False

    def _hang_up(self, each: Try) -> None:
        """The caller has ended: its proxy resets the try, whose replica continues nevertheless."""
        if each.replica is NOWHERE:
            each.is_over = True
        else:
            self._leave(each)
        each.edge.passed.fail("DC")
