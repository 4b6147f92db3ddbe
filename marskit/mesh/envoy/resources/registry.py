"""Look-up of a destination in the manifests: its Service, workloads and traffic policy."""

from collections.abc import Iterable

from marskit.mesh.envoy.resources.model import ClusterKey, Listener
from marskit.mesh.envoy.resources.policies import effective
from marskit.mesh.manifests.istio import DestinationRule, RouteDestination
from marskit.mesh.manifests.model import ManifestError, MeshConfig
from marskit.mesh.manifests.selection import Labels, deployments_of, rule_of, service_of, subset_labels
from marskit.mesh.manifests.traffic_policy import TrafficPolicy
from marskit.mesh.manifests.workloads import KubernetesService


class Registry:
    """Look-ups in one configuration, with errors that name the referring object and field."""

    def __init__(self, config: MeshConfig, listeners: Iterable[Listener]) -> None:
        """Look into `config`, which is never changed, for the callers behind the listeners."""
        self.config = config
        self._namespaces = {listener.name: self.pod(listener.source)[1] for listener in listeners}

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

    def policy(self, key: ClusterKey) -> TrafficPolicy:
        """The traffic policy of a destination."""
        rule = self.rule(key)
        return effective(rule, key.subset, key.port) if rule else TrafficPolicy()

    def workloads(self, key: ClusterKey, where: str) -> tuple[str, ...]:
        """The Deployments whose pods serve a destination."""
        labels = subset_labels(self.config, key.host, key.subset, self._namespaces[key.listener])
        if labels is None:
            rule = self.rule(key)
            known = ", ".join(each.name for each in rule.subsets) if rule else ""
            caller = key.listener.partition("__")[0]
            raise ManifestError(
                f"{where}.subset: no DestinationRule for {key.host} that {caller} may use has subset"
                f" {key.subset}; known: {known or 'none'}."
            )
        service = self.service(key.host, where)
        return tuple(deployment.name for deployment in deployments_of(self.config, service, labels))

    def rule(self, key: ClusterKey) -> DestinationRule | None:
        """The DestinationRule that the caller uses for the destination."""
        return rule_of(self.config, key.host, self._namespaces[key.listener])

    def pod(self, deployment: str) -> tuple[Labels, str | None]:
        """Labels and namespace of a Deployment's pods; unknown for the gateway's."""
        found = next((each for each in self.config.deployments if each.name == deployment), None)
        return (found.labels, found.namespace) if found else ((), None)
