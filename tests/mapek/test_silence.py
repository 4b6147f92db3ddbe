"""Who is silent, who only waits, and what is neither: through Monitor's samples and Analyse."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marskit.domain.diagnosis import Ailment, Diagnosis, SymptomKind
from marskit.domain.metrics import EdgeSample, Histogram, MeshSample, ReplicaSample, WorkloadSample
from marskit.domain.observation import ReplicaObservation
from marskit.domain.topology import EdgeId
from marskit.mapek.analyse.analyse import analyse
from marskit.mapek.analyse.memory import Memory
from marskit.mapek.analyse.silence import is_silent
from marskit.mapek.monitor.monitor import Monitor
from marskit.mapek.monitor.silence import answered_of
from tests.mapek.mesh import (
    GOALS,
    INTO_ORDERS,
    TO_FOOD,
    TO_MUSIC,
    TO_PAYMENTS,
    TOPOLOGY,
    World,
    configuration,
)

PERIOD_S = 0.5


def diagnose(world: World, memory: Memory, *, at_s: float = 100.0) -> Diagnosis:
    return analyse(
        world.observation(at_s),
        topology=TOPOLOGY,
        goals=GOALS,
        configuration=world.configuration,
        actions=0,
        period_s=2.0,
        memory=memory,
    )


def experienced() -> Memory:
    """A memory of one healthy window, in which p99s were 60 ms."""
    memory = Memory()
    diagnose(World(), memory, at_s=90.0)
    return memory


def waiting(world: World, edge: EdgeId, *, in_flight: int, silent_s: float, unanswered: int) -> World:
    """Nothing comes back on the edge."""
    world.edge(edge, p95_ms=None, n=0, requests_per_s=0.0)
    world.edges[edge] = replace(
        world.edges[edge], in_flight=in_flight, silent_s=silent_s, unanswered=unanswered
    )
    return world


def replicas(world: World, name: str, *members: ReplicaObservation) -> World:
    world.workloads[name] = replace(world.workloads[name], replicas=members)
    return world


def answering(name: str) -> ReplicaObservation:
    return ReplicaObservation(name, in_flight=1, answered_per_s=20.0, silent_s=0.0, unanswered=1)


def silent(
    name: str, *, in_flight: int = 30, silent_s: float = 3.0, unanswered: int = 30
) -> ReplicaObservation:
    return ReplicaObservation(name, in_flight, 0.0, silent_s, unanswered)


def named(diagnosis: Diagnosis) -> list[tuple[str, Ailment]]:
    return [(suspect.subject, suspect.ailment) for suspect in diagnosis.suspects]


def kinds(diagnosis: Diagnosis) -> list[SymptomKind]:
    return [symptom.kind for symptom in diagnosis.symptoms]


def test_a_workload_that_answers_nothing_is_named_with_evidence_and_a_sentence() -> None:
    world = waiting(World(), TO_PAYMENTS, in_flight=84, silent_s=4.2, unanswered=84)
    diagnosis = diagnose(world, experienced())
    assert named(diagnosis)[0] == ("payments", Ailment.SILENT)
    (symptom,) = [each for each in diagnosis.symptoms if each.kind is SymptomKind.SILENCE]
    assert symptom.sentence == (
        "payments does not answer: 84 requests in flight, 0 of 84 answered for 4.2 s; 99 % are usually "
        "answered within 60 ms. If it is only slow, an answer takes 4.2 s or more."
    )
    evidence = {each.metric: (each.value, each.n) for each in symptom.evidence}
    assert evidence == {"silent_s": (4.2, 84), "in_flight": (84, 84), "answered": (0, 84)}


def test_the_silent_one_at_the_end_of_a_chain_is_named_and_not_its_callers() -> None:
    world = waiting(World(), INTO_ORDERS, in_flight=90, silent_s=4.0, unanswered=90)
    waiting(world, TO_PAYMENTS, in_flight=84, silent_s=4.0, unanswered=84)
    assert named(diagnose(world, experienced())) == [("payments", Ailment.SILENT)]


def test_a_caller_that_hangs_itself_is_named_although_its_calls_have_stopped_too() -> None:
    world = waiting(World(), INTO_ORDERS, in_flight=90, silent_s=4.0, unanswered=90)
    for edge in (TO_PAYMENTS, TO_FOOD, TO_MUSIC):
        waiting(world, edge, in_flight=0, silent_s=0.0, unanswered=0)
    assert named(diagnose(world, experienced())) == [("orders", Ailment.SILENT)]


def test_one_of_several_replicas_is_named_by_its_name_although_the_edge_answers() -> None:
    world = World(configuration(payments=2))
    replicas(world, "payments", silent("payments-1"), answering("payments-2"))
    diagnosis = diagnose(world, experienced())
    assert named(diagnosis) == [("payments", Ailment.SILENT)]
    assert diagnosis.suspects[0].sentence.startswith(
        "1 of 2 replicas of payments (payments-1) does not answer: 30 requests in flight, 0 of 30 answered"
    )


def test_a_replica_of_a_caller_that_waits_for_a_silent_callee_is_not_named() -> None:
    world = World(configuration(orders=2))
    replicas(world, "orders", silent("orders-1"), silent("orders-2"))
    waiting(world, TO_PAYMENTS, in_flight=58, silent_s=3.0, unanswered=58)
    assert named(diagnose(world, experienced())) == [("payments", Ailment.SILENT)]


def test_a_violation_is_traced_to_the_silent_one() -> None:
    world = World(configuration(payments=2)).edge(INTO_ORDERS, failures_per_s=12.0)
    replicas(world, "payments", silent("payments-1"), answering("payments-2"))
    world.edge(TO_PAYMENTS, failures_per_s=12.0, flags=(("DC", 120),))
    diagnosis = diagnose(world, experienced())
    assert diagnosis.bottleneck == "payments"
    assert "requests to orders wait for payments (via orders → payments)" in diagnosis.sentence
    # It has given up its calls, so its errors are not its own.
    assert named(diagnosis) == [("payments", Ailment.SILENT)]


def test_nothing_in_flight_is_no_silence() -> None:
    world = World()
    for edge in TOPOLOGY.edges:
        waiting(world, edge, in_flight=0, silent_s=0.0, unanswered=0)
    diagnosis = diagnose(world, experienced())
    assert SymptomKind.SILENCE not in kinds(diagnosis)
    assert diagnosis.suspects == ()


def test_a_slow_service_with_few_requests_is_left_in_peace() -> None:
    memory = Memory()
    # One request every five seconds, which takes two.
    slow = World().edge(TO_FOOD, p95_ms=2000.0, n=2, requests_per_s=0.2)
    diagnose(slow, memory, at_s=90.0)
    waiting(slow, TO_FOOD, in_flight=1, silent_s=4.0, unanswered=2)
    assert SymptomKind.SILENCE not in kinds(diagnose(slow, memory))
    # But not for ever.
    waiting(slow, TO_FOOD, in_flight=12, silent_s=60.0, unanswered=12)
    assert named(diagnose(slow, memory, at_s=110.0))[0] == ("food", Ailment.SILENT)


def test_where_no_answer_was_ever_seen_it_is_said_and_less_certain() -> None:
    world = waiting(World(), TO_FOOD, in_flight=30, silent_s=4.0, unanswered=30)
    assert diagnose(world, Memory()).suspects == ()
    waiting(world, TO_FOOD, in_flight=50, silent_s=6.0, unanswered=50)
    (suspect,) = diagnose(world, Memory()).suspects
    assert (suspect.subject, suspect.ailment, suspect.score) == ("food", Ailment.SILENT, 0.8)
    assert "no answer has been seen yet" in suspect.sentence


def test_answers_too_late_for_any_statistic_are_told_with_a_lower_bound() -> None:
    world = World().edge(TO_PAYMENTS, p95_ms=50.0, n=20, requests_per_s=2.0)
    world.edges[TO_PAYMENTS] = replace(world.edges[TO_PAYMENTS], in_flight=180)
    diagnosis = diagnose(world, experienced())
    (symptom,) = [each for each in diagnosis.symptoms if each.kind is SymptomKind.LATE]
    # 180 in flight at no more than 2 + 180 / 10 arrivals a second.
    assert symptom.sentence == (
        "payments answers late: 180 requests in flight at 20 arrivals per second, so an answer takes 9.0 s "
        "or more (Little's law), against 60 ms in the latencies."
    )
    assert ("payments", Ailment.SLOW) in named(diagnosis)
    caller = World().edge(INTO_ORDERS, p95_ms=50.0, n=20, requests_per_s=2.0)
    caller.edges[INTO_ORDERS] = replace(caller.edges[INTO_ORDERS], in_flight=180)
    assert SymptomKind.LATE in kinds(diagnose(caller, experienced()))
    assert named(diagnose(caller, experienced())) == [], "its calls may be held back on the way"
    queue = world.workload("payments", utilisation=1.0, queued=80.0)
    assert named(diagnose(queue, experienced())) == [("payments", Ailment.OVERLOADED)], "a queue explains it"


@given(st.floats(0.0, 600.0), st.integers(0, 10_000), st.none() | st.floats(0.1, 60_000.0))
def test_silence_grows_more_certain_with_time_and_requests(
    lasts_s: float, unanswered: int, usual_ms: float | None
) -> None:
    if is_silent(lasts_s, unanswered, usual_ms):
        assert lasts_s >= 1.0
        assert unanswered >= 1
        assert is_silent(lasts_s + 1.0, unanswered, usual_ms)
        assert is_silent(lasts_s, unanswered + 1, usual_ms)
        assert usual_ms is None or lasts_s >= 3 * usual_ms / 1000.0, "nobody is asked to be faster than usual"


def sample(number: int, edge: EdgeSample, members: Sequence[ReplicaSample] = ()) -> MeshSample:
    workload = WorkloadSample("payments", 2, 2, 0.5, 0.0, 0, tuple(members))
    return MeshSample(number * PERIOD_S, PERIOD_S, (edge,), (workload,))


def finished(
    count: int, *, in_flight: int, failed: int = 0, flags: tuple[tuple[str, int], ...] = ()
) -> EdgeSample:
    good = Histogram(((10.0, 1.0, count - failed),)) if count > failed else Histogram()
    return EdgeSample(TO_PAYMENTS, count, failed, good, in_flight, response_flags=flags)


def test_monitor_counts_from_the_last_answer_beyond_its_window() -> None:
    monitor = Monitor(TOPOLOGY, GOALS, window_s=4.0)
    members = [
        (ReplicaSample("payments-1", 2, 10, 10), ReplicaSample("payments-2", 1, 10, 10)),
        *[
            (ReplicaSample("payments-1", 2 + 5 * n, 5, 0), ReplicaSample("payments-2", 1, 15, 15))
            for n in range(1, 13)
        ],
    ]
    for number, each in enumerate(members, 1):
        monitor.add(sample(number, finished(15, in_flight=3 + 5 * number), each))
    observation = monitor.observe(configuration(payments=2), None)
    first, second = observation.workload("payments").replicas
    assert (first.replica, first.in_flight, first.silent_s, first.unanswered) == ("payments-1", 62, 6.0, 62)
    assert first.answered_per_s == 0.0
    assert (second.silent_s, second.answered_per_s) == (0.0, 30.0)
    assert observation.workload("payments").replicas_running == 1
    edge = next(each for each in observation.edges if each.edge == TO_PAYMENTS)
    assert edge.silent_s == 0.0, "the other replica answers"


def test_what_the_proxy_gives_up_is_no_answer_but_an_error_is() -> None:
    gave_up = finished(10, in_flight=5, failed=10, flags=(("URX", 4), ("UT", 10)))
    own_errors = finished(10, in_flight=5, failed=10)
    mixed = finished(10, in_flight=5, failed=6, flags=(("UT", 4),))
    assert [answered_of(each) for each in (gave_up, own_errors, mixed)] == [0, 10, 6]
    monitor = Monitor(TOPOLOGY, GOALS, window_s=4.0)
    for number in range(1, 5):
        monitor.add(sample(number, gave_up))
    edge = next(e for e in monitor.observe(configuration(), None).edges if e.edge == TO_PAYMENTS)
    assert (edge.silent_s, edge.unanswered) == (2.0, 15 + 3 * 10)


@pytest.mark.parametrize("ends", ["answer", "empty", "gone"])
def test_a_silence_ends_with_an_answer_or_with_the_last_request(ends: str) -> None:
    monitor = Monitor(TOPOLOGY, GOALS, window_s=4.0)
    for number in range(1, 7):
        monitor.add(
            sample(number, finished(0, in_flight=number), [ReplicaSample("payments-1", number, 1, 0)])
        )
    last = {
        "answer": (finished(3, in_flight=4), [ReplicaSample("payments-1", 4, 1, 3)]),
        "empty": (finished(0, in_flight=0), [ReplicaSample("payments-1", 0, 0, 0)]),
        "gone": (finished(0, in_flight=0), []),
    }[ends]
    monitor.add(sample(7, *last))
    observation = monitor.observe(configuration(), None)
    edge = next(each for each in observation.edges if each.edge == TO_PAYMENTS)
    assert edge.silent_s == 0.0
    assert all(each.silent_s == 0.0 for each in observation.workload("payments").replicas)
