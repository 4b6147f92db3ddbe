"""The effect of queueing on latencies of calm windows, by the twin: small, but larger than their error."""

from collections.abc import Sequence

from marskit.calibration.fit import Queueing as Queueing
from marskit.calibration.fit import WindowKey, calm_windows
from marskit.calibration.path import quantile_ms, unqueued_ms
from marskit.calibration.rerun import Course, MakeEngine, replay
from marskit.calibration.windows import ObservedWindows
from marskit.domain.topology import EdgeId
from marskit.mesh.simulator.model import TwinModel


def added_by_queueing(
    model: TwinModel, windows: ObservedWindows, course: Course, engine: MakeEngine, seeds: Sequence[int]
) -> Queueing:
    """The increase of p50 and p95 of a replay over those of a mesh without queueing."""
    calm = {
        (call, workload): {
            (run, at_s) for run, at_s, *_ in calm_windows(model, windows, call, workload).iter_rows()
        }
        for call in model.calls
        for workload, _ in call.splits
    }
    keys = sorted({key for of_edge in calm.values() for key in of_edge if key[0] == course.run})
    length_s = {
        (run, at_s): window_s
        for run, at_s, window_s in windows.workloads.select("run", "at_s", "window_s").unique().iter_rows()
    }
    found = replay(model, course, [(at_s - length_s[run, at_s], at_s) for run, at_s in keys], engine, seeds)
    added: dict[tuple[WindowKey, EdgeId], tuple[float, float]] = {}
    for (call, workload), of_edge in calm.items():
        edge = EdgeId(call.source, call.service, workload)
        rising = unqueued_ms(model, call, workload)
        for key, edges in zip(keys, found, strict=True):
            histogram = edges.get(edge)
            if key not in of_edge or histogram is None:
                continue
            p50_ms, p95_ms = histogram.quantile_ms(0.5), histogram.quantile_ms(0.95)
            if p50_ms is not None and p95_ms is not None:
                n = histogram.n
                added[key, edge] = (
                    p50_ms - quantile_ms(rising, 0.5, n),
                    p95_ms - quantile_ms(rising, 0.95, n),
                )
    return added
