"""Analyse: interprets one observation against the SLOs."""

from collections.abc import Sequence

from marskit.domain.config import Configuration
from marskit.domain.diagnosis import (
    Ailment,
    Diagnosis,
    Evidence,
    Severity,
    SloStatus,
    Suspect,
    Symptom,
    SymptomKind,
)
from marskit.domain.goals import Goals
from marskit.domain.observation import Observation
from marskit.domain.topology import Topology
from marskit.mapek.analyse.bottleneck import Blame, find_bottleneck
from marskit.mapek.analyse.memory import Memory
from marskit.mapek.analyse.slo import slo_status
from marskit.mapek.analyse.symptoms import edge_symptoms, slo_symptoms, workload_symptoms
from marskit.mapek.analyse.utility import entry_services, utility

_GRAVEST_FIRST = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)


def analyse(
    observation: Observation,
    *,
    topology: Topology,
    goals: Goals,
    configuration: Configuration,
    actions: int,
    period_s: float,
    canaries: Sequence[Symptom] = (),
    memory: Memory | None = None,
    speed: float = 1.0,
) -> Diagnosis:
    """The diagnosis of one observation, using the history that `memory` holds.

    Args:
        observation: Monitor's observation.
        topology: The call graph along which a violation is traced.
        goals: The SLOs and the prices.
        configuration: The configuration in force, for the replicas that are paid for.
        actions: Number of actions executed in the period, for the churn term of utility.
        period_s: Real seconds from one cycle to the next.
        canaries: Findings against canaries, which are made on samples rather than on an observation.
        memory: Records the observation; without one, it is judged as the first of a run.
        speed: Scenario seconds per real second, for the windows of the error budgets.
    """
    suspects, alarms = (memory or Memory()).take(observation, goals, speed)
    slos = tuple(slo_status(slo, observation) for slo in goals.slos)
    # Users' services first: a slow inner service is often the cause, and the walk finds it.
    entries = entry_services(topology, goals)
    violated = sorted(
        (slo for slo in slos if slo.met is False), key=lambda slo: (slo.service not in entries, -_excess(slo))
    )
    silent = [suspect.subject for suspect in suspects if suspect.ailment is Ailment.SILENT]
    traced = [find_bottleneck(slo, observation, topology, silent) for slo in violated]
    blames = [blame for blame in traced if blame is not None]
    found = (
        *slo_symptoms(slos, observation, goals),
        *_bottleneck_symptoms(blames, observation),
        *workload_symptoms(observation, topology, configuration),
        *edge_symptoms(observation, goals),
        *canaries,
        *alarms,
    )
    symptoms = tuple(sorted(found, key=lambda symptom: _GRAVEST_FIRST.index(symptom.severity)))
    return Diagnosis(
        slos=slos,
        symptoms=symptoms,
        bottleneck=blames[0].workload if blames else None,
        utility=utility(
            observation,
            topology=topology,
            goals=goals,
            configuration=configuration,
            actions=actions,
            period_s=period_s,
        ),
        sentence=_sentence(slos, violated, blames, symptoms, suspects),
        suspects=suspects,
    )


def _excess(status: SloStatus) -> float:
    """How far beyond its limits the service is, to choose the violation to trace first."""
    latency = (status.latency_p95_ms or 0.0) / status.latency_ms if status.latency_met is False else 0.0
    failed = 100.0 - (status.availability_percent or 0.0) if status.availability_met is False else 0.0
    return latency + failed


def _bottleneck_symptoms(blames: Sequence[Blame], observation: Observation) -> list[Symptom]:
    found: dict[str, Symptom] = {}
    for blame in blames:
        workload = observation.workload(blame.workload)
        evidence = (
            [
                Evidence(
                    "utilisation", workload.utilisation, 1.0, workload.replicas_assumed, observation.window_s
                )
            ]
            if workload.utilisation is not None
            else []
        )
        found.setdefault(
            blame.workload,
            Symptom(
                SymptomKind.BOTTLENECK, Severity.CRITICAL, blame.workload, tuple(evidence), blame.sentence
            ),
        )
    return list(found.values())


def _sentence(
    slos: Sequence[SloStatus],
    violated: Sequence[SloStatus],
    blames: Sequence[Blame],
    symptoms: Sequence[Symptom],
    suspects: Sequence[Suspect],
) -> str:
    fault = next((suspect for suspect in suspects if suspect.is_fault), None)
    if violated:
        *others, last = [slo.service for slo in violated]
        services = f"{', '.join(others)} and {last}" if others else last
        violates = "violates its SLO" if len(violated) == 1 else "violate their SLOs"
        why = blames[0].sentence if blames else "No workload of this mesh serves it."
        return f"{services} {violates}: {why[0].lower()}{why[1:]}{_cause(fault, blames, suspects)}"
    warnings = [symptom for symptom in symptoms if symptom.severity is not Severity.INFO]
    judged = [slo for slo in slos if slo.met is not None]
    if not judged:
        verdict = "Too few requests to judge any SLO" if slos else "No SLO is set"
    elif len(judged) < len(slos):
        verdict = f"{len(judged)} of {len(slos)} SLOs can be judged and are met"
    else:
        verdict = "All SLOs are met" if len(slos) > 1 else "The SLO is met"
    worst = fault or next(iter(warnings), None)
    return f"{verdict}; {worst.sentence}" if worst else f"{verdict}."


def _cause(fault: Suspect | None, blames: Sequence[Blame], suspects: Sequence[Suspect]) -> str:
    """The most likely suspect, and a remark if the violation was traced to another workload."""
    blamed = blames[0].workload if blames else None
    if fault is None:
        return ""
    if fault.subject == blamed:
        return f" {fault.sentence}"
    elsewhere = f" But the most likely fault is elsewhere: {fault.sentence}"
    own = next((suspect for suspect in suspects if suspect.subject == blamed), None)
    return f"{elsewhere} {own.sentence}" if own else elsewhere
