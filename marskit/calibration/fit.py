"""Fits a card to windows: service times, call rates, hops and start times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from marskit import text
from marskit.calibration.estimators import LEAST, pooled, ratio
from marskit.calibration.latency import EdgeFit, Quantiles, fit_edge
from marskit.calibration.starts import Start, alone_s, crowding, start_s, unsure_of_crowding
from marskit.calibration.windows import ObservedWindows
from marskit.domain.observation import TRUSTED_N
from marskit.domain.topology import GATEWAY, EdgeId
from marskit.mesh.simulator.card import CallFit, Card, Fitted, StationFit
from marskit.mesh.simulator.compile import calibrated
from marskit.mesh.simulator.model import Call, TwinModel

CALM = 0.35
"""Utilisation below which hardly any request queues, so that latencies show hops and service times."""
_SLACK = 3.0

WindowKey = tuple[str, float]
"""Run and end of a window."""
Queueing = Mapping[tuple[WindowKey, EdgeId], tuple[float, float]]
"""Additional p50 and p95 of an edge in a window that are due to queueing, in ms."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A card, and one sentence for each number that the runs do not determine."""

    card: Card
    untold: tuple[str, ...]


def fit(
    model: TwinModel,
    windows: ObservedWindows,
    starts: Sequence[Start],
    queueing: Queueing | None = None,
) -> Fit:
    """Fit every number of the model that the windows determine.

    Args:
        model: The mesh according to its manifests; its workers, queues and balancers are kept.
        windows: Observations of the runs.
        starts: Start times of new replicas.
        queueing: The effect of queueing on the latencies of calm windows, if known.
    """
    untold: list[str] = []
    services = {s.workload: _service_ms(windows, s.workload, s.workers, untold) for s in model.stations}
    rates = _per_request(model, windows, untold)
    crowded = crowding(starts)
    if crowded is None:
        untold.append(f"Slowdown of simultaneous starts: fewer than {LEAST} single or simultaneous starts.")
    alone = alone_s(starts, crowded.value if crowded else model.crowding)
    started = {name: start_s(alone, name, untold) for name in services}
    if crowded is None and model.crowding == 0.0:
        started = {name: unsure_of_crowding(found, starts, name) for name, found in started.items()}
    stations = {
        name: StationFit(service_ms=service, start_s=started[name]) for name, service in services.items()
    }
    calls = {key: CallFit(per_request=rate) for key, rate in rates.items()}
    spreads: dict[str, list[Fitted]] = {s.workload: [] for s in model.stations}
    # Workloads without further calls come first: their callers' latencies contain theirs.
    for caller in [*(s.workload for s in reversed(model.stations)), GATEWAY]:
        for call in model.calls_of(caller):
            card = Card((), stations, calls)
            fits = _edges(calibrated(model, card), call, windows, services, queueing or {})
            hop = pooled([each.hop_ms for each in fits.values()])
            if hop is None:
                untold.append(
                    f"Hop of {call.source} → {call.service}: fewer than {LEAST} windows with at least "
                    f"{TRUSTED_N} requests and all workers below {text.share(CALM)} busy."
                )
            elif hop.value < 0:
                # No hop is negative: the value is chance, and the standard error reflects that.
                hop = replace(hop, value=0.0)
            calls[call.source, call.service] = replace(
                calls.get((call.source, call.service), CallFit()), hop_ms=hop
            )
            for workload, each in fits.items():
                if each.service_cv is not None:
                    spreads[workload].append(each.service_cv)
                    stations[workload] = replace(stations[workload], service_cv=pooled(spreads[workload]))
    for name, found in spreads.items():
        if not found:
            untold.append(
                f"Coefficient of variation of {name}'s service time: hardly visible to its callers."
            )
    runs = tuple(windows.workloads["run"].unique().sort())
    return Fit(Card(runs, stations, calls, crowding=crowded), tuple(untold))


def _service_ms(windows: ObservedWindows, workload: str, workers: int, untold: list[str]) -> Fitted | None:
    """By the utilisation law: busy workers are throughput times service time (Denning & Buzen 1978)."""
    rows = (
        windows.workloads.filter(
            (pl.col("workload") == workload) & pl.col("steady") & pl.col("utilisation").is_not_null()
        )
        .join(_clean(windows, pl.col("workload") == workload), on=["run", "at_s"])
        .sort("run", "at_s")
        .select(
            served=pl.col("served_per_s") * pl.col("window_s"),
            busy_ms=pl.col("utilisation") * pl.col("ready") * workers * pl.col("window_s") * 1000.0,
        )
    )
    fitted = ratio(list(rows.iter_rows()))
    if fitted is None:
        untold.append(f"Service time of {workload}: fewer than {LEAST} steady windows with requests.")
    return fitted


def _per_request(
    model: TwinModel, windows: ObservedWindows, untold: list[str]
) -> dict[tuple[str, str], Fitted | None]:
    """The share of a source's requests that make each call."""
    found: dict[tuple[str, str], Fitted | None] = {}
    for source in (GATEWAY, *(s.workload for s in model.stations)):
        calls = model.calls_of(source)
        if not calls:
            continue
        is_source = (pl.col("source") if source == GATEWAY else pl.col("workload")) == source
        # In order: sums in another order would differ in their last digit.
        asked = (
            windows.edges.filter(is_source)
            .group_by("run", "at_s", maintain_order=True)
            .agg(asked=_requests())
        )
        clean = _clean(windows, (pl.col("source") == source) | (pl.col("workload") == source))
        for call in calls:
            made = (
                windows.edges.filter((pl.col("source") == source) & (pl.col("service") == call.service))
                .group_by("run", "at_s", maintain_order=True)
                .agg(made=_requests())
            )
            rows = asked.join(made, on=["run", "at_s"]).join(clean, on=["run", "at_s"])
            rate = ratio(list(rows.sort("run", "at_s").select("asked", "made").iter_rows()))
            where = f"{source} → {call.service}"
            if rate is None:
                untold.append(f"Call rate of {where}: fewer than {LEAST} windows without failures.")
            elif rate.value - _SLACK * rate.stderr > 1:
                untold.append(
                    f"Call rate of {where}: {rate.value:.2f} per request, but the twin supports at "
                    "most one call of each kind."
                )
                rate = None
            else:
                rate = replace(rate, value=min(1.0, rate.value))
            found[source, call.service] = rate
    return found


def _requests() -> pl.Expr:
    return (pl.col("requests_per_s") * pl.col("window_s")).sum()


def _clean(windows: ObservedWindows, edges: pl.Expr) -> pl.DataFrame:
    """The windows without failures or retries on those edges."""
    return (
        windows.edges.filter(edges)
        .group_by("run", "at_s", maintain_order=True)
        .agg(bad=(pl.col("failures_per_s") + pl.col("repeated_per_s")).sum())
        .filter(pl.col("bad") == 0)
        .select("run", "at_s")
    )


def _edges(
    model: TwinModel,
    call: Call,
    windows: ObservedWindows,
    services: Mapping[str, Fitted | None],
    queueing: Queueing,
) -> dict[str, EdgeFit]:
    found: dict[str, EdgeFit] = {}
    for workload, _ in call.splits:
        rows = calm_windows(model, windows, call, workload)
        edge = EdgeId(call.source, call.service, workload)
        quantiles = []
        for run, at_s, n, p50_ms, p95_ms in rows.iter_rows():
            more_50, more_95 = queueing.get(((run, at_s), edge), (0.0, 0.0))
            quantiles.append(Quantiles(n, p50_ms - more_50, p95_ms - more_95))
        fitted = fit_edge(model, call, workload, quantiles, services[workload])
        if fitted is not None:
            found[workload] = fitted
    return found


def calm_windows(model: TwinModel, windows: ObservedWindows, call: Call, workload: str) -> pl.DataFrame:
    """`run, at_s, n, p50_ms, p95_ms` of the edge where it and everything behind it had spare workers."""
    behind = reach(model, workload)
    calm = (
        windows.workloads.filter(pl.col("workload").is_in(list(behind)))
        .group_by("run", "at_s", maintain_order=True)
        .agg(calm=(pl.col("steady") & (pl.col("utilisation").fill_null(1.0) <= CALM)).all())
        .filter(pl.col("calm"))
        .select("run", "at_s")
    )
    inside = pl.col("workload").is_in(list(behind)) & pl.col("source").is_in([call.source, *behind])
    is_edge = (pl.col("source") == call.source) & (pl.col("workload") == workload)
    return (
        windows.edges.filter(is_edge & (pl.col("service") == call.service) & (pl.col("n") >= TRUSTED_N))
        .join(calm, on=["run", "at_s"])
        .join(_clean(windows, inside), on=["run", "at_s"])
        .select("run", "at_s", "n", "p50_ms", "p95_ms")
        .sort("run", "at_s")
    )


def reach(model: TwinModel, workload: str) -> tuple[str, ...]:
    """The workload and all others that contribute to its responses."""
    reached: dict[str, None] = {}
    todo = [workload]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached[name] = None
            todo += [callee for call in model.calls_of(name) for callee, _ in call.splits]
    return tuple(reached)
