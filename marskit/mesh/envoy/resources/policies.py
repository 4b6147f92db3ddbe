"""The traffic policy of one destination, put together from the parts of its DestinationRule."""

from dataclasses import replace

from marskit.mesh.manifests.istio import DestinationRule
from marskit.mesh.manifests.traffic_policy import TrafficPolicy


def effective(rule: DestinationRule, subset: str | None, port: int) -> TrafficPolicy:
    """The policy for a subset and a port: each part is taken from the subset's, or else from the host's.

    As in Istio, settings for the port replace all of these parts, those they leave out by the defaults.
    """
    of_subsets = (each.traffic_policy for each in rule.subsets if each.name == subset)
    policy = _for_port(rule.traffic_policy or TrafficPolicy(), port)
    for narrower in of_subsets:
        if narrower is not None:
            policy = _for_port(_over(policy, narrower), port, narrower)
    return policy


def _for_port(policy: TrafficPolicy, port: int, narrower: TrafficPolicy | None = None) -> TrafficPolicy:
    written = dict((narrower or policy).ports)
    return replace(written[port], retry_budget=policy.retry_budget) if port in written else policy


def _over(policy: TrafficPolicy, narrower: TrafficPolicy) -> TrafficPolicy:
    balancing = narrower if narrower.load_balancer or narrower.consistent_hash or narrower.warmup else policy
    outliers = narrower if narrower.outlier_detection else policy
    return TrafficPolicy(
        load_balancer=balancing.load_balancer,
        consistent_hash=balancing.consistent_hash,
        warmup=balancing.warmup,
        connection_pool=narrower.connection_pool or policy.connection_pool,
        outlier_detection=outliers.outlier_detection,
        outlier_choice=outliers.outlier_choice,
        retry_budget=narrower.retry_budget or policy.retry_budget,
    )
