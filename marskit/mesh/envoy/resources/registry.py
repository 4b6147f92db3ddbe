"""Look-up of a destination in the manifests: its Service, workloads and traffic policy."""

from marskit.mesh.manifests.istio import RouteDestination, TrafficPolicy
from marskit.mesh.manifests.model import ManifestError, MeshConfig
from marskit.mesh.manifests.selection import deployments_of, rule_of, service_of, subset_labels
from marskit.mesh.manifests.workloads import KubernetesService


class Registry:
    """Look-ups in one configuration, with errors that name the referring object and field."""

    def __init__(self, config: MeshConfig) -> None:
        """Look into `config`, which is never changed."""
        self.config = config

    def service(self, host: str, where: str) -> KubernetesService:
        """The Service of that host name."""
        service = service_of(self.config, host)
        if service is None:
            raise ManifestError(f"{where}.host: {host} is not a Service of these manifests.")
        return service

    def port(self, destination: RouteDestination, listener_port: int, where: str) -> int:
        """The Service port of a destination; as in Istio, a Service with one port needs no mention of it."""
        service = self.service(destination.host, where)
        known = [port for port, _ in service.ports]
        port = destination.port or (known[0] if len(known) == 1 else listener_port)
        if port not in known:
            raise ManifestError(
                f"{where}.port: Service {service.namespace}/{service.name} has no port {port}; "
                f"it has {', '.join(map(str, known))}."
            )
        return port

    def policy(self, host: str, subset: str | None) -> TrafficPolicy:
        """The host's traffic policy; settings of the subset take precedence."""
        rule = rule_of(self.config, host)
        if rule is None:
            return TrafficPolicy()
        of_subsets = (each.traffic_policy for each in rule.subsets if each.name == subset)
        written = [policy for policy in (*of_subsets, rule.traffic_policy) if policy is not None]
        balancing = next((p for p in written if p.load_balancer or p.consistent_hash), TrafficPolicy())
        outliers = next((p for p in written if p.outlier_detection), TrafficPolicy())
        return TrafficPolicy(
            load_balancer=balancing.load_balancer,
            consistent_hash=balancing.consistent_hash,
            connection_pool=next((p.connection_pool for p in written if p.connection_pool), None),
            outlier_detection=outliers.outlier_detection,
            consecutive_gateway_errors=outliers.consecutive_gateway_errors,
        )

    def workloads(self, host: str, subset: str | None, where: str) -> tuple[str, ...]:
        """The Deployments whose pods serve the host, or one subset of it."""
        labels = subset_labels(self.config, host, subset)
        if labels is None:
            rule = rule_of(self.config, host)
            known = ", ".join(each.name for each in rule.subsets) if rule else ""
            raise ManifestError(
                f"{where}.subset: no DestinationRule for {host} has subset {subset}; "
                f"known: {known or 'none'}."
            )
        service = self.service(host, where)
        return tuple(deployment.name for deployment in deployments_of(self.config, service, labels))

    def pod(self, deployment: str) -> tuple[frozenset[tuple[str, str]], str | None]:
        """Labels and namespace of a Deployment's pods; unknown for the gateway's."""
        found = next((each for each in self.config.deployments if each.name == deployment), None)
        return (frozenset(found.labels), found.namespace) if found else (frozenset(), None)

    def rule_name(self, host: str) -> str:
        """The name of a host's DestinationRule in errors."""
        rule = rule_of(self.config, host)
        return f"DestinationRule {rule.namespace}/{rule.name}" if rule else f"Service {host}"
