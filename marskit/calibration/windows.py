"""Recorded cycles as frames for fitting: one row per window and workload, one per window and edge."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from marskit.domain.actions import Scale
from marskit.domain.observation import Observation
from marskit.domain.records import Outcome
from marskit.knowledge.read.fault_free_windows import SETTLING_S, apart, quiet
from marskit.knowledge.read.runs import StoredRun
from marskit.knowledge.record import Record


@dataclass(frozen=True, slots=True)
class ObservedWindows:
    """The runs' observations, window by window; windows of one run do not overlap, so each counts once."""

    workloads: pl.DataFrame
    """`run, at_s, window_s, workload, ready, utilisation, served_per_s, steady`."""
    edges: pl.DataFrame
    """`run, at_s, window_s, source, service, workload, requests_per_s, failures_per_s, repeated_per_s, n,
    p50_ms, p95_ms`; `repeated_per_s` is of retries and timeouts."""

    def without(self, run: str) -> "ObservedWindows":
        """The windows of all other runs."""
        other = pl.col("run") != run
        return ObservedWindows(self.workloads.filter(other), self.edges.filter(other))

    def before(self, at_s: float) -> "ObservedWindows":
        """The windows that ended by then."""
        early = pl.col("at_s") <= at_s
        return ObservedWindows(self.workloads.filter(early), self.edges.filter(early))


def windows(runs: Iterable[StoredRun]) -> ObservedWindows:
    """All windows of the runs without injected faults."""
    text, real, whole, flag = pl.String(), pl.Float64(), pl.Int64(), pl.Boolean()
    workloads: list[dict[str, Any]] = []
    edges: list[dict[str, Any]] = []
    for run in runs:
        for record in apart(quiet(run.records)):
            observation = record.cycle.observation
            window = {
                "run": run.started.run,
                "at_s": observation.at_s,
                "window_s": observation.window_s,
            }
            workloads += [window | row for row in _workloads(run, observation)]
            edges += [window | row for row in _edges(observation)]
    key = {"run": text, "at_s": real, "window_s": real}
    return ObservedWindows(
        pl.DataFrame(
            workloads,
            schema=key
            | {"workload": text, "ready": whole, "utilisation": real, "served_per_s": real, "steady": flag},
        ),
        pl.DataFrame(
            edges,
            schema=key
            | {"source": text, "service": text, "workload": text}
            | {"requests_per_s": real, "failures_per_s": real, "repeated_per_s": real}
            | {"n": whole, "p50_ms": real, "p95_ms": real},
        ),
    )


def _workloads(run: StoredRun, observation: Observation) -> Iterator[dict[str, Any]]:
    for workload in observation.workloads:
        name = workload.workload
        yield {
            "workload": name,
            "ready": workload.replicas_ready,
            "utilisation": workload.utilisation,
            "served_per_s": _served_per_s(observation, name),
            "steady": bool(workload.replicas_ready) and is_steady(run.records, observation, name),
        }


def _served_per_s(observation: Observation, workload: str) -> float:
    """The requests that took a worker: all except those that a full queue rejected.

    A request that failed because of one of its own calls was served first.
    """
    into = [e for e in observation.edges if e.edge.workload == workload]
    out = [e for e in observation.edges if e.edge.source == workload]
    failed = sum(e.failures_per_s for e in into) - sum(e.failures_per_s for e in out)
    return sum(e.requests_per_s for e in into) - max(0.0, failed)


def is_steady(records: Sequence[Record], observation: Observation, workload: str) -> bool:
    """Whether the number of ready replicas was constant during the window, as far as the cycles show."""
    from_s = observation.at_s - observation.window_s - SETTLING_S
    ready = observation.workload(workload).replicas_ready
    for record in records:
        seen = record.cycle.observation
        if from_s <= seen.at_s <= observation.at_s:
            state = seen.workload(workload)
            if state.replicas_ready != ready or state.replicas_desired != ready:
                return False
        for execution in record.cycle.executions:
            scaled = isinstance(execution.action, Scale) and execution.action.workload == workload
            if (
                scaled
                and execution.outcome is Outcome.APPLIED
                and from_s <= execution.at_s <= observation.at_s
            ):
                return False
    return True


def _edges(observation: Observation) -> Iterator[dict[str, Any]]:
    for edge in observation.edges:
        yield {
            "source": edge.edge.source,
            "service": edge.edge.service,
            "workload": edge.edge.workload,
            "requests_per_s": edge.requests_per_s,
            "failures_per_s": edge.failures_per_s,
            "repeated_per_s": (edge.retries_per_s or 0.0) + (edge.timeouts_per_s or 0.0),
            "n": edge.latency.n,
            "p50_ms": edge.latency.p50_ms,
            "p95_ms": edge.latency.p95_ms,
        }
