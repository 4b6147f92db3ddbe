"""The accuracy of a fitted twin on windows that it was not fitted to."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from marskit.calibration.rerun import Course, MakeEngine, replay
from marskit.domain.metrics import merge
from marskit.knowledge.read.fault_free_windows import apart, quiet
from marskit.knowledge.read.runs import StoredRun
from marskit.mesh.simulator.card import HeldOut
from marskit.mesh.simulator.model import TwinModel


@dataclass(frozen=True, slots=True)
class Compared:
    """One service in one window, as recorded and as repeated by the twin."""

    run: str
    at_s: float
    service: str
    n: int
    """Number of recorded requests."""
    recorded_p50_ms: float
    recorded_p95_ms: float
    twin_p50_ms: float
    twin_p95_ms: float


def compare(
    model: TwinModel,
    run: StoredRun,
    course: Course,
    engine: MakeEngine,
    seeds: Sequence[int],
    *,
    since_s: float = 0.0,
) -> Iterator[Compared]:
    """Every service in every window after `since_s` with enough requests for a p95."""
    observations = [
        observation
        for record in apart(quiet(run.records))
        if (observation := record.cycle.observation).at_s - observation.window_s >= since_s
    ]
    windows = [(observation.at_s - observation.window_s, observation.at_s) for observation in observations]
    for observation, edges in zip(observations, replay(model, course, windows, engine, seeds), strict=True):
        for service in observation.services:
            latency = service.latency
            twin = merge(histogram for edge, histogram in edges.items() if edge.service == service.service)
            twin_p50_ms, twin_p95_ms = twin.quantile_ms(0.5), twin.quantile_ms(0.95)
            if not latency.p95_is_trusted or latency.p50_ms is None or latency.p95_ms is None:
                continue
            if twin_p50_ms is not None and twin_p95_ms is not None:
                yield Compared(
                    run=course.run,
                    at_s=observation.at_s,
                    service=service.service,
                    n=latency.n,
                    recorded_p50_ms=latency.p50_ms,
                    recorded_p95_ms=latency.p95_ms,
                    twin_p50_ms=twin_p50_ms,
                    twin_p95_ms=twin_p95_ms,
                )


def errors(compared: Iterable[Compared]) -> tuple[HeldOut, ...]:
    """The median error of each service, in order of appearance."""
    by_service: dict[str, list[Compared]] = {}
    for each in compared:
        by_service.setdefault(each.service, []).append(each)
    return tuple(
        HeldOut(
            service=service,
            n=len(rows),
            p50_error_percent=median(_off_percent(c.twin_p50_ms, c.recorded_p50_ms) for c in rows),
            p95_error_percent=median(_off_percent(c.twin_p95_ms, c.recorded_p95_ms) for c in rows),
        )
        for service, rows in by_service.items()
    )


def _off_percent(twin_ms: float, recorded_ms: float) -> float:
    return 100.0 * abs(twin_ms - recorded_ms) / recorded_ms
