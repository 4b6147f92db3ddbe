"""What the manifests say about a destination: its Service, its workloads and its traffic policy."""

from marskit.mesh.envoy.resources.hosts import covers, is_wildcard
from marskit.mesh.manifests.istio import DestinationRule, RouteDestination, Subset, TrafficPolicy
from marskit.mesh.manifests.model import ManifestError, MeshConfig
from marskit.mesh.manifests.workloads import KubernetesService


class Registry:
    """Look-ups over one configuration, with errors that name the object and field that ask."""

    def __init__(self, config: MeshConfig) -> None:
        """Index `config`, which is never changed."""
        self.config = config
        self._services = {service.host: service for service in config.services}
        self._deployments = {deployment.name: deployment for deployment in config.deployments}

    def service(self, host: str, where: str) -> KubernetesService:
        """The Service of that host name."""
        if host not in self._services:
            raise ManifestError(
                f"{where}.host: there is no Service {host}; only Services are destinations here."
            )
        return self._services[host]

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

    def subset(self, host: str, name: str, where: str) -> Subset:
        """The subset of that name, from any DestinationRule for the host."""
        known = [subset for rule in self._rules(host) for subset in rule.subsets]
        for subset in known:
            if subset.name == name:
                return subset
        found = ", ".join(subset.name for subset in known) or "none"
        raise ManifestError(
            f"{where}.subset: no DestinationRule for {host} has subset {name}; known: {found}."
        )

    def policy(self, host: str, subset: str | None) -> TrafficPolicy:
        """The host's traffic policy; where the subset has a setting of its own, that one replaces it."""
        rules = self._rules(host)
        policies = [
            subset_.traffic_policy for rule in rules for subset_ in rule.subsets if subset_.name == subset
        ]
        policies += [rule.traffic_policy for rule in rules]
        written = [policy for policy in policies if policy is not None]
        balancing = next(
            (p for p in written if p.load_balancer is not None or p.consistent_hash is not None), None
        )
        return TrafficPolicy(
            load_balancer=balancing.load_balancer if balancing else None,
            consistent_hash=balancing.consistent_hash if balancing else None,
            connection_pool=next((p.connection_pool for p in written if p.connection_pool), None),
            outlier_detection=next((p.outlier_detection for p in written if p.outlier_detection), None),
        )

    def workloads(self, host: str, subset: str | None, where: str) -> tuple[str, ...]:
        """The Deployments whose pods answer for the host, or for one subset of it."""
        service = self.service(host, where)
        wanted = set(service.selector)
        if not wanted:
            return ()
        if subset is not None:
            wanted |= set(self.subset(host, subset, where).labels)
        return tuple(
            deployment.name
            for deployment in self.config.deployments
            if deployment.namespace == service.namespace and wanted <= set(deployment.labels)
        )

    def pod(self, deployment: str) -> tuple[frozenset[tuple[str, str]], str | None]:
        """Labels and namespace of a Deployment's pods; nothing is known of the gateway's."""
        found = self._deployments.get(deployment)
        return (frozenset(found.labels), found.namespace) if found else (frozenset(), None)

    def rule_name(self, host: str) -> str:
        """How the DestinationRule that speaks for the host is called in errors."""
        return ", ".join(f"DestinationRule {rule.namespace}/{rule.name}" for rule in self._rules(host))

    def _rules(self, host: str) -> list[DestinationRule]:
        """The rules for a host; those that name it, else the one with the longest wildcard."""
        rules = self.config.destination_rules
        exact = [rule for rule in rules if rule.host == host]
        wild = [rule for rule in rules if is_wildcard(rule.host) and covers(rule.host, host)]
        return exact or sorted(wild, key=lambda rule: -len(rule.host))[:1]
