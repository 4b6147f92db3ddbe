"""Utility of one cycle, term by term."""

from marskit.domain.config import Configuration
from marskit.domain.goals import Goals, Utility
from marskit.domain.observation import Observation
from marskit.domain.topology import GATEWAY, Topology


def entry_services(topology: Topology, goals: Goals) -> tuple[str, ...]:
    """The services whose users count: those with an SLO that the gateway calls, else all with an SLO.

    Counting inner services as well would count one user's request several times.
    """
    with_slo = tuple(slo.service for slo in goals.slos)
    entered = set(topology.callees(GATEWAY))
    return tuple(service for service in with_slo if service in entered) or with_slo


def utility(
    observation: Observation,
    *,
    topology: Topology,
    goals: Goals,
    configuration: Configuration,
    actions: int,
    period_s: float,
) -> Utility:
    """Utility gained, lost and paid per second; `actions` is the number executed in this period."""
    served = violated = failed = 0.0
    for name in entry_services(topology, goals):
        service = observation.service(name)
        successes_per_s = service.requests_per_s - service.failures_per_s
        slow = successes_per_s * (service.slow_percent or 0.0) / 100.0
        served += successes_per_s - slow
        violated += slow
        failed += service.failures_per_s
    replicas = sum(count for _, count in configuration.replicas)
    return Utility(
        served_within_slo=served,
        violated=violated,
        failed=failed,
        replica_cost=replicas * goals.replica_cost_per_s,
        action_churn=actions * goals.action_cost / period_s,
    )
