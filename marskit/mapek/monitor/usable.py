"""Whether a reading can be used: garbage counts as not read."""

from collections.abc import Iterator
from math import isfinite

from marskit.domain.load import LoadSample
from marskit.domain.metrics import EdgeSample, MeshSample, WorkloadSample

_Number = tuple[str, float | None]


def why_unusable(sample: MeshSample | LoadSample) -> str | None:
    """What is wrong with the reading, in a few words; None if it can be used."""
    numbers = _of_load(sample) if isinstance(sample, LoadSample) else _of_mesh(sample)
    for name, value in numbers:
        if value is not None and not (isfinite(value) and value >= 0):
            return f"{name} is {value:g}"
    if isinstance(sample, LoadSample):
        return None
    for edge in sample.edges:
        if edge.failures > edge.requests:
            return f"{edge.failures} of {edge.requests} requests failed on {edge.edge}"
    for workload in sample.workloads:
        if workload.utilisation is not None and workload.utilisation > 1.0 + 1e-6:
            return f"the utilisation of {workload.workload} is {workload.utilisation:g}"
    return None


def _of_load(sample: LoadSample) -> Iterator[_Number]:
    yield "its time", sample.at_s
    yield "the number of users", sample.users
    yield "the position in the scenario", sample.scenario_s
    yield "the offered rate", sample.offered_requests_per_s
    yield "the actual rate", sample.sent_requests_per_s
    yield "the rate of failures", sample.failures_per_s
    if sample.counts is not None:
        yield "the number of offered requests", sample.counts.offered
        yield "the number of successes", sample.counts.succeeded
        yield from ((f"the number of failures ({kind})", count) for kind, count in sample.counts.failures)


def _of_mesh(sample: MeshSample) -> Iterator[_Number]:
    yield "its time", sample.at_s
    yield "its duration", sample.duration_s
    yield "the time of its data", sample.measured_at_s
    for edge in sample.edges:
        yield from _of_edge(edge)
    for workload in sample.workloads:
        yield from _of_workload(workload)


def _of_edge(sample: EdgeSample) -> Iterator[_Number]:
    for name, value in (
        ("requests", sample.requests),
        ("failures", sample.failures),
        ("requests in flight", sample.in_flight),
        ("retries", sample.retries),
        ("timeouts", sample.timeouts),
        ("ejected replicas", sample.ejected),
        *((f"failures ({flag})", count) for flag, count in sample.response_flags or ()),
    ):
        yield f"the number of {name} on {sample.edge}", value
    for bin_ in sample.successes_ms.bins:
        yield from ((f"a latency on {sample.edge}", number) for number in bin_)


def _of_workload(sample: WorkloadSample) -> Iterator[_Number]:
    for name, value in (
        ("number of desired replicas", sample.replicas_desired),
        ("number of ready replicas", sample.replicas_ready),
        ("number of replicas that ended", sample.ended),
        ("utilisation", sample.utilisation),
        ("queue", sample.queued),
    ):
        yield f"the {name} of {sample.workload}", value
