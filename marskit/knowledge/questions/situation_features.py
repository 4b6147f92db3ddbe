"""The features of a situation: numbers that are close in similar situations."""

from collections.abc import Iterable, Iterator, Mapping
from math import log, log1p

import numpy as np
import polars as pl
from numpy.typing import NDArray

from marskit.domain.diagnosis import Diagnosis
from marskit.domain.observation import Observation
from marskit.knowledge.questions.source import Tables, cycle_key, known, trusted_p95_ms

LOAD, TREND = "load", "trend"
TREND_CYCLES = 4
"""Number of cycles over which the trend of the load is taken."""
Floats = NDArray[np.float32]
Whole = NDArray[np.int64]


def situation_of(
    observation: Observation, diagnosis: Diagnosis, load_before_per_s: float | None = None
) -> dict[str, float]:
    """The situation just observed, with the same features as `stored_features`.

    Args:
        observation: Monitor's observation.
        diagnosis: Its status against the SLOs.
        load_before_per_s: The actual rate `TREND_CYCLES` cycles earlier, if known.
    """
    found: dict[str, float] = {}
    sent = observation.load.sent_requests_per_s if observation.load else None
    if sent is not None:
        found[LOAD] = log1p(sent)
        if load_before_per_s is not None:
            found[TREND] = found[LOAD] - log1p(load_before_per_s)
    trusted = {s.service for s in observation.services if s.latency.p95_is_trusted}
    for slo in diagnosis.slos:
        if slo.service in trusted and slo.latency_p95_ms:
            found[_slowness(slo.service)] = log(slo.latency_p95_ms / slo.latency_ms)
    for workload in observation.workloads:
        if workload.replicas_ready is not None:
            found[_replicas(workload.workload)] = float(workload.replicas_ready)
        if workload.utilisation is not None:
            found[_busy(workload.workload)] = workload.utilisation
    for edge in observation.edges:
        if edge.weight_percent is not None:
            found[_weight(edge.edge.source, edge.edge.workload)] = edge.weight_percent / 100.0
    return found


def stored_features(tables: Tables, runs: list[str]) -> tuple[pl.DataFrame, dict[str, Floats]]:
    """The cycles of these runs in order, and their features by name, NaN if not observed.

    The load and its change are logarithms of 1 + requests per second, p95 that of its share of the SLO:
    twice as much is as far as half as much. Utilisations are shares of 1, replicas the ready ones,
    weights shares of 1. The cycles come with `key`, `utility_per_s`, `replicas_ready`, `minutes` (scenario
    minutes that the cycle counts for) and `slo_met`.
    """
    key = cycle_key(runs)
    load = pl.coalesce(known("sent_requests_per_s"), known("offered_requests_per_s"))
    slowness = trusted_p95_ms() / pl.col("slo_latency_ms")
    slowness = pl.when(slowness > 0).then(slowness.log())
    cycles, services, workloads, edges = pl.collect_all(
        [
            tables.scan("cycles", runs).select(
                key,
                load.log1p().alias(LOAD),
                known("utility_per_s").alias("utility_per_s"),
                (pl.col("covers_s") * pl.col("speed") / 60.0).alias("minutes"),
                "slo_met",
            ),
            tables.scan("services", runs)
            .filter(pl.col("slo_latency_ms").is_not_null())
            .select(key, "service", slowness.alias("slowness")),
            tables.scan("workloads", runs).select(
                key, "workload", "replicas_ready", known("utilisation").alias("utilisation")
            ),
            tables.scan("edges", runs)
            .filter(pl.col("weight_percent").is_not_null())
            .select(key, "source", "workload", (pl.col("weight_percent") / 100.0).alias("weight")),
        ]
    )
    if not cycles["key"].is_sorted():
        cycles = cycles.sort("key")
    keys = _numbers(cycles["key"])
    loads = cycles[LOAD].to_numpy().astype(np.float32)
    found = {LOAD: loads, TREND: _trend(keys, loads)}
    of_services = _parts(services, "service")
    found |= {_slowness(str(name)): _laid(keys, part, "slowness") for (name,), part in of_services}
    for (name,), part in _parts(workloads, "workload"):
        found[_busy(str(name))] = _laid(keys, part, "utilisation")
        found[_replicas(str(name))] = _laid(keys, part, "replicas_ready")
    of_edges = _parts(edges, "source", "workload")
    found |= {_weight(str(a), str(b)): _laid(keys, part, "weight") for (a, b), part in of_edges}
    return cycles.drop(LOAD), found


def together(chunks: Iterable[Mapping[str, Floats]], rows: int) -> tuple[tuple[str, ...], Floats]:
    """The names of all chunks and their columns one after another, (d, rows), NaN where a chunk has none."""
    chunks = list(chunks)
    names = tuple(dict.fromkeys(name for chunk in chunks for name in chunk))
    whole = np.full((len(names), rows), np.nan, np.float32)
    start = 0
    for chunk in chunks:
        size = len(chunk[LOAD])
        for j, name in enumerate(names):
            if name in chunk:
                whole[j, start : start + size] = chunk[name]
        start += size
    return names, whole


def _parts(frame: pl.DataFrame, *names: str) -> Iterator[tuple[tuple[object, ...], pl.DataFrame]]:
    yield from sorted(frame.partition_by(names, as_dict=True).items(), key=lambda item: str(item[0]))


def _laid(keys: Whole, part: pl.DataFrame, value: str) -> Floats:
    """The values aligned with their cycles."""
    values = part[value].cast(pl.Float32).to_numpy()
    at = _numbers(part["key"])
    if len(at) == len(keys) and np.array_equal(at, keys):
        return values
    laid = np.full(len(keys), np.nan, np.float32)
    if len(keys):
        place = np.minimum(np.searchsorted(keys, at), len(keys) - 1)
        there = keys[place] == at
        laid[place[there]] = values[there]
    return laid


def _trend(keys: Whole, loads: Floats) -> Floats:
    trend = np.full(len(loads), np.nan, np.float32)
    before = np.searchsorted(keys, keys - TREND_CYCLES)
    there = keys[before] == keys - TREND_CYCLES if len(keys) else np.zeros(0, bool)
    trend[there] = loads[there] - loads[before[there]]
    return trend


def _numbers(series: pl.Series) -> Whole:
    return series.to_numpy()


def _slowness(service: str) -> str:
    return f"{service}: p95 / objective"


def _busy(workload: str) -> str:
    return f"{workload}: utilisation"


def _replicas(workload: str) -> str:
    return f"{workload}: replicas"


def _weight(source: str, workload: str) -> str:
    return f"{source} → {workload}: weight"
