"""A data set as the loop would have left it, of any size: a demo mesh, several planners, seeded loads."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from marskit.demo import DEMO_MANIFESTS
from marskit.domain.config import Configuration
from marskit.domain.events import RunStarted, ScenarioInfo
from marskit.domain.records import Mode
from marskit.knowledge.format.file_names import Span, named, run_file_name
from marskit.knowledge.format.rows import run_table
from marskit.knowledge.format.tables import SCHEMA_VERSION, table_schema
from marskit.knowledge.storage.files import run_folder
from marskit.mesh.envoy.adapter import CAPABILITIES
from marskit.mesh.manifests.graph import goals, topology
from marskit.mesh.manifests.load import load_mesh

SERVICES = ("orders", "payments", "recommendations")
LIMITS_MS = {"orders": 250.0, "payments": 120.0}
WORKLOADS = {
    "orders": "orders",
    "payments": "payments",
    "recommendations-food": "recommendations",
    "recommendations-music": "recommendations",
}
EDGES = (
    ("ingress", "orders", "orders", None),
    ("orders", "recommendations", "recommendations-food", 50),
    ("orders", "recommendations", "recommendations-music", 50),
    ("orders", "payments", "payments", None),
)
ROWS_A_CYCLE = len(SERVICES) + len(WORKLOADS) + len(EDGES)
PLANNERS = ("hpa", "threshold", "lookahead", "ppo")
SCENARIOS = {"spike": 60.0, "diurnal": 80.0, "ramp": 45.0}
SPEED, PERIOD_S, WINDOW_S = 7.5, 2.0, 5.0
Columns = Mapping[str, Any]


def write_runs(root: Path, rows: int, runs: int) -> int:
    """Write so many runs with so many rows of services, workloads and edges together; returns the rows."""
    cycles = max(20, round(rows / runs / ROWS_A_CYCLE))
    for number in range(runs):
        _write_run(root, number, cycles)
    return cycles * runs * ROWS_A_CYCLE


def _write_run(root: Path, number: int, cycles: int) -> None:
    name = f"20260101T{number:06}Z-{number:04x}"
    planner = PLANNERS[number % len(PLANNERS)]
    # Twin and Envoy in turn, each with every planner on the same arrivals.
    mesh = ("twin", "envoy")[number // len(PLANNERS) % 2]
    scenario = tuple(SCENARIOS)[number // (2 * len(PLANNERS)) % len(SCENARIOS)]
    seed = number // (2 * len(PLANNERS) * len(SCENARIOS))
    rng = np.random.default_rng(number)
    n = cycles
    cycle = np.arange(1, n + 1)
    at_s = PERIOD_S * cycle
    scenario_s = at_s * SPEED
    arrivals = np.random.default_rng([seed, len(scenario)])
    load = SCENARIOS[scenario] * (1 + 0.6 * np.sin(scenario_s / 700.0)) * arrivals.lognormal(0, 0.05, n)
    replicas, busy, act = {}, {}, np.zeros(n, bool)
    for w, workload in enumerate(WORKLOADS):
        wanted = np.ceil(np.roll(load, 3 + w) / 22.0)
        held = np.maximum(2, wanted[(cycle - 1) // 12 * 12]).astype(np.int64)
        replicas[workload] = held
        busy[workload] = np.clip(load / (held * 25.0) * rng.lognormal(0, 0.08, n), 0, 1.0)
    up = np.diff(replicas["payments"], append=replicas["payments"][-1])
    act = up != 0
    slow = 1.0 / np.maximum(0.06, 1.02 - busy["payments"])
    key = {"run": name, "cycle": cycle, "at_s": at_s}
    p95 = {
        "orders": 40.0 * slow * rng.lognormal(0, 0.2, n),
        "payments": 20.0 * slow * rng.lognormal(0, 0.2, n),
        "recommendations": 15.0 * rng.lognormal(0, 0.2, n),
    }
    failures = load * np.where(slow > 10, 0.05, 0.0) * rng.random(n)
    total = sum(replicas.values())
    met = (p95["orders"] <= LIMITS_MS["orders"]) & (p95["payments"] <= LIMITS_MS["payments"])
    utility = load * np.where(met, 1.0, -0.5) - 2.0 * total
    folder = run_folder(root, name)
    folder.mkdir(parents=True)
    _write_head(folder, name, mesh, seed, planner, scenario)

    def write(table: str, columns: Columns) -> None:
        schema = table_schema(table)
        frame = pl.DataFrame(
            [pl.Series(c, columns[c], strict=False) for c in schema if _is_many(columns.get(c))]
        )
        frame = frame.with_columns(
            pl.lit(columns.get(c)).alias(c) for c in schema if not _is_many(columns.get(c))
        )
        content = io.BytesIO()
        frame.select(pl.col(c).cast(t) for c, t in schema.items()).write_parquet(content)
        file = named(table, Span(1, n), frame.height, content.getvalue())
        (folder / file.name).write_bytes(content.getvalue())

    write(
        "cycles",
        {
            **key,
            "schema_version": SCHEMA_VERSION,
            "window_s": WINDOW_S,
            "started_at_s": at_s,
            "ended_at_s": at_s + 0.05,
            "covers_s": np.full(n, PERIOD_S),
            "mode": "auto",
            "planner": planner,
            "scenario": scenario,
            "speed": SPEED,
            "scenario_s": scenario_s,
            "seed": seed,
            "users": 10,
            "load_factor": 1.0,
            "offered_requests_per_s": load,
            "sent_requests_per_s": load * 0.99,
            "failed_requests": failures * PERIOD_S,
            "slo_met": met,
            "diagnosis": "All objectives hold.",
            "utility_per_s": utility,
            "served_within_slo_per_s": load,
            "violated_per_s": 0.0,
            "failed_per_s": failures,
            "replica_cost_per_s": 2.0 * total,
            "action_churn_per_s": 0.0,
            "replicas_desired": total,
            "replicas_ready": total,
            "actions": act.astype(np.int64),
            "plan_reason": "",
            "cpu_ms": rng.random(n),
        },
    )

    def woven(parts: list[Columns]) -> Columns:
        """The rows of all parts, cycle after cycle."""
        woven: dict[str, Any] = {}
        for column in parts[0]:
            values = [
                np.broadcast_to(
                    np.array(
                        part[column],
                        object if part[column] is None or isinstance(part[column], str) else None,
                    ),
                    n,
                )
                for part in parts
            ]
            woven[column] = (
                np.stack(values, 1).ravel().tolist()
                if any(v.dtype == object for v in values)
                else np.stack(values, 1).ravel()
            )
        woven["run"] = name
        return woven

    def latency(ms: Any) -> Columns:
        return {
            "latency_n": (load * WINDOW_S).astype(np.int64),
            "latency_p50_ms": ms * 0.4,
            "latency_p95_ms": ms,
            "latency_p99_ms": ms * 1.5,
        }

    write(
        "services",
        woven(
            [
                {
                    **key,
                    "service": s,
                    "requests_per_s": load,
                    "failures_per_s": failures,
                    **latency(p95[s]),
                    "slow_percent": np.clip((p95[s] / LIMITS_MS.get(s, 1e9)) ** 3 * 5, 0, 100),
                    "slo_latency_ms": LIMITS_MS.get(s),
                    "slo_met": (p95[s] <= LIMITS_MS[s]) if s in LIMITS_MS else None,
                }
                for s in SERVICES
            ]
        ),
    )
    write(
        "workloads",
        woven(
            [
                {
                    **key,
                    "workload": w,
                    "service": s,
                    "replicas_desired": replicas[w],
                    "replicas_ready": replicas[w],
                    "requests_per_s": load,
                    "utilisation": busy[w],
                    "queued": np.floor(10 * busy[w] ** 8),
                }
                for w, s in WORKLOADS.items()
            ]
        ),
    )
    write(
        "edges",
        woven(
            [
                {
                    **key,
                    "source": a,
                    "service": s,
                    "workload": w,
                    "requests_per_s": load,
                    "failures_per_s": failures,
                    **latency(p95[s]),
                    "in_flight": 1,
                    "retries_per_s": 0.0,
                    "timeouts_per_s": 0.0,
                    "ejected": 0,
                    "weight_percent": weight,
                    "share_percent": float(weight or 100),
                }
                for a, s, w, weight in EDGES
            ]
        ),
    )
    saturated = np.flatnonzero(busy["payments"] > 0.8)
    late = np.flatnonzero(~met)
    where = np.concatenate([saturated, late])
    order = np.argsort(where, kind="stable")
    kinds = np.array(["saturation"] * len(saturated) + ["latency SLO"] * len(late))[order]
    subjects = np.array(["payments"] * len(saturated) + ["orders"] * len(late))[order]
    where = where[order]
    write(
        "symptoms",
        {
            "run": name,
            "cycle": cycle[where],
            "at_s": at_s[where],
            "rank": np.zeros(len(where), np.int64),
            "kind": kinds.tolist(),
            "severity": "warning",
            "subject": subjects.tolist(),
            "metric": "utilisation",
            "value": np.full(len(where), 0.9),
            "threshold": 0.8,
            "n": 40,
            "sentence": "It is busy.",
        },
    )
    acted = np.flatnonzero(act)
    to = replicas["payments"][np.minimum(acted + 1, n - 1)]
    write(
        "executions",
        {
            "run": name,
            "cycle": cycle[acted],
            "at_s": at_s[acted] + 0.05,
            "execution": np.arange(1, len(acted) + 1),
            "origin": "planner",
            "action": [f"scale payments to {r}" for r in to],
            "target": "deployment/payments",
            "command": "kubectl scale",
            "outcome": "applied",
            "reason": "",
            "effective_after_ms": np.full(len(acted), 40.0),
        },
    )


def _is_many(value: object) -> bool:
    return isinstance(value, list | np.ndarray)


def _write_head(folder: Path, run: str, mesh: str, seed: int, planner: str, scenario: str) -> None:
    config = load_mesh(DEMO_MANIFESTS)
    started = RunStarted(
        run=run,
        mesh=mesh,
        seed=seed,
        planner=planner,
        planners=PLANNERS,
        mode=Mode.AUTO,
        period_s=PERIOD_S,
        topology=topology(config),
        configuration=Configuration((), (), ()),
        goals=goals(config),
        scenario=ScenarioInfo(scenario, scenario, 3600.0, SPEED, ((0.0, SCENARIOS[scenario]),)),
        scenarios=tuple(SCENARIOS),
        capabilities=CAPABILITIES,
    )
    content = io.BytesIO()
    run_table(started, 0).write_parquet(content)
    (folder / run_file_name(content.getvalue())).write_bytes(content.getvalue())
