"""Cycles to store, made by hand."""

from marskit.domain.actions import Scale
from marskit.domain.diagnosis import Diagnosis, Evidence, Severity, SloStatus, Symptom, SymptomKind
from marskit.domain.events import RunStarted
from marskit.domain.goals import Utility
from marskit.domain.load import LoadSample, LoadStatus
from marskit.domain.metrics import ConfigGeneration
from marskit.domain.observation import (
    EdgeObservation,
    Latency,
    Observation,
    ServiceObservation,
    WorkloadObservation,
)
from marskit.domain.plan import Plan
from marskit.domain.records import Cycle, Effect, Execution, Mode, Origin, Outcome
from tests.fakes import CAPABILITIES, CONFIGURATION, GOALS, SPIKE, TOPOLOGY

PERIOD_S = 2.0


def run_started(run: str) -> RunStarted:
    return RunStarted(
        run=run,
        mesh="fake",
        seed=7,
        planner="threshold",
        planners=("static", "threshold"),
        mode=Mode.AUTO,
        period_s=PERIOD_S,
        topology=TOPOLOGY,
        configuration=CONFIGURATION,
        goals=GOALS,
        scenario=SPIKE,
        scenarios=("steady", "spike"),
        capabilities=CAPABILITIES,
    )


def cycle(
    number: int, *, met: bool = True, failures_per_s: float = 0.0, payments: int = 2, act: bool = False
) -> Cycle:
    """One cycle; when it is not `met`, orders is too slow, and when it may `act`, payments is scaled."""
    started_s = PERIOD_S * number
    p95_ms = 55.0 if met else 412.0
    latency = Latency(100, 50.0, p95_ms, p95_ms + 10.0)
    observation = Observation(
        at_s=started_s,
        window_s=5.0,
        services=(ServiceObservation("orders", 20.0, failures_per_s, latency, 0.0 if met else 80.0),),
        workloads=tuple(
            WorkloadObservation(
                workload.name,
                workload.service,
                payments if workload.name == "payments" else 2,
                payments if workload.name == "payments" else 2,
                20.0,
                0.5,
                0.0,
            )
            for workload in TOPOLOGY.workloads
        ),
        edges=tuple(
            EdgeObservation(edge, 20.0, failures_per_s, latency, 1, 0.0, 0.0, 0, None, 100.0)
            for edge in TOPOLOGY.edges
        ),
        load=LoadSample(started_s, LoadStatus.RUNNING, 10, 1.0, started_s, 20.0, 19.8, 0.0),
        generation=ConfigGeneration(),
    )
    symptom = Symptom(
        SymptomKind.LATENCY_SLO,
        Severity.CRITICAL,
        "orders",
        (Evidence("latency_p95_ms", 412.0, 200.0, 100, 5.0),),
        "orders answers 95% of its requests within 412 ms, above its 200 ms.",
    )
    diagnosis = Diagnosis(
        slos=(SloStatus("orders", 200.0, p95_ms, met, 100.0, True, 100, 100),),
        symptoms=() if met else (symptom,),
        bottleneck=None if met else "payments",
        utility=Utility(20.0, 0.0, 0.0, 4.0, 0.0),
        sentence="All SLOs are met." if met else "SLO violated.",
    )
    action = Scale("payments", payments + 1)
    actions = (action,) if act else ()
    execution = Execution(
        id=number,
        origin=Origin.PLANNER,
        action=action,
        command=f"kubectl scale deployment/payments --replicas={payments + 1}",
        diff=f"-  replicas: {payments}\n+  replicas: {payments + 1}\n",
        inverse=Scale("payments", payments),
        inverse_command=f"kubectl scale deployment/payments --replicas={payments}",
        outcome=Outcome.APPLIED,
        reason="effective after 40 ms",
        at_s=started_s + 0.1,
        generation=number,
        pushed_after_ms=20.0,
        effective_after_ms=40.0,
    )
    return Cycle(
        id=number,
        started_at_s=started_s,
        ended_at_s=started_s + 0.2,
        mode=Mode.AUTO,
        planner="threshold",
        observation=observation,
        diagnosis=diagnosis,
        plan=Plan("threshold", (), actions, "payments is the bottleneck", actions),
        executions=(execution,) if act else (),
        effects=(),
        cpu_ms=3.0,
    )


def effect(execution: int) -> Effect:
    return Effect(execution, "orders", 412.0, 60.0, 0.0, 0.0, "p95 of orders fell from 412 to 60 ms.")
