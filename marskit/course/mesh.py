"""The exercises of notebooks 01 and 02: a mesh by hand, and measurement."""

from collections.abc import Callable
from functools import cache

from marskit.course.exercise import Exercise
from marskit.course.judging import Number, Several
from marskit.course.runs import SEED, course_lab, recorded
from marskit.course.stalled import DURATION_S, percentile, stalled
from marskit.domain.config import Retries
from marskit.lab.lab import Lab
from marskit.lab.records import Cycles

TIMEOUTS_MS = (150, 250, 400, 600, 1000)
"""The timeouts to choose from."""
ALLOWED_PERCENT = 5.0
SLO_MS = 300.0
ENOUGH = 100
"""Requests below which fewer than five are slower than the p95."""


@cache
def _changed(change: Callable[[Lab], object]) -> Cycles:
    """Six cycles on steady load after three calm ones and a change."""
    with course_lab("static", "steady", SEED) as lab:
        lab.run(3)
        change(lab)
        return lab.run(6)


def _shift(lab: Lab) -> None:
    lab.shift("recommendations", {"food": 80, "music": 20})


def _retry(lab: Lab) -> None:
    lab.errors("payments", 30)
    lab.set_retries("payments", Retries(3, retry_on="5xx"))


def _farthest_points() -> float:
    edges = [edge for cycle in _changed(_shift)[1:] for edge in cycle.observation.edges]
    return max(
        abs(edge.share_percent - edge.weight_percent)
        for edge in edges
        if edge.share_percent is not None and edge.weight_percent is not None
    )


@cache
def _shortest_timeout_ms() -> float:
    for timeout_ms in TIMEOUTS_MS:

        def change(lab: Lab, timeout_ms: int = timeout_ms) -> None:
            lab.slow("payments", 3)
            lab.set_timeout("payments", timeout_ms)

        orders = _changed(change)[-1].observation.service("orders")
        if 100 * orders.failures_per_s < ALLOWED_PERCENT * orders.requests_per_s:
            return timeout_ms
    return float("inf")


def _amplified() -> float:
    (edge,) = (each for each in _changed(_retry)[-1].observation.edges if each.edge.workload == "payments")
    assert edge.retries_per_s is not None
    return (edge.requests_per_s + edge.retries_per_s) / edge.requests_per_s


def _uncertain() -> set[str]:
    edges = recorded("static", "steady", SEED, 8)[-1].observation.edges
    return {str(each.edge) for each in edges if each.latency.n < ENOUGH}


def _honest_p95_ms() -> float:
    return percentile([1000 * (each.answered_s - each.due_s) for each in stalled()], 95)


def _slow_seconds() -> float:
    seconds: list[list[float]] = [[] for _ in range(round(DURATION_S))]
    for each in stalled():
        seconds[int(each.due_s)].append(1000 * (each.answered_s - each.due_s))
    return sum(percentile(latencies, 95) > SLO_MS for latencies in seconds)


MESH = {
    "01.1": Exercise(
        Number(_farthest_points, "percentage points"),
        "Leave out the first cycle after the shift: its window began before it.",
        "Configured and observed",
        "A weight is a probability for each request; with a hundred requests, a few points are chance.",
    ),
    "01.2": Exercise(
        Number(_shortest_timeout_ms, "ms"),
        "Try every timeout in a new lab; the failures that count are those of orders, which users call.",
        "Timeouts",
        "A timeout below the usual latency of a slow service turns slow answers into failures.",
    ),
    "01.3": Exercise(
        Number(_amplified, "times"),
        "Only failed requests are sent again: compare requests and retries together with the requests alone.",
        "Retries",
        "Retries hide failures from users and add load where things already go wrong.",
    ),
    "02.1": Exercise(
        Several(_uncertain, "edges as strings, such as 'orders → payments'", str),
        "The n behind a percentile is edge.latency.n.",
        "The n behind a percentile",
        "Of 100 requests, five are slower than the p95: with fewer, one slow request moves it.",
    ),
    "02.2": Exercise(
        Number(_honest_p95_ms, "ms"),
        "A user waits from the moment at which the request was due, not from when it was sent.",
        "Coordinated omission",
        "A client that waits for answers stops measuring just when the server is slow.",
    ),
    "02.3": Exercise(
        Number(_slow_seconds, "windows"),
        "Put every request into the second in which it was due, and take a p95 of each second.",
        "The window",
        "A short window says when it was slow, a long one only that it was.",
    ),
}
